// The routes that the configuration implies: one for the subnet of each address, and
// the static ones. Pure.
#pragma once

#include "config/config.hpp"
#include "contract/tables.hpp"

namespace oegate::daemon {

/// Static routes whose gateway is on no link were refused by the loader.
std::vector<Route> configured_routes(const config::Config& config);

}  // namespace oegate::daemon
