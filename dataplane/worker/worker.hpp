// All state of one worker core. Stages are functions over it; nothing of it is
// shared but what is marked so. Built by port/dataplane.cpp, driven by worker/loop.cpp.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <vector>

#include "contract/command.hpp"
#include "contract/datagram.hpp"
#include "contract/event.hpp"
#include "contract/link.hpp"
#include "contract/snapshot.hpp"
#include "net/owner.hpp"
#include "observe/watch.hpp"
#include "worker/burst.hpp"
#include "worker/counters.hpp"

struct rte_mempool;
struct rte_rcu_qsbr;
struct rte_ring;

namespace oegate {

class RouteTable;
class ClassTable;
class NeighbourTable;
class OwnAddresses;
class Reassembly;
class WaitingRoom;
struct Security;  // flow cache, SAs, crypto: defined and destroyed by the security part

struct SecurityDeleter {
    void operator()(Security*) const;
};
using SecurityPointer = std::unique_ptr<Security, SecurityDeleter>;

/// An interface of the configuration as workers see it; never changes after start.
struct InterfaceInfo {
    std::uint16_t index = 0;
    std::uint16_t port = 0;  // index into Worker::ports
    std::uint16_t vlan = 0;  // 0: untagged
    std::uint16_t mtu = 1500;
    InterfaceRole role = InterfaceRole::inside;
    SourceCheck source_check = SourceCheck::strict;  // `automatic` is decided by the role
    bool directed_broadcast = false;                 // of its subnets, from elsewhere; inside only
    bool mss_clamp = true;                           // of SYNs between it and a tunnel
    bool ip_options = false;                         // datagrams with IPv4 options are forwarded
    bool source_route = false;                       // and those that say their own way
    MacAddress mac;
    Address link_local;  // IPv6; the other addresses may change: OwnAddresses::of()
};

inline constexpr std::uint16_t kNoInterface = 0xffff;
inline constexpr std::uint16_t kNoQueue = 0xffff;

/// An ethdev port as one worker uses it.
struct PortUse {
    std::uint16_t port_id = 0;                     // ethdev
    std::uint16_t rx_queue = kNoQueue;             // kNoQueue: another worker receives
    std::uint16_t tx_queue = kNoQueue;             // kNoQueue: `tx_owner` transmits for us
    std::uint16_t tx_owner = 0;                    // worker index
    int interrupt_fd = -1;                         // of rx_queue, when the worker may sleep on it
    std::uint16_t first_interface = 0;             // blamed when a frame belongs to none
    std::vector<std::uint16_t> interface_of_vlan;  // 4096 entries, kNoInterface; [0]: untagged
    /// MAC address of the untagged interface as a frame begins with it, shifted left by 16
    /// bits in a word of this machine; 1, which no frame has, when there is none.
    std::uint64_t untagged_mac = 1;
    std::uint16_t untagged_mtu = 0;         // of that interface
    std::vector<std::uint16_t> interfaces;  // that share the port
    bool has_inside = false;                // one of them is
    bool up = true;                         // as this loop began
    Burst pending;                          // frames complete, to be transmitted at the end of the loop
};

/// Bursts between the stages of one turn. Members, because a burst on the stack would
/// be cleared each time.
struct Lanes {
    Burst frames, datagrams, ours, transit, esp, whole, inner;
    Burst direct, outside, inbound_clear, pass, encrypt;
    Burst fitted, for_sa, too_long, outer, handed, freed, rest;
};

/// Tokens in thousandths, so that slow rates do not round away.
struct TokenBucket {
    std::uint64_t rate_per_second = 0;
    std::uint64_t depth = 0;
    std::uint64_t tokens_milli = 0;
    std::uint64_t filled_ns = 0;
    bool take(std::uint64_t now_ns);
};

/// What every worker reads and control changes under rte_rcu_qsbr; a worker loads the
/// pointers and the generation once a loop, the generation first.
struct PublishedTables {
    /// Moves with every change of routes, next hops, own addresses and classes, and when
    /// a neighbour is removed: what was remembered of a datagram's way (next hop,
    /// adjacency, source check, class) holds while this is the same. Its low 16 bits are
    /// never 0. A changed MAC or a newly resolved neighbour does not move it.
    std::atomic<std::uint32_t> generation{1};
    const RouteTable* routes = nullptr;          // changed in place
    const NeighbourTable* neighbours = nullptr;  // changed in place
    std::atomic<const ClassTable*> classes{nullptr};
    std::atomic<const OwnAddresses*> own{nullptr};
    std::atomic<bool> ready{false};  // routes and classes have been said
};

struct alignas(64) Worker {
    // Identity.
    unsigned index = 0;
    unsigned num_workers = 1;
    unsigned lcore = 0;
    OwnerSeed seed;

    // This loop.
    std::uint64_t now_ns = 0;                      // monotonic, same for the whole loop
    std::uint32_t generation = 0;                  // PublishedTables::generation as this loop began
    std::uint32_t way_generation = Way::kNothing;  // of the ways that hold in this loop
    const RouteTable* routes = nullptr;
    const ClassTable* classes = nullptr;  // valid in this loop only
    const OwnAddresses* own = nullptr;    // valid in this loop only
    bool found_work = false;
    bool handed = false;  // what is judged now was looked at by another worker, in a loop of its own

    // Never changes after start.
    std::span<const InterfaceInfo> interfaces;
    const PublishedTables* published = nullptr;
    rte_rcu_qsbr* qsbr = nullptr;                // we are thread `index` of it
    std::span<const std::atomic<bool>> link_up;  // by index into ports; written by control
    IdleMode idle = IdleMode::busy;
    rte_mempool* pool = nullptr;
    rte_mempool* large_pool = nullptr;  // buffers of 64 KiB, for datagrams put together
    std::uint16_t buffer_len = 0;       // longest datagram that an ordinary buffer takes
    bool icmp_on_deny = true;
    DfPolicy df = DfPolicy::copy;

    // Owned.
    std::vector<PortUse> ports;
    WorkerLink link;
    std::vector<rte_ring*> handoff_to;    // by worker index; null for ourselves
    std::vector<rte_ring*> handoff_from;  // by worker index; null for ourselves
    std::vector<std::uint32_t> to_pass;   // of each of those, while `passing` (stages/handoff.hpp)
    bool passing = false;
    std::uint32_t woken = 0;            // workers, by bit, that got something while they may sleep
    std::span<const WorkerLink> links;  // of all workers
    std::unique_ptr<WaitingRoom> waiting;
    std::unique_ptr<Reassembly> reassembly;  // null: switched off
    TokenBucket icmp_tokens;
    std::array<std::uint16_t, 256> icmp_shares{};  // errors of this second, by hash of the asker
    std::uint64_t icmp_shares_since_ns = 0;
    TokenBucket path_mtu_tokens{10, 10};  // a stranger can cause these events
    SecurityPointer security;
    Watch watch;
    std::uint16_t identification = 0;  // of IPv4 headers that we make
    std::uint32_t fragment_count = 0;  // IPv6 datagrams cut so far
    Lanes lanes;

    // Datagrams that stages make on the side; the loop sends them on.
    Burst generated;         // our ICMP: routed, resolved, transmitted
    Burst answers;           // our ICMP errors about what came out of a tunnel: back through it
    Burst released_pass;     // out of hold, to leave in the clear
    Burst released_encrypt;  // out of hold, Meta::sa set

    // Read by other threads.
    std::unique_ptr<InterfaceTally[]> tallies;  // by interface index
    Ledger ledger;
    WorkerShared shared;

    Worker();
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;
};

/// The one function that kills a packet: counts and frees.
void drop(Worker&, rte_mbuf*, Drop);

/// Counts the death of a packet that could not even be made; the caller counts its birth.
void count_drop(Worker&, std::uint16_t interface, Drop);

/// Puts an event into the event ring; counts it as lost when there is no room.
void post(Worker&, const Event&);

/// Room for one more event of those that are said once. Whoever must say one leaves its
/// cause undone until there is; the others leave some room for them.
bool can_post(const Worker&);

/// A fresh mbuf from the pool with an empty Meta; null when there is none.
/// Counts nothing: the caller adds to generated or fragments_made.
rte_mbuf* make_packet(Worker&);

/// Meta::hash, computed if nobody did.
inline std::uint64_t hash_of(const Worker& worker, Meta& m) {
    if (m.hash == 0) m.hash = pair_hash(worker.seed, m.pair.source, m.pair.destination);
    return m.hash;
}

/// Worker that owns a pair, or a datagram's pair.
inline unsigned owner(const Worker& worker, const Pair& pair) {
    return worker.num_workers == 1 ? 0
                                   : owner(worker.seed, pair.source, pair.destination, worker.num_workers);
}
inline unsigned owner(const Worker& worker, Meta& m) {
    return worker.num_workers == 1 ? 0 : owner(hash_of(worker, m), worker.num_workers);
}

}  // namespace oegate
