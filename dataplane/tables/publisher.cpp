#include "tables/publisher.hpp"

#include <rte_rcu_qsbr.h>

namespace oegate {

std::unique_ptr<Publisher> Publisher::make(unsigned num_interfaces, std::uint32_t max_neighbours,
                                           std::uint32_t max_routes, rte_rcu_qsbr* qsbr) {
    std::unique_ptr<Publisher> publisher(new Publisher(num_interfaces, max_routes, qsbr));
    publisher->neighbours_ = NeighbourTable::make(max_neighbours, qsbr);
    if (!publisher->neighbours_) return nullptr;
    publisher->published_.neighbours = publisher->neighbours_.get();
    if (!publisher->set_routes({}) || !publisher->set_classes({}, ClassKind::deny)) return nullptr;
    publisher->routes_said_ = publisher->classes_said_ = false;  // those were ours
    publisher->published_.ready.store(false);
    return publisher;
}

Publisher::~Publisher() = default;

Result<void, TablesError> Publisher::set_routes(std::span<const Route> routes) {
    if (routes.size() > max_routes_) return fail(TablesError::too_many_routes);
    reclaim();  // room for the new table beside the old
    Result<std::unique_ptr<RouteTable>, TablesError> built = RouteTable::build(routes, num_interfaces_);
    if (!built) return fail(built.error());
    published_.routes.store(built->get(), std::memory_order_release);
    if (routes_) retired_.push_back({rte_rcu_qsbr_start(qsbr_), std::move(routes_), nullptr});
    routes_ = std::move(*built);
    note(routes_said_);
    return {};
}

Result<void, TablesError> Publisher::set_classes(std::span<const ClassRule> rules, ClassKind fallback) {
    // Default deny: "no class matches" stays none, so that it has its own drop reason.
    auto built =
        std::make_unique<const ClassTable>(rules, fallback == ClassKind::deny ? ClassKind::none : fallback);
    published_.classes.store(built.get(), std::memory_order_release);
    if (classes_) retired_.push_back({rte_rcu_qsbr_start(qsbr_), nullptr, std::move(classes_)});
    classes_ = std::move(built);
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
    return neighbours_->set(interface, address, mac);
}

void Publisher::remove_neighbour(std::uint16_t interface, const Address& address) {
    neighbours_->remove(interface, address);
}

void Publisher::reclaim() {
    std::erase_if(retired_,
                  [this](const Retired& old) { return rte_rcu_qsbr_check(qsbr_, old.token, false) == 1; });
}

}  // namespace oegate
