// Read-mostly tables that control publishes and workers read. Implemented by the
// data plane (tables/), called on the control thread only; never waits for a
// worker: what is replaced is freed by reclaim() when every worker has moved on.
#pragma once

#include <span>

#include "base/result.hpp"
#include "contract/words.hpp"
#include "net/address.hpp"

namespace oegate {

struct Route {
    Prefix prefix;
    std::optional<Address> next_hop;  // none: connected
    std::uint16_t interface = 0;      // index in configuration order
    bool operator==(const Route&) const = default;
};

/// Longest destination prefix wins; ties were refused by the configuration.
struct ClassRule {
    Prefix destination;
    ClassKind kind = ClassKind::none;
    bool operator==(const ClassRule&) const = default;
};

enum class TablesError : std::uint8_t { out_of_memory, too_many_routes, too_many_neighbours, bad_interface };

class Tables {
  public:
    virtual ~Tables() = default;
    /// Replaces all routes. On failure the former ones stay.
    virtual Result<void, TablesError> set_routes(std::span<const Route> routes) = 0;
    /// Replaces all class rules; fallback is the administrator's default (n.none).
    virtual Result<void, TablesError> set_classes(std::span<const ClassRule> rules, ClassKind fallback) = 0;
    virtual Result<void, TablesError> set_neighbour(std::uint16_t interface, const Address&,
                                                    const MacAddress&) = 0;
    virtual void remove_neighbour(std::uint16_t interface, const Address&) = 0;
    /// Call now and then: frees what no worker can see any more.
    virtual void reclaim() = 0;
};

}  // namespace oegate
