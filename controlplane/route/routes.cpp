#include "route/routes.hpp"

namespace oegate::route {
namespace {

std::optional<std::uint16_t> interface_towards(const config::Config& config, const Address& via) {
    for (std::size_t i = 0; i < config.interfaces.size(); ++i)
        for (const config::InterfaceAddress& own : config.interfaces[i].addresses)
            if (own.subnet.contains(via)) return static_cast<std::uint16_t>(i);
    return std::nullopt;
}

}  // namespace

std::vector<Route> configured_routes(const config::Config& config) {
    std::vector<Route> routes;
    for (std::size_t i = 0; i < config.interfaces.size(); ++i)
        for (const config::InterfaceAddress& own : config.interfaces[i].addresses)
            routes.push_back({own.subnet, std::nullopt, static_cast<std::uint16_t>(i)});
    for (const config::StaticRoute& route : config.routes)
        if (const auto interface = interface_towards(config, route.via))
            routes.push_back({route.prefix, route.via, *interface});
    return routes;
}

RouteList::RouteList(const config::Config& config) : config_(config) {
    for (const Route& route : configured_routes(config)) put(route);
}

Result<Route, RouteList::Refusal> RouteList::make(const Prefix& prefix, const Address& via) const {
    if (prefix.family() != via.family()) return fail(Refusal::family);
    const auto interface = interface_towards(config_, via);
    if (!interface) return fail(Refusal::no_link);
    for (const config::Interface& i : config_.interfaces)
        for (const config::InterfaceAddress& own : i.addresses)
            if (own.address == via) return fail(Refusal::own);
    // Who is on our link is asked there: a gateway in its place would cut the gateway off.
    if (const Route* known = find(prefix); known != nullptr && !known->next_hop)
        return fail(Refusal::connected);
    return Route{prefix, via, *interface};
}

const Route* RouteList::find(const Prefix& prefix) const {
    const auto at = routes_.find(prefix);
    return at == routes_.end() ? nullptr : &at->second;
}

std::vector<Route> RouteList::all() const {
    std::vector<Route> all;
    all.reserve(routes_.size());
    for (const auto& [prefix, route] : routes_) all.push_back(route);
    return all;
}

std::string_view to_text(RouteList::Refusal refusal) {
    switch (refusal) {
        case RouteList::Refusal::family:
            return "prefix and gateway are of different families";
        case RouteList::Refusal::no_link:
            return "the gateway is on no subnet of an interface";
        case RouteList::Refusal::own:
            return "the gateway is one of our own addresses";
        case RouteList::Refusal::connected:
            return "the prefix is the subnet of an interface";
    }
    return "";
}

}  // namespace oegate::route
