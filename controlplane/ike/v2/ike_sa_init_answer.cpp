// IKE_SA_INIT, the responder's side (RFC 7296 §1.2, §2.6): bounds and cookies before any
// state, then the Diffie-Hellman.
#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/dh_jobs.hpp"
#include "ike/v2/ike_sa_init.hpp"
#include "ike/v2/init_payloads.hpp"
#include "ike/v2/key_log.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

void send_unprotected(Core& core, const Endpoint& local, const Endpoint& remote, const wire::Header& request,
                      wire::Notify notify) {
    wire::Payloads payloads;
    payloads.add(std::move(notify));
    wire::Header header = request;
    header.initiator = false;
    header.response = true;
    core.emit(SendDatagram{local, remote, wire::serialise(header, payloads)});
}

}  // namespace

void on_init_request(Core& core, const Endpoint& local, const Endpoint& remote, ByteView datagram,
                     const wire::Message& message, Time now) {
    const wire::Payloads& payloads = message.payloads;
    const auto refuse = [&](std::string text) {
        ++core.counters.refused_requests;
        core.notice(Notice::Level::info, remote, std::move(text), now);
    };
    if (core.shutting_down) return;  // x.shutdown: offers are ignored
    const auto* offer = payloads.find<wire::Sa>();
    const auto* ke = payloads.find<wire::KeyExchange>();
    const auto* nonce = payloads.find<wire::Nonce>();
    if (offer == nullptr || ke == nullptr || nonce == nullptr) {
        ++core.counters.malformed;
        core.notice(Notice::Level::warning, remote,
                    fmt::format("IKE_SA_INIT request refused: no {} payload", offer == nullptr ? "SA"
                                                                              : ke == nullptr  ? "KE"
                                                                                               : "Nonce"),
                    now);
        return;
    }
    const std::uint64_t spi_i = message.header.spi_initiator;
    const Core::InitKey init_key{remote, spi_i, nonce->data};
    if (const auto known = core.init_requests.find(init_key); known != core.init_requests.end()) {
        // A repetition: the same answer, or silence while we work on it (RFC 7296 §2.1).
        IkeSa* sa = core.find(known->second);
        if (sa != nullptr && sa->state == SaState::half_open &&
            std::equal(datagram.begin(), datagram.end(), sa->init_request.begin(), sa->init_request.end()))
            core.emit(SendDatagram{local, remote, sa->init_answer});
        return;
    }
    const bool many_channels = core.too_many_channels(remote.address);
    if (many_channels || core.overfull(remote.address)) {
        ++(many_channels ? core.counters.channels_over_share : core.counters.half_open_dropped);
        if (!many_channels && core.half_open_of(remote.address) >= core.settings.ike.half_open_per_source * 4)
            ++core.counters.half_open_over_share;
        if (!core.may_notice(now)) return;
        core.notice(Notice::Level::warning, remote,
                    many_channels ? "IKE_SA_INIT dropped: as many IKE SAs of this source as "
                                    "limits.ike-sas-per-source allows"
                                  : "too many half-open exchanges of this source, or in total; dropped",
                    now);
        return;
    }
    if (core.wants_cookie(remote.address)) {
        const auto* cookie = payloads.notify(wire::NotifyType::cookie);
        if (cookie == nullptr || !core.cookies.check(cookie->data, remote, spi_i, nonce->data, now)) {
            ++core.counters.cookies_sent;
            if (core.half_open_of(remote.address) >= core.settings.ike.half_open_per_source)
                ++core.counters.cookies_for_share;
            send_unprotected(core, local, remote, message.header,
                             wire::Notify::of(wire::NotifyType::cookie,
                                              core.cookies.make(remote, spi_i, nonce->data, now)));
            return;
        }
    }
    const auto choice = wire::choose_ike(*offer, core.settings.ike, ke->group);
    if (!choice) {
        send_unprotected(core, local, remote, message.header,
                         wire::Notify::of(wire::NotifyType::no_proposal_chosen));
        return refuse(
            "IKE_SA_INIT request refused: no proposal in common (AES-GCM-16 with a 16-byte ICV, "
            "PRF HMAC-SHA2 and group 14 or 31 are needed)");
    }
    if (dh_group(ke->group) != choice->suite.group) {
        send_unprotected(core, local, remote, message.header,
                         wire::Notify::of_u16(wire::NotifyType::invalid_ke_payload,
                                              static_cast<std::uint16_t>(choice->suite.group)));
        return;
    }
    if (ke->data.size() != public_value_len(choice->suite.group)) {
        ++core.counters.malformed;
        return refuse("IKE_SA_INIT request refused: KE payload: length does not fit its group");
    }

    IkeSa& sa = core.make_sa(local, remote, now);
    sa.state = SaState::answering;
    sa.initiator = false;
    sa.opened_by_peer = true;
    sa.spi_i = spi_i;
    sa.spi_r = core.draw_spi(sa.serial);
    sa.own = core.own_identity(local.address);
    sa.suite = choice->suite;
    sa.offer = choice->answer;
    sa.group = choice->suite.group;
    sa.ni = nonce->data;
    sa.nr = core.random.bytes(kInitNonceLen);
    sa.peer_hashes = hashes_of(payloads);
    sa.init_request.assign(datagram.begin(), datagram.end());
    sa.in.expected = 1;
    sa.nat = nat_between(payloads, spi_i, 0, local, remote);
    sa.give_up = now + core.settings.timers.half_open;
    sa.init_key = init_key;
    core.init_requests.emplace(init_key, sa.serial);
    core.enter_half_open(sa);

    make_dh_answer(core, sa.serial, sa.group, ke->data, [&core](IkeSa& ours, DhAnswer result, Time later) {
        Turn turn{core, ours, later};
        if (!result.pair) {
            turn.detail = std::string("KE payload: ") + std::string(to_text(result.error));
            core.raise(turn, SaEvent::crypto_failed);
            return;
        }
        ours.dh = std::move(result.pair);
        const Secret seed = skeyseed(ours.suite.prf, ours.ni, ours.nr, result.g_ir.view());
        install_ike_keys(ours, derive_ike_keys(ours.suite, seed, ours.ni, ours.nr, ours.spi_i, ours.spi_r));
        log_ike_keys(core, ours);
        core.raise(turn, SaEvent::secret_made);
    });
}

namespace init {

void answer_request(Turn& turn) {
    IkeSa& sa = turn.sa;
    wire::Payloads payloads;
    payloads.add(sa.offer);
    const ByteView value = sa.dh->public_value();
    payloads.add(wire::KeyExchange{static_cast<std::uint16_t>(sa.group), Bytes(value.begin(), value.end())});
    payloads.add(wire::Nonce{sa.nr});
    add_nat_detection(payloads, sa, sa.spi_r);
    if (turn.core.settings.signature_form != SignatureForm::rsa_method_1) payloads.add(our_hashes());
    if (turn.core.settings.announce_childless)
        payloads.add(wire::Notify::of(wire::NotifyType::childless_ikev2_supported));  // RFC 6023 §3
    const wire::Header header{.spi_initiator = sa.spi_i,
                              .spi_responder = sa.spi_r,
                              .exchange = wire::ExchangeType::ike_sa_init,
                              .initiator = false,
                              .response = true,
                              .message_id = 0};
    sa.init_answer = wire::serialise(header, payloads);
    sa.dh.reset();
    send_datagram(turn, sa.local, sa.remote, sa.init_answer);
}

void drop_half_open(Turn& turn) {
    if (!turn.detail.empty()) {
        ++turn.core.counters.malformed;
        turn.core.notice(Notice::Level::warning, turn.sa.remote,
                         "IKE_SA_INIT request refused: " + turn.detail, turn.now);
    } else {
        ++turn.core.counters.half_open_expired;
    }
    turn.core.bury(turn.sa);
}

}  // namespace init

}  // namespace oegate::ike::v2
