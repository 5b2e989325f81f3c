// The engine's public face: each call becomes an event of the machines in v2/.
#include "ike/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/channels.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/informational.hpp"
#include "ike/v2/invalid_spi.hpp"
#include "ike/v2/receive.hpp"
#include "ike/v2/rekey_ike_sa.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike {

using namespace v2;

class Engine::Impl {
  public:
    Impl(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
         CryptoPool& pool)
        : core(settings, key, random, spis, pool) {}

    /// change(turn, child), when the child and its IKE SA are still there.
    template <class Change>
    void with_child(ChildId id, Time now, Change change) {
        Child* child = core.find_child(id);
        IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
        if (sa != nullptr) {
            Turn turn{core, *sa, now};
            change(turn, *child);
        }
        core.finish();
    }

    Core core;
};

namespace {

void run_timers(Core& core, IkeSa& sa, Time now) {
    Turn turn{core, sa, now};
    if (sa.remove_at <= now) {
        core.bury(sa);
        return;
    }
    if (sa.late <= now) {
        sa.late = kNever;
        core.raise(turn, SaEvent::silent);
        return;
    }
    if (sa.give_up <= now) {
        sa.give_up = kNever;
        const bool unanswered = sa.state == SaState::pairing || sa.state == SaState::init_sent;
        core.raise(turn, unanswered ? SaEvent::silent : SaEvent::overdue);
        if (sa.buried) return;
    }
    if (!retransmit(turn)) {
        core.raise(turn, SaEvent::silent);
        return;
    }
    for (const ChildId id : sa.children.due(now)) {
        Child* child = core.find_child(id);
        if (child == nullptr) continue;
        core.set_deadline(*child, kNever);
        report_child(turn, *child, Failure::dead_channel,
                     fmt::format("the channel to {} did not answer in time", sa.peer.text()));
        if (child->state == ChildState::waiting) core.raise(turn, *child, ChildEvent::close_asked);
    }
    if (sa.expires <= now || sa.idle_at <= now) {
        core.raise(turn, SaEvent::close_asked);
        return;
    }
    if (sa.rekey_at <= now) queue_ike_rekey(turn);
    start_next(turn);
}

}  // namespace

Engine::Engine(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
               CryptoPool& pool)
    : impl_(std::make_unique<Impl>(settings, key, random, spis, pool)) {}
Engine::~Engine() = default;

void Engine::set_key(const PrivateKey& key) {
    impl_->core.key = key;
    ++impl_->core.key_number;
}

void Engine::initiate(const Initiate& request, Time now) {
    v2::initiate(impl_->core, request, now + impl_->core.settings.timers.gateway, now);
    impl_->core.finish();
}

void Engine::forget(ConnectionId connection) {
    v2::forget(impl_->core, connection, impl_->core.last_now);
    impl_->core.finish();
}

void Engine::expect_stale(const Identity& own, const Identity& peer) {
    impl_->core.lose_peer(own, peer);
}

void Engine::greet(const Greet& request, Time now) {
    v2::greet(impl_->core, request, now);
    impl_->core.finish();
}

void Engine::on_datagram(const Endpoint& local, const Endpoint& remote, ByteView payload, Time now) {
    impl_->core.last_now = now;
    receive(impl_->core, local, remote, payload, now);
    impl_->core.finish();
}

void Engine::on_timer(Time now) {
    Core& core = impl_->core;
    core.last_now = now;
    expire_waiting(core, now);
    std::vector<Serial> due;
    while (const auto serial = core.take_due(now)) due.push_back(*serial);
    for (const Serial serial : due)
        if (IkeSa* sa = core.find(serial)) run_timers(core, *sa, now);
    core.finish();
}

Time Engine::next_deadline() const {
    return std::min(impl_->core.first_deadline(), impl_->core.waiting.first_deadline());
}

void Engine::peer_keys(IkeSaId id, std::vector<PublicKey> keys, Verdict verdict, Time now, bool configured) {
    Core& core = impl_->core;
    if (IkeSa* sa = core.find_channel(id); sa != nullptr && sa->state == SaState::finding_keys) {
        Turn turn{core, *sa, now};
        sa->candidates = std::move(keys);
        sa->verdict = verdict;
        sa->configured = configured;
        turn.detail = fmt::format("DNS gives no usable key for {}", sa->peer.text());
        core.raise(turn, sa->candidates.empty() ? SaEvent::keys_missing : SaEvent::keys_found);
    }
    core.finish();
}

void Engine::authorize(ChildId id, bool allowed, Time now) {
    impl_->with_child(id, now, [&](Turn& turn, Child& child) {
        if (child.state == ChildState::asking)
            turn.core.raise(turn, child, allowed ? ChildEvent::authorized : ChildEvent::refused);
    });
}

void Engine::child_installed(ChildId id, Time now) {
    impl_->with_child(id, now, [&](Turn& turn, Child& child) {
        if (child.state == ChildState::installing || child.state == ChildState::readying)
            turn.core.raise(turn, child, ChildEvent::installed);
    });
}

void Engine::rekey_child(ChildId id, Time now) {
    impl_->with_child(id, now, [&](Turn& turn, Child& child) {
        // Superseded, replaced or being rekeyed: it is done, or about to be.
        if (child.state != ChildState::live || turn.core.find_child(child.attempt) != nullptr) return;
        child.attempt = queue_child(turn, Pair(child.pair), child.connection, id).id;
    });
}

void Engine::delete_child(ChildId id, Time now) {
    impl_->with_child(
        id, now, [&](Turn& turn, Child& child) { turn.core.raise(turn, child, ChildEvent::close_asked); });
}

void Engine::check_liveness(ChildId id, Time now) {
    impl_->with_child(id, now, [&](Turn& turn, Child&) { hint(turn); });
}

void Engine::on_unknown_spi(const Address& local, const Address& remote, std::uint32_t spi, Time now) {
    tell_invalid_spi(impl_->core, local, remote, spi, now);
    impl_->core.finish();
}

void Engine::delete_ike_sa(IkeSaId id, Time now) {
    Core& core = impl_->core;
    if (IkeSa* sa = core.find_channel(id)) {
        Turn turn{core, *sa, now};
        core.raise(turn, SaEvent::close_asked);
    }
    core.finish();
}

void Engine::shutdown(Time now) {
    Core& core = impl_->core;
    core.shutting_down = true;
    for (const Waiting& item : core.waiting.take_all())
        core.emit(InitiateFailed{item.request.connection, Failure::shutdown, "shutting down"});
    core.for_each([&](IkeSa& sa) {
        if (sa.predecessor != 0 && !sa.authenticated()) return;  // ends with the SA that it would replace
        Turn turn{core, sa, now};
        core.raise(turn, SaEvent::close_asked);
    });
    core.finish();
}

std::optional<IkeEvent> Engine::next_event() {
    return impl_->core.next_event();
}

std::vector<IkeSaStatus> Engine::status() const {
    std::vector<IkeSaStatus> list;
    impl_->core.for_each([&](IkeSa& sa) {
        list.push_back({sa.channel, sa.local, sa.remote, sa.spi_i, sa.spi_r, sa.initiator,
                        std::string(v2::to_text(sa.state)), sa.opener ? sa.suite.text() : std::string(),
                        sa.peer, sa.verdict, sa.created, static_cast<unsigned>(sa.children.size())});
    });
    return list;
}

std::size_t Engine::num_alive() const {
    return impl_->core.num_alive();
}

std::vector<std::uint64_t> Engine::rows_taken() const {
    std::vector<std::uint64_t> all = impl_->core.sa_rows_taken;
    all.insert(all.end(), impl_->core.child_rows_taken.begin(), impl_->core.child_rows_taken.end());
    return all;
}

Load Engine::load() const {
    return impl_->core.load();
}
const Counters& Engine::counters() const {
    return impl_->core.counters;
}

}  // namespace oegate::ike
