// What is said of ESP that nobody here can open, and what is made of such words.
#include "ike/v2/invalid_spi.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {
namespace {

constexpr std::uint32_t kFirstSpi = 256;  // those below are reserved (RFC 4303 §2.1)

/// What a worker says may be older than what it has installed since.
constexpr Duration kSettled = 10s;

/// ESP came before its SA, which is being made, or after it, whose delete is on its way.
bool is_early_or_late(Core& core, const IkeSa& sa, std::uint32_t spi, Time now) {
    return std::any_of(sa.children.begin(), sa.children.end(), [&](ChildId id) {
        const Child* child = core.find_child(id);
        if (child == nullptr || child->spi_in != spi) return false;
        const bool serves = child->state == ChildState::live || child->state == ChildState::superseded;
        return !serves || now - child->live_at < kSettled;
    });
}

/// The same gateway by its own proof: who holds this key at this address has made both.
bool same_peer(const IkeSa& a, const IkeSa& b) {
    return a.own == b.own && a.peer == b.peer && a.peer_key == b.peer_key &&
           a.remote.address == b.remote.address;
}

/// The child that we send on under this SPI: of the channel that says so, or of another one
/// with the same gateway, which may know its SA pairs by a newer channel only.
Child* child_of(Turn& turn, std::uint32_t spi) {
    if (Child* child = turn.core.child_by_spi_out(turn.sa, spi)) return child;
    for (const Serial serial : turn.core.channels_of(turn.sa.peer)) {
        const IkeSa* other = turn.core.find(serial);
        if (other == nullptr || other == &turn.sa || !same_peer(*other, turn.sa)) continue;
        if (Child* child = turn.core.child_by_spi_out(*other, spi)) return child;
    }
    return nullptr;
}

}  // namespace

void tell_invalid_spi(Core& core, const Address& local, const Address& remote, std::uint32_t spi, Time now) {
    const Duration window = core.settings.timers.liveness;
    IkeSa* newest = nullptr;
    for (const Serial serial : core.sas_with(remote)) {
        IkeSa* sa = core.find(serial);
        if (sa == nullptr || sa->local.address != local) continue;
        if (is_early_or_late(core, *sa, spi, now)) return;
        // Told already, and still sent to: it is another channel's, perhaps another gateway's
        // behind the same translator.
        if (sa->state != SaState::established || sa->told_spis.has(spi, now, window)) continue;
        if (newest == nullptr || sa->established_at >= newest->established_at) newest = sa;
    }
    if (newest == nullptr || core.shutting_down || spi < kFirstSpi) return;
    if (!newest->told_spis.take(spi, now, window)) {
        ++core.counters.esp_spis_untold;
        return;
    }
    ++core.counters.esp_spis_told;
    Turn turn{core, *newest, now};
    enqueue(turn, Task{.kind = Task::Kind::invalid_spi, .spi = spi});
}

/// RFC 7296 §3.10.1: the SPI is the data of this notify, its SPI field is empty.
void send_invalid_spi(Turn& turn, const Task& task) {
    wire::Payloads payloads;
    payloads.add(wire::Notify::of_u32(wire::NotifyType::invalid_spi, task.spi));
    send_request(turn, wire::ExchangeType::informational, payloads);
}

void believe_invalid_spi(Turn& turn) {
    Core& core = turn.core;
    for (const wire::Notify* notify : turn.payloads->notifies()) {
        const auto spi = notify->type == wire::NotifyType::invalid_spi ? notify->u32() : std::nullopt;
        if (!spi) continue;
        Child* child = child_of(turn, *spi);
        IkeSa* sa = child == nullptr ? nullptr : core.find(child->sa);
        // One that is being closed already is on its way to where the peer wants it.
        if (sa == nullptr || (child->state != ChildState::live && child->state != ChildState::superseded)) {
            ++core.counters.invalid_spi_of_none;
            continue;
        }
        ++core.counters.children_lost_by_peer;
        core.notice(Notice::Level::info, turn.sa.remote,
                    fmt::format("{} has no SA {:08x} for {} any more (INVALID_SPI); it is closed",
                                turn.sa.peer.text(), *spi, child->pair.text()),
                    turn.now);
        Turn later{core, *sa, turn.now};
        core.raise(later, *child, ChildEvent::lost_by_peer);
    }
}

}  // namespace oegate::ike::v2
