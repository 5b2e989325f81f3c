// The tables and the timer queue that all exchanges share, and the one place where
// events meet rows.
#include "ike/v2/core.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/rows.hpp"

namespace oegate::ike::v2 {

namespace {
constexpr unsigned kNoticeBurst = 64;
constexpr Duration kNoticeEvery = 100ms;

/// What half-open exchanges are counted under: /32 or /64.
Address source_block(const Address& address) {
    return Prefix(address, address.is_ipv4() ? 32 : 64).address();
}
}  // namespace

Core::Core(const Settings& s, const PrivateKey& k, Random& r, SpiAllocator& allocator, CryptoPool& pool)
    : settings(s),
      key(k),
      random(r),
      spis(allocator),
      cookies(r),
      pool_(pool),
      notice_tokens_(kNoticeBurst),
      alive_(std::make_shared<Core*>(this)) {}

Core::~Core() = default;

IkeSa& Core::make_sa(Time now) {
    auto sa = std::make_unique<IkeSa>();
    sa->serial = ++last_serial_;
    sa->channel = ++last_channel_;
    sa->created = sa->last_heard = now;
    IkeSa& made = *sa;
    by_channel_[made.channel] = made.serial;
    sas_.emplace(made.serial, std::move(sa));
    touch(made);
    return made;
}

IkeSa* Core::find(Serial serial) {
    const auto found = sas_.find(serial);
    if (found == sas_.end() || found->second->buried) return nullptr;
    touch(*found->second);
    return found->second.get();
}

IkeSa* Core::find_by_spi(std::uint64_t own_spi) {
    const auto found = by_spi_.find(own_spi);
    return found == by_spi_.end() ? nullptr : find(found->second);
}

IkeSa* Core::find_channel(IkeSaId channel) {
    const auto found = by_channel_.find(channel);
    return found == by_channel_.end() ? nullptr : find(found->second);
}

Child& Core::make_child(IkeSa& sa, const Pair& pair) {
    auto child = std::make_unique<Child>();
    child->id = ++last_child_;
    child->sa = sa.serial;
    child->pair = pair;
    Child& made = *child;
    children_.emplace(made.id, std::move(child));
    sa.children.push_back(made.id);
    return made;
}

Child* Core::find_child(ChildId id) {
    const auto found = children_.find(id);
    return found == children_.end() || found->second->buried ? nullptr : found->second.get();
}

Child* Core::child_by_spi_out(const IkeSa& sa, std::uint32_t spi_out) {
    for (const ChildId id : sa.children) {
        Child* child = find_child(id);
        if (child != nullptr && child->spi_out == spi_out && child->state != ChildState::gone) return child;
    }
    return nullptr;
}

Child* Core::child_by_spi_in(const IkeSa& sa, std::uint32_t spi_in) {
    for (const ChildId id : sa.children) {
        Child* child = find_child(id);
        if (child != nullptr && child->spi_in == spi_in && child->state != ChildState::gone) return child;
    }
    return nullptr;
}

std::uint64_t Core::draw_spi(Serial serial) {
    for (;;) {
        const std::uint64_t spi = random.u64();
        if (spi == 0) continue;
        if (by_spi_.emplace(spi, serial).second) return spi;
    }
}

void Core::pass_channel(IkeSa& from, IkeSa& to) {
    std::swap(from.channel, to.channel);
    std::swap(from.counted_channel, to.counted_channel);
    by_channel_[from.channel] = from.serial;
    by_channel_[to.channel] = to.serial;
}

void Core::bury(IkeSa& sa) {
    if (sa.buried) return;
    leave_half_open(sa);
    leave_exchange(sa);
    leave_channel(sa);
    sa.buried = true;
    sa_graves_.push_back(sa.serial);
}

void Core::bury(Child& child) {
    if (child.buried) return;
    leave_child(child);
    child.buried = true;
    child.state = ChildState::gone;
    child_graves_.push_back(child.id);
    const auto found = sas_.find(child.sa);
    if (found != sas_.end()) std::erase(found->second->children, child.id);
}

void Core::for_each(const std::function<void(IkeSa&)>& visit) {
    std::vector<Serial> serials;
    for (const auto& [serial, sa] : sas_) serials.push_back(serial);
    for (const Serial serial : serials)
        if (IkeSa* sa = find(serial)) visit(*sa);
}

std::optional<IkeEvent> Core::next_event() {
    if (events_.empty()) return std::nullopt;
    IkeEvent event = std::move(events_.front());
    events_.pop_front();
    return event;
}

void Core::notice(Notice::Level level, const Endpoint& remote, std::string text, Time now) {
    if (now > notice_refill_) {
        const auto earned = static_cast<std::uint64_t>((now - notice_refill_) / kNoticeEvery);
        if (earned > 0) {
            notice_tokens_ =
                static_cast<unsigned>(std::min<std::uint64_t>(kNoticeBurst, notice_tokens_ + earned));
            notice_refill_ = now;
        }
    }
    if (notice_tokens_ == 0) {
        ++counters.notices_suppressed;
        return;
    }
    --notice_tokens_;
    emit(Notice{level, remote, std::move(text)});
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

bool Core::is_own_identity(const Identity& identity) const {
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
    due = std::min(due, sa.out.wake);
    for (const ChildId id : sa.children)
        if (const Child* child = find_child(id)) due = std::min(due, child->deadline);
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

void Core::finish() {
    for (const ChildId id : child_graves_) children_.erase(id);
    child_graves_.clear();
    for (const Serial serial : sa_graves_) {
        const auto found = sas_.find(serial);
        if (found == sas_.end()) continue;
        IkeSa& sa = *found->second;
        if (sa.init_key) init_requests.erase(*sa.init_key);
        if (sa.armed != kNever) timers_.erase({sa.armed, serial});
        for (const ChildId id : sa.children) {
            if (Child* child = find_child(id)) leave_child(*child);
            children_.erase(id);
        }
        const auto spi = by_spi_.find(sa.own_spi());
        if (spi != by_spi_.end() && spi->second == serial) by_spi_.erase(spi);
        const auto channel = by_channel_.find(sa.channel);
        if (channel != by_channel_.end() && channel->second == serial) by_channel_.erase(channel);
        sas_.erase(found);
    }
    sa_graves_.clear();
    for (const Serial serial : std::exchange(touched_, {})) {
        const auto found = sas_.find(serial);
        if (found != sas_.end()) arm(*found->second);
    }
}

// ---- half-open bounds (RFC 7296 §2.6; keying.md, Bounds) ---------------------------

void Core::enter_half_open(IkeSa& sa) {
    sa.counted_half_open = true;
    ++num_half_open_;
    ++half_open_[source_block(sa.remote.address)];
}

void Core::leave_half_open(IkeSa& sa) {
    if (!sa.counted_half_open) return;
    sa.counted_half_open = false;
    --num_half_open_;
    const auto found = half_open_.find(source_block(sa.remote.address));
    if (found != half_open_.end() && --found->second == 0) half_open_.erase(found);
}

void Core::enter_channel(IkeSa& sa) {
    sa.counted_channel = true;
    ++num_channels_;
    ++channels_[source_block(sa.remote.address)];
}

void Core::leave_channel(IkeSa& sa) {
    if (!sa.counted_channel) return;
    sa.counted_channel = false;
    --num_channels_;
    const auto found = channels_.find(source_block(sa.remote.address));
    if (found != channels_.end() && --found->second == 0) channels_.erase(found);
}

bool Core::too_many_children(const IkeSa& sa) const {
    const auto found = children_of_source_.find(source_block(sa.remote.address));
    return found != children_of_source_.end() && found->second >= kMaxChildrenPerSource;
}

void Core::enter_child(const IkeSa& sa, Child& child) {
    child.counted_under = source_block(sa.remote.address);
    ++children_of_source_[*child.counted_under];
}

void Core::leave_child(Child& child) {
    if (!child.counted_under) return;
    const auto found = children_of_source_.find(*child.counted_under);
    if (found != children_of_source_.end() && --found->second == 0) children_of_source_.erase(found);
    child.counted_under.reset();
}

void Core::enter_exchange(IkeSa& sa) {
    sa.counted_exchange = true;
    ++num_exchanges;
}

void Core::leave_exchange(IkeSa& sa) {
    if (sa.counted_exchange) --num_exchanges;
    sa.counted_exchange = false;
}

bool Core::wants_cookie(const Address& remote) const {
    if (num_half_open_ >= settings.ike.half_open_total) return true;
    const auto found = half_open_.find(source_block(remote));
    return found != half_open_.end() && found->second >= settings.ike.half_open_per_source;
}

/// A cookie proves an address and a key an identity, neither good will: who owns them
/// is bounded too.
bool Core::overfull(const Address& remote) const {
    if (num_half_open_ >= std::max(settings.ike.half_open_total, 16u) * 8) return true;
    const auto opened = channels_.find(source_block(remote));
    if (opened != channels_.end() && opened->second >= kMaxChannelsPerSource) return true;
    if (num_channels_ >= kMaxChannels) return true;
    const auto found = half_open_.find(source_block(remote));
    return found != half_open_.end() && found->second >= settings.ike.half_open_per_source * 4;
}

}  // namespace oegate::ike::v2
