#include "daemon/routes.hpp"

namespace oegate::daemon {
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

}  // namespace oegate::daemon
