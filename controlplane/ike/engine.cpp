// The engine's public face: finds the IKE SA of a datagram, keeps its windows'
// rules (RFC 7296 §2.1-2.3), opens what is encrypted and tells the machine of v2/
// which event it is. Timers and requests from keying become events here too.
#include "ike/engine.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/channels.hpp"
#include "ike/v2/child_sa.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/ike_sa_init.hpp"
#include "ike/v2/informational.hpp"
#include "ike/v2/rekey_ike_sa.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike {

using namespace v2;

class Engine::Impl {
  public:
    Impl(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
         CryptoPool& pool)
        : core(settings, key, random, spis, pool) {}

    void receive(const Endpoint& local, const Endpoint& remote, ByteView payload, Time now);
    void run_timers(IkeSa& sa, Time now);

    Core core;

  private:
    void receive_init(const Endpoint& local, const Endpoint& remote, ByteView payload,
                      const wire::Header& header, Time now);
    void receive_request(IkeSa& sa, const Endpoint& local, const Endpoint& remote, ByteView payload,
                         const wire::Message& message, Time now);
    void receive_answer(IkeSa& sa, const Endpoint& remote, ByteView payload, const wire::Message& message,
                        Time now);
    void malformed(const Endpoint& remote, const std::string& text, Time now);
    void not_opened(const IkeSa& sa, const Endpoint& remote, const OpenError& error, Time now);
    void dispatch_request(Turn& turn, const wire::Payloads& payloads);
};

void Engine::Impl::malformed(const Endpoint& remote, const std::string& text, Time now) {
    ++core.counters.malformed;
    core.notice(Notice::Level::warning, remote, "malformed IKE message refused: " + text, now);
}

void Engine::Impl::receive(const Endpoint& local, const Endpoint& remote, ByteView payload, Time now) {
    const auto header = wire::parse_header_any_version(payload);
    if (!header) return malformed(remote, header.error().text(), now);
    if (header->major_version != 2) {
        if (header->major_version > 2 && !header->response) {  // RFC 7296 §2.5
            wire::Header answer = *header;
            answer.initiator = false;
            answer.response = true;
            wire::Payloads payloads;
            payloads.add(wire::Notify::of(wire::NotifyType::invalid_major_version));
            core.emit(SendDatagram{local, remote, wire::serialise(answer, payloads)});
        }
        return malformed(remote,
                         fmt::format("IKE version {}.{}; only IKEv2 is spoken", header->major_version,
                                     header->minor_version),
                         now);
    }
    if (header->exchange == wire::ExchangeType::ike_sa_init) {
        receive_init(local, remote, payload, *header, now);
        return;
    }
    const std::uint64_t own_spi = header->initiator ? header->spi_responder : header->spi_initiator;
    const std::uint64_t peer_spi = header->initiator ? header->spi_initiator : header->spi_responder;
    IkeSa* sa = own_spi == 0 ? nullptr : core.find_by_spi(own_spi);
    if (sa == nullptr || sa->initiator == header->initiator || !sa->opener ||
        peer_spi != (sa->initiator ? sa->spi_r : sa->spi_i)) {
        ++core.counters.unknown_spi;
        core.notice(Notice::Level::info, remote,
                    fmt::format("{} for an IKE SA that we do not have (SPI {:016x})",
                                wire::to_text(header->exchange), own_spi),
                    now);
        return;
    }
    const auto message = wire::parse(payload);
    if (!message) return malformed(remote, message.error().text(), now);
    if (header->response)
        receive_answer(*sa, remote, payload, *message, now);
    else
        receive_request(*sa, local, remote, payload, *message, now);
}

void Engine::Impl::receive_init(const Endpoint& local, const Endpoint& remote, ByteView payload,
                                const wire::Header& header, Time now) {
    const auto message = wire::parse(payload);
    if (!message) return malformed(remote, message.error().text(), now);
    if (message->encrypted() || header.message_id != 0)
        return malformed(remote, "IKE_SA_INIT that is encrypted or has a message ID", now);
    if (!header.response) {
        if (!header.initiator || header.spi_responder != 0)
            return malformed(remote, "IKE_SA_INIT request with a responder SPI or without the initiator flag",
                             now);
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

/// What cannot be opened decides nothing (g.unprotected, RFC 7296 §2.21).
void Engine::Impl::not_opened(const IkeSa& sa, const Endpoint& remote, const OpenError& error, Time now) {
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
            malformed(remote, error.text(), now);
    }
}

void Engine::Impl::receive_request(IkeSa& sa, const Endpoint& local, const Endpoint& remote, ByteView payload,
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
        return not_opened(sa, remote, opened.error(), now);
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

void Engine::Impl::dispatch_request(Turn& turn, const wire::Payloads& payloads) {
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
            core.raise(turn, SaEvent::auth_received);
            return;
        case wire::ExchangeType::create_child_sa: {
            const auto* offer = payloads.find<wire::Sa>();
            if (offer == nullptr || offer->proposals.empty()) {
                turn.notify = wire::NotifyType::invalid_syntax;
                turn.detail = "CREATE_CHILD_SA request without SA payload";
                core.raise(turn, SaEvent::malformed_inside);
                return;
            }
            const bool for_ike = offer->proposals.front().protocol == wire::ProtocolId::ike;
            core.raise(turn, for_ike ? SaEvent::rekey_ike_received : SaEvent::create_child_received);
            return;
        }
        case wire::ExchangeType::informational: {
            const auto deletes = payloads.deletes();
            const bool whole = std::any_of(deletes.begin(), deletes.end(), [](const wire::Delete* d) {
                return d->protocol == wire::ProtocolId::ike;
            });
            core.raise(turn, whole ? SaEvent::ike_delete_received : SaEvent::informational_received);
            return;
        }
        default:
            break;
    }
    turn.notify = wire::NotifyType::invalid_syntax;
    turn.detail = "exchange type that is not spoken, or a moved address: " + wire::to_text(sa.in.exchange);
    core.raise(turn, SaEvent::malformed_inside);
}

void Engine::Impl::receive_answer(IkeSa& sa, const Endpoint& remote, ByteView payload,
                                  const wire::Message& message, Time now) {
    OutWindow& out = sa.out;
    if (!out.request || out.request->id != message.header.message_id) {
        ++core.counters.out_of_window;
        return;
    }
    auto opened = sa.opener->open(payload, message);
    if (!opened && opened.error().kind != OpenError::Kind::inside)
        return not_opened(sa, remote, opened.error(), now);
    if (!opened) {  // authentic nonsense: as an answer without payloads
        malformed(remote, opened.error().text(), now);
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

void Engine::Impl::run_timers(IkeSa& sa, Time now) {
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
    for (const ChildId id : std::vector<ChildId>(sa.children)) {
        Child* child = core.find_child(id);
        if (child == nullptr || child->deadline > now) continue;
        child->deadline = kNever;
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

Engine::Engine(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
               CryptoPool& pool)
    : impl_(std::make_unique<Impl>(settings, key, random, spis, pool)) {}
Engine::~Engine() = default;

void Engine::initiate(const Initiate& request, Time now) {
    v2::initiate(impl_->core, request, now + impl_->core.settings.timers.gateway, now);
    impl_->core.finish();
}

void Engine::forget(ConnectionId connection) {
    v2::forget(impl_->core, connection, impl_->core.last_now);
    impl_->core.finish();
}

void Engine::on_datagram(const Endpoint& local, const Endpoint& remote, ByteView payload, Time now) {
    impl_->core.last_now = now;
    impl_->receive(local, remote, payload, now);
    impl_->core.finish();
}

void Engine::on_timer(Time now) {
    Core& core = impl_->core;
    core.last_now = now;
    expire_waiting(core, now);
    std::vector<Serial> due;
    while (const auto serial = core.take_due(now)) due.push_back(*serial);
    for (const Serial serial : due)
        if (IkeSa* sa = core.find(serial)) impl_->run_timers(*sa, now);
    core.finish();
}

Time Engine::next_deadline() const {
    return std::min(impl_->core.first_deadline(), first_waiting_deadline(impl_->core));
}

void Engine::peer_keys(IkeSaId id, std::vector<PublicKey> keys, Verdict verdict, Time now) {
    Core& core = impl_->core;
    if (IkeSa* sa = core.find_channel(id); sa != nullptr && sa->state == SaState::finding_keys) {
        Turn turn{core, *sa, now};
        sa->candidates = std::move(keys);
        sa->verdict = verdict;
        turn.detail = fmt::format("DNS gives no usable key for {}", sa->peer.text());
        core.raise(turn, sa->candidates.empty() ? SaEvent::keys_missing : SaEvent::keys_found);
    }
    core.finish();
}

void Engine::authorize(ChildId id, bool allowed, Time now) {
    Core& core = impl_->core;
    Child* child = core.find_child(id);
    IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
    if (sa != nullptr && child->state == ChildState::asking) {
        Turn turn{core, *sa, now};
        core.raise(turn, *child, allowed ? ChildEvent::authorized : ChildEvent::refused);
    }
    core.finish();
}

void Engine::child_installed(ChildId id, Time now) {
    Core& core = impl_->core;
    Child* child = core.find_child(id);
    IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
    if (sa != nullptr && (child->state == ChildState::installing || child->state == ChildState::readying)) {
        Turn turn{core, *sa, now};
        core.raise(turn, *child, ChildEvent::installed);
    }
    core.finish();
}

void Engine::rekey_child(ChildId id, Time now) {
    Core& core = impl_->core;
    Child* child = core.find_child(id);
    IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
    // Superseded, replaced or being rekeyed: it is done, or about to be.
    if (sa != nullptr && child->state == ChildState::live && core.find_child(child->attempt) == nullptr) {
        Turn turn{core, *sa, now};
        const Pair pair = child->pair;
        const ConnectionId connection = child->connection;
        Child& attempt = queue_child(turn, pair, connection, id);
        child->attempt = attempt.id;
    }
    core.finish();
}

void Engine::delete_child(ChildId id, Time now) {
    Core& core = impl_->core;
    Child* child = core.find_child(id);
    IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
    if (sa != nullptr) {
        Turn turn{core, *sa, now};
        core.raise(turn, *child, ChildEvent::close_asked);
    }
    core.finish();
}

void Engine::check_liveness(ChildId id, Time now) {
    Core& core = impl_->core;
    Child* child = core.find_child(id);
    IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
    const bool idle =
        sa != nullptr && sa->state == SaState::established && !sa->out.request && !sa->out.active;
    // Whatever is in flight is a liveness check too (RFC 7296 §2.4).
    if (idle && (!sa->checked_liveness || now - sa->last_liveness >= core.settings.timers.liveness)) {
        Turn turn{core, *sa, now};
        enqueue(turn, Task{.kind = Task::Kind::liveness});
    }
    core.finish();
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
    for (auto& [gateway, queue] : std::exchange(core.waiting, {}))
        for (const Waiting& item : queue)
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

const Counters& Engine::counters() const {
    return impl_->core.counters;
}

}  // namespace oegate::ike
