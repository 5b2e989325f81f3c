// The routes in force: those that the configuration implies (one for the subnet of each
// address, and the static ones) and those that an operator added since. Pure.
#pragma once

#include <map>

#include "config/config.hpp"
#include "contract/tables.hpp"

namespace oegate::route {

/// By prefix: one route each.
class RouteList {
  public:
    enum class Refusal : std::uint8_t {
        family,     // prefix and gateway are of different families
        no_link,    // the gateway is on no subnet of ours
        own,        // the gateway is ourselves
        connected,  // the prefix is the subnet of an interface
    };
    explicit RouteList(const config::Config& config);

    /// The route that adding would make; nothing changes yet.
    Result<Route, Refusal> make(const Prefix& prefix, const Address& via) const;
    void put(const Route& route) { routes_[route.prefix] = route; }
    bool remove(const Prefix& prefix) { return routes_.erase(prefix) > 0; }
    const Route* find(const Prefix& prefix) const;
    std::vector<Route> all() const;
    std::size_t size() const { return routes_.size(); }

  private:
    const config::Config& config_;
    std::map<Prefix, Route> routes_;
};

std::string_view to_text(RouteList::Refusal);

/// Static routes whose gateway is on no link were refused by the loader.
std::vector<Route> configured_routes(const config::Config& config);

}  // namespace oegate::route
