// IKE_SA_INIT, the initiator's side (RFC 7296 §1.2, §2.6, §2.23).
#include "ike/v2/ike_sa_init.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/channels.hpp"
#include "ike/v2/dh_jobs.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/init_payloads.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

void make_own_pair(Turn& turn) {
    make_dh_pair(turn.core, turn.sa.serial, turn.sa.group,
                 [&core = turn.core](IkeSa& sa, std::shared_ptr<DhKeyPair> pair, Time now) {
                     Turn later{core, sa, now};
                     sa.dh = std::move(pair);
                     core.raise(later, sa.dh ? SaEvent::pair_made : SaEvent::crypto_failed);
                 });
}

IkeSa& make_initiator(Core& core, const Address& local, const Address& gateway, Time deadline, Time now) {
    IkeSa& sa = core.make_sa({local, 500}, {gateway, 500}, now);
    sa.state = SaState::pairing;
    sa.initiator = true;
    sa.spi_i = core.draw_spi(sa.serial);
    sa.group = core.settings.ike.groups.empty() ? DhGroup::curve25519 : core.settings.ike.groups.front();
    sa.ni = core.random.bytes(kInitNonceLen);
    sa.offer = wire::offer_ike(core.settings.ike);
    sa.give_up = deadline;
    core.enter_exchange(sa);
    return sa;
}

}  // namespace

void start_greeting(Core& core, const Greet& request, Time now) {
    IkeSa& sa = make_initiator(core, request.local, request.remote, now + core.settings.timers.gateway, now);
    sa.own = request.own;
    sa.peer = request.peer;
    sa.candidates = request.keys;
    sa.verdict = request.verdict;
    sa.greeting = sa.initial_contact = true;
    Turn turn{core, sa, now};
    make_own_pair(turn);
}

void start_ike_sa_init(Core& core, const Initiate& request, Time deadline, Time now) {
    IkeSa& sa = make_initiator(core, request.local, request.gateway, deadline, now);
    sa.own = core.own_name(request.local);
    sa.peer = request.peer;
    sa.also = request.also;
    sa.candidates = request.keys;
    sa.verdict = request.verdict;
    sa.configured = request.configured;
    sa.initial_contact = !request.configured && core.ours_alone(sa.own) &&
                         (request.initial_contact || core.lost_peers.has({sa.own, sa.peer}));

    Child& child = core.make_child(sa, request.pair, request.connection);
    child.initiator = child.first = true;
    child.state = ChildState::offered;
    sa.first_child = child.id;

    Turn turn{core, sa, now};
    make_own_pair(turn);
}

void on_init_answer(Core& core, IkeSa& sa, ByteView datagram, const wire::Message& message, Time now) {
    Turn turn{core, sa, now};
    turn.payloads = &message.payloads;
    const wire::Payloads& payloads = message.payloads;
    if (const auto* cookie = payloads.notify(wire::NotifyType::cookie)) {
        if (cookie->data.empty() || cookie->data.size() > wire::kMaxCookieLen) {
            turn.detail = "COOKIE of a length that RFC 7296 2.6 does not allow";
            core.raise(turn, SaEvent::init_unprotected);
            return;
        }
        core.raise(turn, SaEvent::cookie_wanted);
        return;
    }
    if (const auto* group = payloads.notify(wire::NotifyType::invalid_ke_payload)) {
        const auto wanted = dh_group(group->u16().value_or(0));
        const auto& ours = core.settings.ike.groups;
        if (!wanted || *wanted == sa.group || std::find(ours.begin(), ours.end(), *wanted) == ours.end()) {
            turn.detail = "INVALID_KE_PAYLOAD asks for a group that we did not offer";
            core.raise(turn, SaEvent::init_unprotected);
            return;
        }
        core.raise(turn, SaEvent::group_wanted);
        return;
    }
    if (const auto* error = payloads.first_error()) {
        sa.heard_no_proposal |= error->type == wire::NotifyType::no_proposal_chosen;
        turn.detail = "unprotected " + wire::to_text(error->type);
        core.raise(turn, SaEvent::init_unprotected);
        return;
    }
    const auto* offer = payloads.find<wire::Sa>();
    const auto* ke = payloads.find<wire::KeyExchange>();
    const auto* nonce = payloads.find<wire::Nonce>();
    if (offer == nullptr || ke == nullptr || nonce == nullptr || message.header.spi_responder == 0) {
        turn.detail = "IKE_SA_INIT answer without SA, KE, Nonce or SPI";
        core.raise(turn, SaEvent::init_unprotected);
        return;
    }
    const auto choice = wire::check_ike_answer(sa.offer, *offer);
    if (!choice) {
        turn.detail = fmt::format("IKE_SA_INIT answer accepts what we did not offer ({})",
                                  wire::to_text(choice.error()));
        core.raise(turn, SaEvent::init_unprotected);
        return;
    }
    if (choice->suite.group != sa.group || dh_group(ke->group) != sa.group ||
        ke->data.size() != public_value_len(sa.group)) {
        turn.detail = "IKE_SA_INIT answer with a KE payload of another group or length";
        core.raise(turn, SaEvent::init_unprotected);
        return;
    }
    sa.suite = choice->suite;
    sa.spi_r = message.header.spi_responder;
    sa.nr = nonce->data;
    sa.init_answer.assign(datagram.begin(), datagram.end());
    sa.peer_hashes = hashes_of(payloads);
    sa.nat = nat_between(payloads, sa.spi_i, sa.spi_r, sa.local, sa.remote);
    sa.peer_takes_childless = payloads.notify(wire::NotifyType::childless_ikev2_supported) != nullptr;
    sa.childless = sa.peer_takes_childless && core.settings.ike.pfs == config::Pfs::strict;
    core.raise(turn, SaEvent::init_answered);
}

namespace init {

void send(Turn& turn) {
    IkeSa& sa = turn.sa;
    wire::Payloads payloads;
    if (!sa.cookie.empty()) payloads.add(wire::Notify::of(wire::NotifyType::cookie, sa.cookie));
    payloads.add(sa.offer);
    const ByteView value = sa.dh->public_value();
    payloads.add(wire::KeyExchange{static_cast<std::uint16_t>(sa.group), Bytes(value.begin(), value.end())});
    payloads.add(wire::Nonce{sa.ni});
    add_nat_detection(payloads, sa, 0);
    if (turn.core.settings.signature_form != SignatureForm::rsa_method_1) payloads.add(our_hashes());
    const wire::Header header{.spi_initiator = sa.spi_i,
                              .spi_responder = 0,
                              .exchange = wire::ExchangeType::ike_sa_init,
                              .initiator = true,
                              .response = false,
                              .message_id = 0};
    sa.init_request = wire::serialise(header, payloads);
    send_plain_request(turn, sa.init_request);
}

void retry_with_cookie(Turn& turn) {
    ++turn.sa.init_retries;
    turn.sa.cookie = turn.payloads->notify(wire::NotifyType::cookie)->data;
    send(turn);
}

void retry_with_group(Turn& turn) {
    ++turn.sa.init_retries;
    turn.sa.group = *dh_group(*turn.payloads->notify(wire::NotifyType::invalid_ke_payload)->u16());
    turn.sa.out.request.reset();
    make_own_pair(turn);
}

void note_unprotected(Turn& turn) {
    ++turn.core.counters.unprotected;
    if (turn.detail.empty()) turn.detail = "more cookies or group changes than one exchange may ask for";
    turn.sa.heard = turn.detail;
    turn.core.notice(Notice::Level::info, turn.sa.remote,
                     turn.detail + ": not authenticated, so it decides nothing; waiting goes on", turn.now);
}

void derive_and_sign(Turn& turn) {
    IkeSa& sa = turn.sa;
    turn.sa.out.request.reset();
    if (sa.nat) {  // RFC 7296 §2.23: IKE goes on over port 4500
        sa.local.port = sa.remote.port = 4500;
        turn.core.notice(Notice::Level::info, sa.remote, "an address translator (NAT) is on the path",
                         turn.now);
    }
    compute_initiator_auth(turn);
}

/// The peer learns of our restart with the next exchange that keys a pair.
void leave_alone(Turn& turn) {
    const Address gateway = turn.sa.remote.address;
    end_greeting(turn, "it takes no IKE_AUTH without a child (RFC 6023)");
    turn.core.bury(turn.sa);
    serve_waiting(turn.core, gateway, turn.now);
}

void fail_crypto(Turn& turn) {
    fail_exchange(turn, Failure::silence, "the crypto library refused to make a Diffie-Hellman pair");
}

void fail_silent(Turn& turn) {
    const IkeSa& sa = turn.sa;
    fail_exchange(turn, sa.heard_no_proposal ? Failure::no_proposal : Failure::silence,
                  sa.heard.empty() ? fmt::format("{} did not answer IKE_SA_INIT; is UDP port 500 open there?",
                                                 sa.remote.address.text())
                                   : fmt::format("{} answered IKE_SA_INIT only with {}",
                                                 sa.remote.address.text(), sa.heard));
}

}  // namespace init

}  // namespace oegate::ike::v2
