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

/// Longest destination prefix wins, then longest source prefix; ties were refused by the
/// configuration. Where no rule of the longest destination prefix holds the source, the
/// next shorter destination prefix is asked.
struct ClassRule {
    Prefix destination;
    ClassKind kind = ClassKind::none;
    std::optional<Prefix> source = std::nullopt;  // none: any
    bool operator==(const ClassRule&) const = default;
};

/// One address of ours with its subnet; also says what the subnet's broadcast addresses are.
struct OwnAddress {
    Address address;
    Prefix subnet;
    std::uint16_t interface = 0;
    bool operator==(const OwnAddress&) const = default;
};

enum class TablesError : std::uint8_t {
    out_of_memory,
    too_many_routes,
    too_many_next_hops,
    too_many_neighbours,
    bad_interface,
};

class Tables {
  public:
    virtual ~Tables() = default;
    /// Makes the routes these and no others; routes that stay are not touched. A prefix
    /// has one route: the last wins. On failure the former ones stay.
    virtual Result<void, TablesError> set_routes(std::span<const Route> routes) = 0;
    /// Adds the route, or replaces the one to its prefix; on failure that one stays.
    virtual Result<void, TablesError> add_route(const Route& route) = 0;
    /// False when there was none.
    virtual bool remove_route(const Prefix& prefix) = 0;
    /// Between the two, changes are seen by lookups at once, but what workers remember
    /// of former ways holds until end_changes(): for many changes in a row. Not nested.
    virtual void begin_changes() = 0;
    virtual void end_changes() = 0;
    /// Replaces the addresses of all interfaces. Their connected routes are separate.
    virtual Result<void, TablesError> set_addresses(std::span<const OwnAddress> addresses) = 0;
    /// Replaces all class rules; fallback is the administrator's default (n.none).
    virtual Result<void, TablesError> set_classes(std::span<const ClassRule> rules, ClassKind fallback) = 0;
    virtual Result<void, TablesError> set_neighbour(std::uint16_t interface, const Address&,
                                                    const MacAddress&) = 0;
    virtual void remove_neighbour(std::uint16_t interface, const Address&) = 0;
    /// Call now and then: frees what no worker can see any more.
    virtual void reclaim() = 0;
};

}  // namespace oegate
