#include "tables/fib.hpp"

#include <algorithm>

namespace oegate {
namespace {

/// IPv4 needs at most one node per /16 and one per /24 with longer routes. IPv6 may need
/// up to 14 a route, but real tables share most: four each are let in.
std::uint32_t nodes_for(std::uint32_t max_routes) {
    return std::min(max_routes, 65536u) + 4 * max_routes + 4096;
}

}  // namespace

RouteTable::RouteTable(unsigned num_interfaces, std::uint32_t max_routes)
    : num_interfaces_(num_interfaces),
      max_routes_(max_routes),
      pool_(nodes_for(max_routes)),
      tries_{RouteTrie(pool_, 12), RouteTrie(pool_, 0)},
      defaults_{},
      next_hops_(std::make_unique<NextHop[]>(kMaxNextHops + 1)),
      num_users_(1 + num_interfaces) {
    for (unsigned i = 0; i < num_interfaces; ++i) {
        next_hops_[1 + i].connected = true;
        next_hops_[1 + i].interface = static_cast<std::uint16_t>(i);
    }
}

// ---- workers ---------------------------------------------------------------------

void RouteTable::lookup_ipv4(std::span<const std::uint32_t> destinations, std::uint32_t* out) const {
    const auto count = static_cast<unsigned>(destinations.size());
    tries_[0].find_ipv4(destinations.data(), count, out);
    const std::uint32_t otherwise = defaults_[0].load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) out[i] = out[i] != 0 ? out[i] : otherwise;
}

void RouteTable::lookup_ipv6(std::span<const Address> destinations, std::uint32_t* out) const {
    const auto count = static_cast<unsigned>(destinations.size());
    tries_[1].find_ipv6(destinations.data(), count, out);
    const std::uint32_t otherwise = defaults_[1].load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) out[i] = out[i] != 0 ? out[i] : otherwise;
}

std::uint32_t RouteTable::lookup(const Address& destination) const {
    const unsigned family = destination.is_ipv4() ? 0 : 1;
    const std::uint32_t id = tries_[family].find(destination);
    return id != 0 ? id : defaults_[family].load(std::memory_order_acquire);
}

// ---- next hops -------------------------------------------------------------------

Result<std::uint16_t, TablesError> RouteTable::take_id(const Route& route) {
    if (route.interface >= num_interfaces_) return fail(TablesError::bad_interface);
    if (!route.next_hop) return static_cast<std::uint16_t>(connected(route.interface));
    const std::pair key{route.interface, *route.next_hop};
    if (const auto known = gateways_.find(key); known != gateways_.end()) {
        ++num_users_[known->second];
        return known->second;
    }
    std::uint16_t id = 0;
    if (!free_ids_.empty()) {
        id = free_ids_.back();
        free_ids_.pop_back();
    } else {
        if (num_users_.size() > kMaxNextHops) return fail(TablesError::too_many_next_hops);
        id = static_cast<std::uint16_t>(num_users_.size());
        num_users_.push_back(0);
    }
    NextHop& next = next_hops_[id];
    next.gateway = *route.next_hop;
    next.interface = route.interface;
    set_adjacency(id, find_adjacency ? find_adjacency(route.interface, *route.next_hop) : 0);
    gateways_.emplace(key, id);
    num_users_[id] = 1;
    return id;
}

void RouteTable::drop_id(std::uint16_t id) {
    if (id <= num_interfaces_ || --num_users_[id] > 0) return;
    gateways_.erase({next_hops_[id].interface, next_hops_[id].gateway});
    fresh_.ids.push_back(id);
}

std::uint32_t RouteTable::find_gateway(std::uint16_t interface, const Address& gateway) const {
    const auto at = gateways_.find({interface, gateway});
    return at == gateways_.end() ? 0 : at->second;
}

// ---- routes ----------------------------------------------------------------------

/// How to take back one step of assign(). `before` 0: there was no route.
struct RouteTable::Undo {
    struct Step {
        Prefix prefix;
        std::uint16_t before = 0;
    };
    std::vector<Step> steps;  // each keeps its reference to `before`
};

bool RouteTable::put_prefix(const Prefix& prefix, std::uint16_t id, bool is_new) {
    if (prefix.length() == 0) {
        defaults_[family_of(prefix)].store(id, std::memory_order_release);
        return true;
    }
    return trie(prefix).set(prefix, id, is_new);
}

Result<bool, TablesError> RouteTable::put(const Route& route, Undo* undo) {
    const auto id = take_id(route);
    if (!id) return fail(id.error());
    const auto known = routes_.find(route.prefix);
    if (known != routes_.end() && known->second.id == *id) {
        drop_id(*id);
        return false;
    }
    const bool is_new = known == routes_.end();
    if (!put_prefix(route.prefix, *id, is_new)) {
        drop_id(*id);
        return fail(TablesError::too_many_routes);
    }
    const std::uint16_t before = is_new ? std::uint16_t{0} : known->second.id;
    if (is_new) {
        routes_.emplace(route.prefix, Known{*id, false});
        ++num_of_length_[family_of(route.prefix)][route.prefix.length()];
    } else {
        known->second.id = *id;
    }
    if (undo != nullptr)
        undo->steps.push_back({route.prefix, before});
    else if (before != 0)
        drop_id(before);
    return true;
}

std::pair<std::uint16_t, unsigned> RouteTable::covering(const Prefix& prefix) const {
    const auto& num = num_of_length_[family_of(prefix)];
    for (unsigned length = prefix.length(); length-- > 1;) {
        if (num[length] == 0) continue;
        const auto at = routes_.find(Prefix(prefix.address(), length));
        if (at != routes_.end()) return {at->second.id, length};
    }
    return {0, 0};
}

void RouteTable::take_out(const Prefix& prefix) {
    const auto known = routes_.find(prefix);
    const std::uint16_t id = known->second.id;
    routes_.erase(known);
    --num_of_length_[family_of(prefix)][prefix.length()];
    if (prefix.length() == 0) {
        defaults_[family_of(prefix)].store(0, std::memory_order_release);
    } else {
        const auto [value, length] = covering(prefix);
        trie(prefix).clear(prefix, value, length, fresh_.nodes);
    }
    drop_id(id);
}

Result<bool, TablesError> RouteTable::add(const Route& route) {
    if (routes_.size() >= max_routes_ && !routes_.contains(route.prefix))
        return fail(TablesError::too_many_routes);
    return put(route, nullptr);
}

bool RouteTable::remove(const Prefix& prefix) {
    if (!routes_.contains(prefix)) return false;
    take_out(prefix);
    return true;
}

Result<bool, TablesError> RouteTable::assign(std::span<const Route> routes) {
    Undo undo;
    Result<bool, TablesError> status = true;
    for (const Route& route : routes) {
        status = put(route, &undo);
        if (!status) break;
        routes_.find(route.prefix)->second.stays = true;
    }
    std::size_t num_staying = 0;
    for (auto& [prefix, known] : routes_) num_staying += known.stays ? 1 : 0;
    if (status && num_staying > max_routes_) status = fail(TablesError::too_many_routes);
    if (!status) {
        for (auto step = undo.steps.rbegin(); step != undo.steps.rend(); ++step) {
            if (step->before == 0) {
                take_out(step->prefix);
                continue;
            }
            put_prefix(step->prefix, step->before, false);  // its nodes are there
            Known& known = routes_.find(step->prefix)->second;
            drop_id(std::exchange(known.id, step->before));
        }
        for (auto& [prefix, known] : routes_) known.stays = false;
        return fail(status.error());
    }
    std::vector<Prefix> gone;
    for (auto& [prefix, known] : routes_)
        if (!std::exchange(known.stays, false)) gone.push_back(prefix);
    for (const Prefix& prefix : gone) take_out(prefix);
    for (const Undo::Step& step : undo.steps)
        if (step.before != 0) drop_id(step.before);
    return !undo.steps.empty() || !gone.empty();
}

// ---- grace -----------------------------------------------------------------------

void RouteTable::stamp(std::uint64_t token) {
    if (fresh_.nodes.empty() && fresh_.ids.empty()) return;
    fresh_.token = token;
    retired_.push_back(std::exchange(fresh_, {}));
}

void RouteTable::free_front() {
    for (const std::uint32_t node : retired_.front().nodes) pool_.give_back(node);
    for (const std::uint16_t id : retired_.front().ids) free_ids_.push_back(id);
    retired_.pop_front();
}

}  // namespace oegate
