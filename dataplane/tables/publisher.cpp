#include "tables/publisher.hpp"

#include <rte_rcu_qsbr.h>

namespace oegate {

std::unique_ptr<Publisher> Publisher::make(unsigned num_interfaces, std::uint32_t max_neighbours,
                                           std::uint32_t max_routes, rte_rcu_qsbr* qsbr) {
    std::unique_ptr<Publisher> publisher(new Publisher(num_interfaces, qsbr));
    publisher->neighbours_ = NeighbourTable::make(max_neighbours, qsbr);
    if (!publisher->neighbours_) return nullptr;
    publisher->published_.neighbours = publisher->neighbours_.get();
    try {
        publisher->routes_ = std::make_unique<RouteTable>(num_interfaces, max_routes);
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    publisher->routes_->find_adjacency = [table = publisher->neighbours_.get()](std::uint16_t interface,
                                                                                const Address& gateway) {
        return table->find(interface, gateway);
    };
    publisher->published_.routes = publisher->routes_.get();
    if (!publisher->set_addresses({}) || !publisher->set_classes({}, ClassKind::deny)) return nullptr;
    publisher->classes_said_ = false;  // that was ours
    return publisher;
}

Publisher::~Publisher() = default;

void Publisher::moved() {
    changed_ = true;
    if (!in_changes_) end_changes();
}

void Publisher::end_changes() {
    in_changes_ = false;
    if (!std::exchange(changed_, false)) return;
    // First the generation, then the token: a loop that still believes the former
    // generation has begun before the token and is waited for.
    std::uint32_t next = published_.generation.load(std::memory_order_relaxed) + 1;
    if ((next & 0xffff) == 0) ++next;
    published_.generation.store(next, std::memory_order_release);
    const std::uint64_t token = rte_rcu_qsbr_start(qsbr_);
    routes_->stamp(token);
    neighbours_->stamp(token);
    for (auto it = retired_.rbegin(); it != retired_.rend() && it->token == 0; ++it) it->token = token;
}

Result<void, TablesError> Publisher::set_routes(std::span<const Route> routes) {
    reclaim();
    const auto changed = routes_->assign(routes);
    if (!changed) {
        moved();  // the way there and back has left nodes behind
        return fail(changed.error());
    }
    if (*changed) moved();
    note(routes_said_);
    return {};
}

Result<void, TablesError> Publisher::add_route(const Route& route) {
    const auto changed = routes_->add(route);
    if (!changed) return fail(changed.error());
    if (*changed) moved();
    return {};
}

bool Publisher::remove_route(const Prefix& prefix) {
    if (!routes_->remove(prefix)) return false;
    moved();
    return true;
}

Result<void, TablesError> Publisher::set_addresses(std::span<const OwnAddress> addresses) {
    for (const OwnAddress& own : addresses)
        if (own.interface >= num_interfaces_) return fail(TablesError::bad_interface);
    auto built = std::make_unique<const OwnAddresses>(addresses);
    published_.own.store(built.get(), std::memory_order_release);
    if (own_) retired_.push_back({0, nullptr, std::move(own_)});
    own_ = std::move(built);
    moved();
    return {};
}

Result<void, TablesError> Publisher::set_classes(std::span<const ClassRule> rules, ClassKind fallback) {
    // Default deny: "no class matches" stays none, so that it has its own drop reason.
    auto built =
        std::make_unique<const ClassTable>(rules, fallback == ClassKind::deny ? ClassKind::none : fallback);
    published_.classes.store(built.get(), std::memory_order_release);
    if (classes_) retired_.push_back({0, std::move(classes_), nullptr});
    classes_ = std::move(built);
    moved();
    note(classes_said_);
    return {};
}

void Publisher::note(bool& said) {
    said = true;
    if (routes_said_ && classes_said_) published_.ready.store(true, std::memory_order_release);
}

Result<void, TablesError> Publisher::set_neighbour(std::uint16_t interface, const Address& address,
                                                   const MacAddress& mac) {
    if (interface >= num_interfaces_) return fail(TablesError::bad_interface);
    const auto id = neighbours_->set(interface, address, mac);
    if (!id) return fail(id.error());
    if (const std::uint32_t gateway = routes_->find_gateway(interface, address); gateway != 0)
        routes_->set_adjacency(gateway, *id);
    return {};
}

void Publisher::remove_neighbour(std::uint16_t interface, const Address& address) {
    if (neighbours_->remove(interface, address) == kNoAdjacency) return;
    if (const std::uint32_t gateway = routes_->find_gateway(interface, address); gateway != 0)
        routes_->set_adjacency(gateway, kNoAdjacency);
    moved();
}

void Publisher::reclaim() {
    const auto passed = [this](std::uint64_t token) { return rte_rcu_qsbr_check(qsbr_, token, false) == 1; };
    routes_->reclaim(passed);
    neighbours_->reclaim(passed);
    while (!retired_.empty() && retired_.front().token != 0 && passed(retired_.front().token))
        retired_.pop_front();
}

}  // namespace oegate
