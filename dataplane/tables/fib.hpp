// Destination → next hop, both families, changed in place by the control thread under
// next-hop ids that stay the same as long as a route names them; workers read without a
// lock. What was removed may still be read: ids and trie nodes are used again only after
// stamp() and reclaim() have seen all workers move on (tables/publisher.hpp drives that).
#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "contract/tables.hpp"
#include "tables/node_pool.hpp"
#include "tables/route_trie.hpp"

namespace oegate {

/// Written before its id is published, then only `adjacency` changes.
struct NextHop {
    Address gateway;
    bool connected = false;  // the datagram's own destination is the neighbour
    std::uint16_t interface = 0;
    std::atomic<std::uint32_t> adjacency{0};  // of the gateway (tables/neighbours.hpp); 0: none known
};
static_assert(sizeof(NextHop) == 24);

class RouteTable {
  public:
    /// Ids are 1 to kMaxNextHops, so that 16 bits hold one.
    static constexpr std::uint32_t kMaxNextHops = 65534;
    static constexpr unsigned kLookupBurst = RouteTrie::kFindBurst;

    /// Throws std::bad_alloc: only at start.
    RouteTable(unsigned num_interfaces, std::uint32_t max_routes);

    // Workers.
    /// Next-hop id, 0 when there is no route.
    std::uint32_t lookup(const Address& destination) const;
    /// At most kLookupBurst at once; out gets an id for each. Hosts in host byte order.
    void lookup_ipv4(std::span<const std::uint32_t> destinations, std::uint32_t* out) const;
    void lookup_ipv6(std::span<const Address> destinations, std::uint32_t* out) const;
    const NextHop& next_hop(std::uint32_t id) const { return next_hops_[id]; }
    /// "On the link of this interface".
    static std::uint32_t connected(std::uint16_t interface) { return 1u + interface; }

    // Control thread only. A prefix has one route: a later one replaces it.
    /// True when the table changed.
    Result<bool, TablesError> add(const Route& route);
    bool remove(const Prefix& prefix);
    /// Makes the routes these and no others, touching only what differs. On failure
    /// all is as it was.
    Result<bool, TablesError> assign(std::span<const Route> routes);
    std::size_t num_routes() const { return routes_.size(); }
    std::size_t num_next_hops() const { return num_interfaces_ + gateways_.size(); }
    /// The gateway's id, 0 when no route names it.
    std::uint32_t find_gateway(std::uint16_t interface, const Address& gateway) const;
    /// Tells workers the gateway's adjacency; 0: it has none now.
    void set_adjacency(std::uint32_t id, std::uint32_t adjacency) {
        next_hops_[id].adjacency.store(adjacency, std::memory_order_release);
    }
    /// Names a gateway's adjacency when its id is made.
    std::function<std::uint32_t(std::uint16_t interface, const Address&)> find_adjacency;

    /// What was removed until now is free once `token` has passed (rte_rcu_qsbr_start).
    void stamp(std::uint64_t token);
    /// passed(token): every worker has moved on.
    template <class Passed>
    void reclaim(const Passed& passed) {
        while (!retired_.empty() && passed(retired_.front().token)) free_front();
    }
    std::size_t num_retired() const { return retired_.size() + fresh_.nodes.size() + fresh_.ids.size(); }
    /// Of the tries; routes and next hops beside that are some hundred bytes a route.
    std::size_t num_bytes() const { return pool_.num_bytes(); }
    std::size_t num_nodes() const { return pool_.num_used(); }

  private:
    struct PrefixHash {
        std::size_t operator()(const Prefix& p) const noexcept {
            return std::hash<Address>{}(p.address()) + p.length() * std::size_t{0x9e3779b97f4a7c15};
        }
    };
    struct Known {
        std::uint16_t id = 0;
        bool stays = false;  // assign: is among the new ones
    };
    struct Retired {
        std::uint64_t token = 0;
        std::vector<std::uint32_t> nodes;
        std::vector<std::uint16_t> ids;
    };
    struct Undo;
    static unsigned family_of(const Prefix& p) { return p.family() == Family::ipv4 ? 0 : 1; }
    RouteTrie& trie(const Prefix& p) { return tries_[family_of(p)]; }
    Result<std::uint16_t, TablesError> take_id(const Route& route);
    void drop_id(std::uint16_t id);
    Result<bool, TablesError> put(const Route& route, Undo* undo);
    bool put_prefix(const Prefix& prefix, std::uint16_t id, bool is_new);
    void take_out(const Prefix& prefix);
    /// The longest route that covers the prefix and is not it; id 0: none.
    std::pair<std::uint16_t, unsigned> covering(const Prefix& prefix) const;
    void free_front();

    unsigned num_interfaces_;
    std::uint32_t max_routes_;
    NodePool pool_;
    std::array<RouteTrie, 2> tries_;                      // IPv4, IPv6
    std::array<std::atomic<std::uint32_t>, 2> defaults_;  // next hop of 0/0
    std::unique_ptr<NextHop[]> next_hops_;  // 0: none; then one connected per interface; then gateways
    std::vector<std::uint32_t> num_users_;  // routes by id
    std::vector<std::uint16_t> free_ids_;
    std::map<std::pair<std::uint16_t, Address>, std::uint16_t> gateways_;
    std::unordered_map<Prefix, Known, PrefixHash> routes_;
    std::array<std::array<std::uint32_t, 129>, 2> num_of_length_{};
    Retired fresh_;  // not stamped yet
    std::deque<Retired> retired_;
};

}  // namespace oegate
