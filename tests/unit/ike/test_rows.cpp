// Each row of the engine's two machines by itself: an IKE SA (and a child) is put into
// the row's state, the row's facts are made true and its event happens. The row, and no
// other, must take it, and leave the state that it says. What the rows do together is
// the exchange tests' matter.
#include <deque>

#include "catch.hpp"
#include "ike/crypto/rsa.hpp"
#include "ike/v2/child_offer.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/ike_sa_init.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/rows.hpp"

using namespace oegate;
using namespace oegate::ike;
using namespace oegate::ike::v2;

namespace {

const PrivateKey& key() {
    static const PrivateKey made = PrivateKey::generate(2048).value();
    return made;
}

class Pool final : public CryptoPool {
  public:
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    std::deque<Job> jobs;
};

class Spis final : public SpiAllocator {
  public:
    std::optional<std::uint32_t> allocate(const Pair&) override { return ++last; }
    void release(std::uint32_t) override {}
    std::uint32_t last = 0x01000000;
};

const Pair kPair{Address::ipv4(192, 1, 0, 65), Address::ipv4(192, 2, 0, 66)};
const Endpoint kLocal{Address::ipv4(192, 1, 1, 5), 500}, kRemote{Address::ipv4(192, 1, 2, 5), 500};

bool is_successor(SaState state) {
    return state >= SaState::succ_pairing && state <= SaState::succ_held;
}
bool is_live(SaState state) {
    return state == SaState::established || state == SaState::rekeyed || state == SaState::closing;
}

struct Bench {
    Bench(SaState state, const Guard& guard, bool bounded) : random(11) {
        settings.identities = {kLocal.address};
        if (bounded && (guard.none & SaFact::may_verify) != 0) settings.limits.verifications = 0;
        if (bounded && (guard.none & SaFact::room) != 0) settings.limits.ike_sas_per_peer = 0;
        core = std::make_unique<Core>(settings, key(), random, spis, pool);
        pair = std::make_shared<DhKeyPair>(std::move(*DhKeyPair::generate(DhGroup::curve25519, random)));
        sa = &make(state);
    }

    IkeSa& make(SaState state) {
        IkeSa& made = core->make_sa(kLocal, kRemote, now);
        made.state = state;
        made.initiator = state < SaState::answering || is_successor(state);
        made.spi_i = 0x1111;
        made.spi_r = 0x2222;
        (made.initiator ? made.spi_i : made.spi_r) = core->draw_spi(made.serial);
        made.own = Identity::of(kLocal.address);
        made.peer = Identity::of(kRemote.address);
        made.offer = wire::offer_ike(config::Ike{}, made.spi_i);
        made.suite = wire::choose_ike(wire::offer_ike(config::Ike{}), config::Ike{}, 31).value().suite;
        made.ni = made.nr = Bytes(32, 5);
        made.lowest_nonce = made.ni;
        made.dh = pair;
        made.candidates = {key().public_key()};
        made.auth_payloads = payloads(false);
        install_ike_keys(made, derive_ike_keys(made.suite, Secret(Bytes(32, 9)), made.ni, made.nr, made.spi_i,
                                               made.spi_r));
        made.in.expected = 2;
        made.in.busy = true;
        made.in.local = kLocal;
        made.in.remote = kRemote;
        if (is_live(state)) {
            made.established_at = now;
            if (state == SaState::established) core->enter_channel(made);
        }
        return made;
    }

    /// Everything that any message may hold.
    wire::Payloads payloads(bool of_ike) const {
        wire::Payloads all;
        all.add(wire::Identification::of(wire::PayloadType::id_i, Identity::of(kRemote.address)));
        all.add(wire::Identification::of(wire::PayloadType::id_r, Identity::of(kRemote.address)));
        all.add(wire::Authentication{wire::AuthMethod::rsa_signature, Bytes(256, 1)});
        all.add(of_ike ? wire::offer_ike(config::Ike{}, 0x77)
                       : wire::offer_esp(config::Ike{}, 0x10000078, false));
        all.add(wire::KeyExchange{31, Bytes(pair->public_value().begin(), pair->public_value().end())});
        all.add(wire::Nonce{Bytes(32, 6)});
        all.add(wire::Notify::of(wire::NotifyType::cookie, Bytes(16, 3)));
        all.add(wire::Notify::of_u16(wire::NotifyType::invalid_ke_payload, 14));
        add_selectors(all, kPair);
        return all;
    }

    /// The IKE SAs around this one, and what makes the guard hold.
    void arrange(const Guard& guard) {
        if (is_successor(sa->state)) {
            IkeSa& old = make(SaState::established);
            old.out.active = Task{.kind = Task::Kind::rekey_ike, .successor = sa->serial};
            sa->predecessor = old.serial;
            const bool asked_by_peer =
                sa->state == SaState::succ_answering || sa->state == SaState::succ_held;
            (asked_by_peer ? old.rival : old.successor) = sa->serial;
            if (guard.all & SaFact::rekey_under_way) old.successor = make(SaState::succ_sent).serial;
        } else {
            if (guard.all & SaFact::rekey_under_way) sa->successor = make(SaState::succ_sent).serial;
            if (guard.all & SaFact::rival) sa->rival = make(SaState::succ_held).serial;
        }
        if (guard.none & SaFact::retry_left) sa->init_retries = kMaxInitRetries;
        if (guard.all & SaFact::child_busy) sa->children.num_changing = 1;
        if (guard.all & SaFact::childless) {
            sa->greeting = sa->initiator;
            sa->auth_payloads = {};
            sa->auth_payloads.add(
                wire::Identification::of(wire::PayloadType::id_i, Identity::of(kRemote.address)));
        } else if (guard.none & SaFact::offer_ok) {
            sa->auth_payloads = {};
            sa->auth_payloads.add(wire::offer_esp(config::Ike{}, 0x10000078, false));  // and no selectors
        }
        sa->peer_takes_childless = (guard.none & SaFact::refuses_none) != 0;
    }

    Child& make_child(ChildState state, const Guard& guard) {
        Child& child = core->make_child(*sa, kPair, 7);
        core->set_state(child, state);
        child.initiator = state < ChildState::asking || state >= ChildState::live;
        child.offer = wire::offer_esp(config::Ike{}, 0x10000079, (guard.all & ChildFact::pfs) != 0);
        const bool made = state >= ChildState::offered && state != ChildState::asking;
        child.spi_in = made ? ++spis.last : 0;
        core->set_spi_out(child, 0x10000080);
        child.announced = state == ChildState::installing || state >= ChildState::readying;
        child.dh = pair;
        child.ni = child.nr = Bytes(32, 4);
        child.peer_public.assign(pair->public_value().begin(), pair->public_value().end());
        if (guard.all & ChildFact::pfs) child.suite.group = DhGroup::curve25519;
        if (guard.none & ChildFact::retry_left) child.attempts = kMaxChildAttempts;
        child.unwanted = (guard.all & ChildFact::unwanted) != 0;
        child.delete_sent = (guard.all & ChildFact::delete_sent) != 0;
        return child;
    }

    Settings settings;
    Pool pool;
    Spis spis;
    SeededRandom random;
    Time now = Time{} + 1000s;
    std::shared_ptr<DhKeyPair> pair;
    std::unique_ptr<Core> core;
    IkeSa* sa = nullptr;
};

std::string in_words(const RowText& row) {
    return row.machine + " " + row.from + " / " + row.event + " (" + row.guard + ") -> " + row.to + ", " +
           row.story;
}

}  // namespace

TEST_CASE("each row of an IKE SA takes its event and leads where it says") {
    const auto words = describe_rows();
    for (std::size_t i = 0; i < sa_rows().size(); ++i) {
        const SaRow& row = sa_rows()[i];
        INFO(in_words(words[i]));
        Bench bench(row.from, row.requires_, true);
        bench.arrange(row.requires_);
        Core& core = *bench.core;
        const wire::Payloads payloads =
            bench.payloads(row.event == SaEvent::rekey_ike_received || row.event == SaEvent::rekey_answered);
        Turn turn{core, *bench.sa, bench.now};
        turn.payloads = &payloads;
        turn.detail = "a test";
        turn.notify = (row.requires_.all & SaFact::fatal) != 0 ? wire::NotifyType::invalid_syntax
                      : row.event == SaEvent::malformed_inside
                          ? wire::NotifyType::unsupported_critical_payload
                          : wire::NotifyType::authentication_failed;
        REQUIRE(core.raise(turn, row.event));
        CHECK(core.sa_rows_taken[i] >= 1);
        CHECK(core.counters.num_refused == 0);
        // What the row did may have led further: to the end, or on from a successor's hold.
        const IkeSa& sa = *bench.sa;
        const bool went_on = row.to == SaState::succ_held || row.to == SaState::succ_deriving ||
                             row.event == SaEvent::auth_answered;
        CHECK((sa.state == row.to || sa.buried || went_on));
        core.finish();
        // And the pool's jobs, whatever they find, find a machine that is whole.
        for (int job = 0; job < 10 && !bench.pool.jobs.empty(); ++job) {
            Job next = std::move(bench.pool.jobs.front());
            bench.pool.jobs.pop_front();
            next.work();
            next.done(bench.now);
        }
    }
}

TEST_CASE("each row of a child takes its event and leads where it says") {
    const auto words = describe_rows();
    for (std::size_t i = 0; i < child_rows().size(); ++i) {
        const ChildRow& row = child_rows()[i];
        INFO(in_words(words[sa_rows().size() + i]));
        Bench bench(SaState::established, {}, false);
        Core& core = *bench.core;
        Child& child = bench.make_child(row.from, row.requires_);
        const ChildId id = child.id;
        if (row.from == ChildState::offered || row.from == ChildState::pairing ||
            row.from == ChildState::deriving)
            bench.sa->out.active = Task{.kind = Task::Kind::create_child, .child = id};
        const wire::Payloads payloads = bench.payloads(false);
        Turn turn{core, *bench.sa, bench.now};
        turn.payloads = &payloads;
        turn.detail = "a test";
        turn.notify = wire::NotifyType::temporary_failure;
        REQUIRE(core.raise(turn, child, row.event));
        CHECK(core.child_rows_taken[i] == 1);
        CHECK(core.counters.num_refused == 0);
        CHECK(child.state == row.to);
        core.finish();
        for (int job = 0; job < 10 && !bench.pool.jobs.empty(); ++job) {
            Job next = std::move(bench.pool.jobs.front());
            bench.pool.jobs.pop_front();
            next.work();
            next.done(bench.now);
        }
        CHECK((row.to != ChildState::gone || core.find_child(id) == nullptr));
    }
}
