// Core's tables: IKE SAs and children, and the orders in which they are looked for.
#include <algorithm>

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

namespace {
/// States in which a child is being made, so that its IKE SA may not be rekeyed (RFC
/// 7296 §2.25.2).
bool changing(ChildState state) {
    return state == ChildState::deriving || state == ChildState::installing || state == ChildState::readying;
}
}  // namespace

IkeSa& Core::make_sa(const Endpoint& local, const Endpoint& remote, Time now) {
    auto sa = std::make_unique<IkeSa>();
    sa->serial = ++last_serial_;
    sa->channel = ++last_channel_;
    sa->local = local;
    sa->remote = remote;
    sa->created = sa->last_heard = now;
    sa->own_key = key_number;
    IkeSa& made = *sa;
    by_channel_[made.channel] = made.serial;
    by_remote_.insert({remote.address, made.serial});
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

std::vector<Serial> Core::sas_with(const Address& remote) const {
    std::vector<Serial> found;
    for (auto at = by_remote_.lower_bound({remote, 0}); at != by_remote_.end() && at->first == remote; ++at)
        found.push_back(at->second);
    return found;
}

std::vector<Serial> Core::channels_of(const Identity& peer) const {
    std::vector<Serial> found;
    for (auto at = by_peer_.lower_bound({peer, Time{}, 0}); at != by_peer_.end() && std::get<0>(*at) == peer;
         ++at)
        found.push_back(std::get<2>(*at));
    return found;
}

std::size_t Core::num_alive() const {
    return static_cast<std::size_t>(std::count_if(sas_.begin(), sas_.end(), [](const auto& entry) {
        return !entry.second->buried && entry.second->state != SaState::lingering;
    }));
}

Child& Core::make_child(IkeSa& sa, const Pair& pair, ConnectionId connection) {
    auto child = std::make_unique<Child>();
    child->id = ++last_child_;
    child->sa = sa.serial;
    child->pair = pair;
    child->connection = connection;
    Child& made = *child;
    children_.emplace(made.id, std::move(child));
    sa.children.add(made.id, pair);
    if (connection != 0) by_connection_.insert({connection, made.id});
    return made;
}

Child* Core::find_child(ChildId id) {
    const auto found = children_.find(id);
    return found == children_.end() || found->second->buried ? nullptr : found->second.get();
}

std::vector<ChildId> Core::children_for(ConnectionId connection) const {
    std::vector<ChildId> found;
    for (auto at = by_connection_.lower_bound({connection, 0});
         at != by_connection_.end() && at->first == connection; ++at)
        found.push_back(at->second);
    return found;
}

Child* Core::child_by_spi_out(const IkeSa& sa, std::uint32_t spi_out) {
    Child* child = find_child(sa.children.by_spi_out(spi_out));
    return child != nullptr && child->spi_out == spi_out ? child : nullptr;
}

void Core::set_spi_out(Child& child, std::uint32_t spi_out) {
    if (child.spi_out == spi_out) return;
    child.spi_out = spi_out;
    if (IkeSa* sa = find(child.sa)) sa->children.set_spi_out(child.id, spi_out);
}

void Core::set_deadline(Child& child, Time deadline) {
    if (IkeSa* sa = find(child.sa)) sa->children.set_deadline(child.id, child.deadline, deadline);
    child.deadline = deadline;
}

void Core::set_state(Child& child, ChildState state) {
    const bool before = changing(child.state);
    child.state = state;
    if (before == changing(state)) return;
    const auto found = sas_.find(child.sa);
    if (found == sas_.end()) return;
    unsigned& num = found->second->children.num_changing;
    before ? --num : ++num;
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
    by_channel_[from.channel] = from.serial;
    by_channel_[to.channel] = to.serial;
}

void Core::move_children(IkeSa& from, IkeSa& to) {
    to.children = std::exchange(from.children, {});
    for (const ChildId id : to.children)
        if (Child* child = find_child(id)) child->sa = to.serial;
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
    // Whoever was told of the child has its SPI; else it goes back, however the child ended.
    if (child.spi_in != 0 && !child.announced) spis.release(child.spi_in);
    set_state(child, ChildState::gone);
    child.buried = true;
    child_graves_.push_back(child.id);
    unlist(child);
}

void Core::unlist(Child& child) {
    by_connection_.erase({child.connection, child.id});
    const auto found = sas_.find(child.sa);
    if (found != sas_.end())
        found->second->children.remove(child.id, child.pair, child.spi_out, child.deadline);
}

void Core::unlist(IkeSa& sa) {
    if (sa.init_key) init_requests.erase(*sa.init_key);
    if (sa.armed != kNever) timers_.erase({sa.armed, sa.serial});
    if (sa.listed_idle != kNever) idle_.erase({sa.listed_idle, sa.serial});
    by_remote_.erase({sa.remote.address, sa.serial});
    const auto spi = by_spi_.find(sa.own_spi());
    if (spi != by_spi_.end() && spi->second == sa.serial) by_spi_.erase(spi);
    const auto channel = by_channel_.find(sa.channel);
    if (channel != by_channel_.end() && channel->second == sa.serial) by_channel_.erase(channel);
}

void Core::for_each(const std::function<void(IkeSa&)>& visit) {
    std::vector<Serial> serials;
    for (const auto& [serial, sa] : sas_) serials.push_back(serial);
    for (const Serial serial : serials)
        if (IkeSa* sa = find(serial)) visit(*sa);
}

void Core::finish() {
    for (const Serial serial : std::exchange(sa_graves_, {})) {
        const auto found = sas_.find(serial);
        if (found == sas_.end()) continue;
        for (const ChildId id : found->second->children.copy())
            if (Child* child = find_child(id)) bury(*child);
        unlist(*found->second);
        sas_.erase(found);
    }
    for (const ChildId id : std::exchange(child_graves_, {})) children_.erase(id);
    for (const Serial serial : std::exchange(touched_, {})) {
        const auto found = sas_.find(serial);
        if (found != sas_.end()) arm(*found->second);
    }
}

}  // namespace oegate::ike::v2
