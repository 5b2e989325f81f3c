// The tables and the timer queue that all exchanges share, and the one place where
// events meet rows.
#include "ike/v2/core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/rows.hpp"

namespace oegate::ike::v2 {

void enter_state(Turn& turn, IkeSa& sa, SaState to, std::size_t row) {
    ++turn.core.sa_rows_taken[row];
    sa.state = to;
}

void enter_state(Turn& turn, Child& child, ChildState to, std::size_t row) {
    ++turn.core.child_rows_taken[row];
    turn.core.set_state(child, to);
}

Core::Core(const Settings& s, const PrivateKey& k, Random& r, SpiAllocator& allocator, CryptoPool& pool)
    : settings(s),
      key(k),
      random(r),
      spis(allocator),
      cookies(r),
      sa_rows_taken(sa_rows().size()),
      child_rows_taken(child_rows().size()),
      pool_(pool),
      alive_(std::make_shared<Core*>(this)) {}

Core::~Core() = default;

std::optional<IkeEvent> Core::next_event() {
    if (events_.empty()) return std::nullopt;
    IkeEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
}

bool Core::may_notice(Time now) {
    if (notices_.has(now)) return true;
    ++counters.notices_suppressed;
    return false;
}

void Core::notice(Notice::Level level, const Endpoint& remote, std::string text, Time now) {
    TokenBucket& bucket = level == Notice::Level::security ? security_notices_ : notices_;
    if (bucket.take(now))
        emit(Notice{level, remote, std::move(text)});
    else
        ++counters.notices_suppressed;
}

void Core::submit(Serial serial, std::function<void()> work, std::function<void(IkeSa&, Time)> done) {
    pool_.submit(
        Job{std::move(work), [weak = std::weak_ptr<Core*>(alive_), serial, done = std::move(done)](Time now) {
                const auto core = weak.lock();
                if (!core) return;
                if (IkeSa* sa = (*core)->find(serial)) done(*sa, now);
                (*core)->finish();
            }});
}

Identity Core::own_identity(const Address& local) const {
    for (const Address& address : settings.identities)
        if (address == local) return Identity::of(address);
    for (const Address& address : settings.identities)
        if (address.family() == local.family()) return Identity::of(address);
    return Identity::of(local);
}

Identity Core::own_name(const Address& local) const {
    return settings.ike.name.empty() ? own_identity(local) : Identity::of_name(settings.ike.name);
}

void Core::lose_peer(const Identity& own, const Identity& peer) {
    if (!ours_alone(own)) return;
    if (const auto evicted = lost_peers.add({own, peer}))
        emit(PeerForgotten{evicted->first, evicted->second});
}

bool Core::is_own_identity(const Identity& identity) const {
    if (identity.kind == Identity::Kind::name)
        return !settings.ike.name.empty() && identity.name == settings.ike.name;
    return identity.kind == Identity::Kind::address &&
           std::find(settings.identities.begin(), settings.identities.end(), identity.address) !=
               settings.identities.end();
}

bool Core::raise(Turn& turn, SaEvent event) {
    const IkeSa& sa = turn.sa;
    const SaState before = sa.state;
    if (step(sa_rows(), turn.sa, event, sa_facts(turn), turn)) return true;
    ++counters.num_refused;
    ++counters.refusals[fmt::format("{}/{}", to_text(before), to_text(event))];
    notice(Notice::Level::info, sa.remote,
           fmt::format("IKE SA {:016x}: event {} has no place in state {}; ignored", sa.own_spi(),
                       to_text(event), to_text(before)),
           turn.now);
    return false;
}

bool Core::raise(Turn& turn, Child& child, ChildEvent event) {
    const ChildState before = child.state;
    Child* outer = turn.child;
    turn.child = &child;
    const bool taken = step(child_rows(), child, event, child_facts(turn), turn);
    turn.child = outer;
    if (taken) return true;
    ++counters.num_refused;
    ++counters.refusals[fmt::format("child {}/{}", to_text(before), to_text(event))];
    notice(Notice::Level::info, turn.sa.remote,
           fmt::format("child {}: event {} has no place in state {}; ignored", child.pair.text(),
                       to_text(event), to_text(before)),
           turn.now);
    return false;
}

void Core::arm(IkeSa& sa) {
    Time due = std::min({sa.give_up, sa.late, sa.rekey_at, sa.expires, sa.idle_at, sa.remove_at});
    if (sa.out.request) due = std::min(due, sa.out.request->next);
    due = std::min({due, sa.out.wake, sa.children.first_deadline()});
    if (sa.idle_at != sa.listed_idle) {
        idle_.erase({sa.listed_idle, sa.serial});
        sa.listed_idle = sa.idle_at;
        if (sa.idle_at != kNever) idle_.insert({sa.idle_at, sa.serial});
    }
    if (due == sa.armed) return;
    if (sa.armed != kNever) timers_.erase({sa.armed, sa.serial});
    sa.armed = due;
    if (due != kNever) timers_.insert({due, sa.serial});
}

std::optional<Serial> Core::take_due(Time now) {
    if (timers_.empty() || timers_.begin()->first > now) return std::nullopt;
    const Serial serial = timers_.begin()->second;
    timers_.erase(timers_.begin());
    const auto found = sas_.find(serial);
    if (found != sas_.end()) found->second->armed = kNever;
    return serial;
}

}  // namespace oegate::ike::v2
