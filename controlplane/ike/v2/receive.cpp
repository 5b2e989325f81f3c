// What arrives: finds the IKE SA of a datagram, keeps its windows' rules (RFC 7296
// §2.1-2.3), opens what is encrypted and tells the machine which event it is.
#include "ike/v2/receive.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/ike_sa_init.hpp"
#include "ike/v2/informational.hpp"
#include "ike/v2/rekey_ike_sa.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

void malformed(Core& core, const Endpoint& remote, const std::string& text, Time now) {
    ++core.counters.malformed;
    core.notice(Notice::Level::warning, remote, "malformed IKE message refused: " + text, now);
}

void receive_init(Core& core, const Endpoint& local, const Endpoint& remote, ByteView payload,
                  const wire::Header& header, Time now) {
    const auto message = wire::parse(payload);
    if (!message) return malformed(core, remote, message.error().text(), now);
    if (message->encrypted() || header.message_id != 0)
        return malformed(core, remote, "IKE_SA_INIT that is encrypted or has a message ID", now);
    if (!header.response) {
        if (!header.initiator || header.spi_responder != 0)
            return malformed(core, remote,
                             "IKE_SA_INIT request with a responder SPI or without the initiator flag", now);
        on_init_request(core, local, remote, payload, *message, now);
        return;
    }
    IkeSa* sa = core.find_by_spi(header.spi_initiator);
    if (sa == nullptr || !sa->initiator || header.initiator || remote.address != sa->remote.address) {
        ++core.counters.unknown_spi;
        return;
    }
    if (sa->state != SaState::init_sent) {  // a repetition, or too late
        ++core.counters.repeated;
        return;
    }
    on_init_answer(core, *sa, payload, *message, now);
}

/// Of no IKE SA of ours, or of nobody. An encrypted request is told so, unprotected and seldom,
/// so that an honest peer looks whether we are still there (RFC 7296 §1.5, §2.21.4). What is
/// not encrypted may itself be such a word, of ESP, and is never answered.
void unknown_spi(Core& core, const Endpoint& local, const Endpoint& remote, const wire::Header& header,
                 bool encrypted, Time now) {
    ++core.counters.unknown_spi;
    const std::uint64_t own_spi = header.initiator ? header.spi_responder : header.spi_initiator;
    if (core.may_notice(now))
        core.notice(Notice::Level::info, remote,
                    fmt::format("{} for an IKE SA that we do not have (SPI {:016x})",
                                wire::to_text(header.exchange), own_spi),
                    now);
    if (header.response || !encrypted || core.shutting_down || !core.unknown_spi_answers.take(now)) return;
    ++core.counters.invalid_spi_answered;
    wire::Header answer = header;
    answer.initiator = !header.initiator;
    answer.response = true;
    wire::Payloads payloads;
    payloads.add(wire::Notify::of(wire::NotifyType::invalid_ike_spi));
    core.emit(SendDatagram{local, remote, wire::serialise(answer, payloads)});
}

/// What cannot be opened decides nothing (g.unprotected, RFC 7296 §2.21).
void not_opened(Core& core, const IkeSa& sa, const Endpoint& remote, const OpenError& error, Time now) {
    switch (error.kind) {
        case OpenError::Kind::not_encrypted:
            ++core.counters.unprotected;
            core.notice(
                Notice::Level::warning, remote,
                fmt::format("unprotected message on the IKE SA with {}: decides nothing", sa.peer.text()),
                now);
            return;
        case OpenError::Kind::authentication:
            ++core.counters.bad_icv;
            core.notice(
                Notice::Level::warning, remote,
                fmt::format("message on the IKE SA with {} is not authentic: ignored", sa.peer.text()), now);
            return;
        default:
            malformed(core, remote, error.text(), now);
    }
}

void dispatch_request(Turn& turn, const wire::Payloads& payloads) {
    IkeSa& sa = turn.sa;
    turn.payloads = &payloads;
    switch (sa.in.exchange) {
        case wire::ExchangeType::ike_auth:
            if (sa.state == SaState::half_open) {
                if (sa.in.remote.address != sa.remote.address) break;  // RFC 7296 §2.23: the port may move
                sa.local = sa.in.local;
                sa.remote = sa.in.remote;
                on_auth_request(turn, payloads);
                return;
            }
            turn.core.raise(turn, SaEvent::auth_received);
            return;
        case wire::ExchangeType::create_child_sa: {
            const auto* offer = payloads.find<wire::Sa>();
            if (offer == nullptr || offer->proposals.empty()) {
                turn.notify = wire::NotifyType::invalid_syntax;
                turn.detail = "CREATE_CHILD_SA request without SA payload";
                turn.core.raise(turn, SaEvent::malformed_inside);
                return;
            }
            const bool for_ike = offer->proposals.front().protocol == wire::ProtocolId::ike;
            turn.core.raise(turn, for_ike ? SaEvent::rekey_ike_received : SaEvent::create_child_received);
            return;
        }
        case wire::ExchangeType::informational: {
            const auto deletes = payloads.deletes();
            const bool whole = std::any_of(deletes.begin(), deletes.end(), [](const wire::Delete* d) {
                return d->protocol == wire::ProtocolId::ike;
            });
            turn.core.raise(turn, whole ? SaEvent::ike_delete_received : SaEvent::informational_received);
            return;
        }
        default:
            break;
    }
    turn.notify = wire::NotifyType::invalid_syntax;
    turn.detail = "exchange type that is not spoken, or a moved address: " + wire::to_text(sa.in.exchange);
    turn.core.raise(turn, SaEvent::malformed_inside);
}

void receive_request(Core& core, IkeSa& sa, const Endpoint& local, const Endpoint& remote, ByteView payload,
                     const wire::Message& message, Time now) {
    Turn turn{core, sa, now};
    InWindow& in = sa.in;
    const std::uint32_t id = message.header.message_id;
    if (id != in.expected || in.busy) {
        // The last request again: its answer again, byte by byte; silence while it is
        // being worked on, and nothing starts twice (RFC 7296 §2.1, r.wait).
        const bool same = id + 1 == in.expected &&
                          std::equal(payload.begin(), payload.end(), in.request.begin(), in.request.end());
        if (same) {
            ++core.counters.repeated;
            repeat_answer(turn);
        } else {
            ++core.counters.out_of_window;
        }
        return;
    }
    const auto opened = sa.opener->open(payload, message);
    if (!opened && opened.error().kind != OpenError::Kind::inside)
        return not_opened(core, sa, remote, opened.error(), now);
    InWindow before = in;
    in = InWindow{.expected = id + 1,
                  .request = Bytes(payload.begin(), payload.end()),
                  .answer = {},
                  .busy = true,
                  .exchange = message.header.exchange,
                  .local = local,
                  .remote = remote};
    const std::uint64_t refused = core.counters.num_refused;
    if (!opened) {
        ++core.counters.malformed;
        turn.notify = opened.error().error.notify();
        turn.detail = opened.error().text();
        if (turn.notify == wire::NotifyType::unsupported_critical_payload)
            turn.notify_data = {static_cast<std::uint8_t>(opened.error().error.payload)};
        core.raise(turn, SaEvent::malformed_inside);
    } else {
        sa.last_heard = now;
        dispatch_request(turn, *opened);
    }
    // No row took it: as if it had not come, so that its repetition may find one.
    if (!sa.buried && core.counters.num_refused != refused && sa.in.busy && sa.in.answer.empty())
        sa.in = std::move(before);
}

void receive_answer(Core& core, IkeSa& sa, const Endpoint& remote, ByteView payload,
                    const wire::Message& message, Time now) {
    OutWindow& out = sa.out;
    if (!out.request || out.request->id != message.header.message_id) {
        ++core.counters.out_of_window;
        return;
    }
    auto opened = sa.opener->open(payload, message);
    if (!opened && opened.error().kind != OpenError::Kind::inside)
        return not_opened(core, sa, remote, opened.error(), now);
    if (!opened) {  // authentic nonsense: as an answer without payloads
        malformed(core, remote, opened.error().text(), now);
        opened = wire::Payloads{};
    }
    sa.last_heard = now;
    Turn turn{core, sa, now};
    turn.payloads = &*opened;
    if (message.header.exchange == wire::ExchangeType::ike_auth && sa.state == SaState::auth_sent) {
        on_auth_answer(turn, *opened);
    } else if (out.active && out.active->kind == Task::Kind::create_child) {
        on_child_answer(turn, *opened);
    } else if (out.active && out.active->kind == Task::Kind::rekey_ike) {
        on_ike_rekey_answer(turn, *opened);
    } else if (out.active) {
        on_informational_answer(turn);
    }
}

}  // namespace

void receive(Core& core, const Endpoint& local, const Endpoint& remote, ByteView payload, Time now) {
    const auto header = wire::parse_header_any_version(payload);
    if (!header) return malformed(core, remote, header.error().text(), now);
    if (header->major_version != 2) {
        // RFC 7296 §2.5; as seldom as the other answers to nobody in particular (§2.21.4).
        if (header->major_version > 2 && !header->response && core.unknown_spi_answers.take(now)) {
            wire::Header answer = *header;
            answer.initiator = false;
            answer.response = true;
            wire::Payloads payloads;
            payloads.add(wire::Notify::of(wire::NotifyType::invalid_major_version));
            core.emit(SendDatagram{local, remote, wire::serialise(answer, payloads)});
        }
        return malformed(core, remote,
                         fmt::format("IKE version {}.{}; only IKEv2 is spoken", header->major_version,
                                     header->minor_version),
                         now);
    }
    if (header->exchange == wire::ExchangeType::ike_sa_init) {
        receive_init(core, local, remote, payload, *header, now);
        return;
    }
    const std::uint64_t own_spi = header->initiator ? header->spi_responder : header->spi_initiator;
    const std::uint64_t peer_spi = header->initiator ? header->spi_initiator : header->spi_responder;
    IkeSa* sa = own_spi == 0 ? nullptr : core.find_by_spi(own_spi);
    if (sa == nullptr || sa->initiator == header->initiator || !sa->opener ||
        peer_spi != (sa->initiator ? sa->spi_r : sa->spi_i)) {
        constexpr std::size_t kNextPayload = 16;  // RFC 7296 §3.1
        const bool encrypted = payload[kNextPayload] == static_cast<std::uint8_t>(wire::PayloadType::sk);
        unknown_spi(core, local, remote, *header, encrypted, now);
        return;
    }
    const auto message = wire::parse(payload);
    if (!message) return malformed(core, remote, message.error().text(), now);
    if (header->response)
        receive_answer(core, *sa, remote, payload, *message, now);
    else
        receive_request(core, *sa, local, remote, payload, *message, now);
}

}  // namespace oegate::ike::v2
