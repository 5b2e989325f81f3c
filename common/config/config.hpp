// The typed configuration: what the YAML file says, checked, with defaults filled
// in. Loaded by loader.hpp; read by both planes; never changed in place.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "contract/words.hpp"
#include "net/address.hpp"

namespace oegate::config {

struct InterfaceAddress {
    Address address;
    Prefix subnet;
};

struct Interface {
    std::string name;  // unique; as in every `show`
    InterfaceRole role = InterfaceRole::inside;
    std::string device;        // PCI address, or a DPDK vdev with its arguments
    std::uint16_t vlan = 0;    // 0: untagged
    std::uint16_t mtu = 1500;  // 1280..9000, IP bytes
    std::vector<InterfaceAddress> addresses;
    SourceCheck source_check = SourceCheck::automatic;
    bool directed_broadcast = false;  // RFC 2644
    bool ip_options = false;          // forward datagrams with IPv4 options (RFC 7126)
    bool source_route = false;        // and those that say their own way
    bool mss_clamp = true;            // of TCP SYNs that leave or come through a tunnel
};

struct StaticRoute {
    Prefix prefix;
    Address via;  // must lie in a subnet of an interface
};

struct Class {
    ClassKind kind = ClassKind::none;
    std::vector<Prefix> destinations;
    std::vector<Prefix> sources;  // empty: any source
    bool require_secure = false;  // opportunistic: only what DNSSEC secures counts
    std::string peer;             // configured: the peers[].name that protects it
};

/// The other end of configured tunnels: known without DNS (OE draft §12.1).
struct Peer {
    std::string name;
    Address gateway;
    std::string identity;           // an address or a DNS name; empty: the gateway's address
    std::vector<std::string> keys;  // base64 of RFC 3110, as in an IPSECKEY record
};

enum class HugePages : std::uint8_t { automatic, none };

struct Dataplane {
    std::vector<unsigned> lcores{1};  // one worker each
    unsigned control_lcore = 0;
    IdleMode idle = IdleMode::busy;
    HugePages huge_pages = HugePages::automatic;
    std::uint32_t flows_per_worker = 65536;  // 1,024..4,194,304
    std::uint32_t sas_per_worker = 16384;    // per direction; 64..1,048,576
    std::uint32_t held_per_worker = 4096;    // datagrams in hold
    std::uint32_t held_per_source = 64;      // of them from one address
    std::uint32_t neighbours = 4096;
    std::uint32_t waiting_per_neighbour = 16;
    std::uint32_t waiting_total = 1024;  // per worker
    std::uint32_t routes = 65536;
    std::uint16_t descriptors = 512;      // per queue
    std::uint32_t replay_window = 1024;   // packets; RFC 4303 §3.4.3 recommends at least 64
    DfPolicy df = DfPolicy::copy;         // of the outer header (RFC 4301 §8.1)
    bool copy_dscp = true;                // to the outer header (RFC 4301 §5.1.2.1)
    std::uint8_t dscp = 0;                // else this one
    bool copy_ecn = true;                 // RFC 6040 §4.1 normal mode
    bool path_mtu_icmp = true;            // believe ICMP too-big from outside about our SAs
    Duration path_mtu_age = 10min;        // then try the interface's MTU again (RFC 1191 §6.3)
    std::uint32_t reassemblies = 256;     // datagrams to ourselves in reassembly, per worker; 0: none
    Duration reassembly_timeout = 15s;    // RFC 1122 §3.3.2
    Duration stall_after = 1s;            // a worker that does not turn so long is reported
    std::uint32_t icmp_per_second = 100;  // errors sent, per worker
    bool icmp_on_deny = true;             // OE draft §3.1.4
    Duration clear_grace = 10s;           // architecture.md: clear text for a fresh tunnel
};

struct Resolver {
    Address address;
    std::uint16_t port = 53;
    bool trusted_path = false;  // AD is honoured only then (RFC 4035 §4.9.3)
};

/// Who judges signatures: a resolver on a trusted path by its AD bit, or this gateway.
enum class Validation : std::uint8_t { resolver, own };

/// Which records count although DNSSEC does not secure them (OE draft §3.2.4.1):
/// those that name the queried address itself; none; or any TXT (never IPSECKEY, RFC
/// 4025 §4.1.2).
enum class UnsignedRecords : std::uint8_t { self_only, refuse, any };

struct Dns {
    std::vector<Resolver> resolvers;
    Validation validation = Validation::resolver;
    std::string trust_anchors = "/usr/share/dns/root.key";  // DS or DNSKEY records; validation: own
    UnsignedRecords unsigned_records = UnsignedRecords::self_only;
    Duration timeout = 5s;             // of a whole lookup
    Duration retransmit = 1s;          // to the next resolver, or the same again
    std::uint32_t max_queries = 512;   // in flight
    std::uint32_t max_waiting = 4096;  // lookups that wait for a free place among them
    std::uint32_t per_source = 64;     // lookups on behalf of one host or peer, running and waiting
    std::uint32_t cache_entries = 65536;
    Duration longest_ttl = 24h;  // an answer is asked for anew at the latest then
};

/// keying.md, Timers. Each default is documented there.
struct Timers {
    Duration gateway = 10s;
    Duration hold = 30s;
    Duration late_exchange = 60s;
    Duration short_failure = 10min;
    Duration normal_failure = 6h;
    Duration dns_failure = 300s;  // RFC 9520 §3.2
    Duration half_open = 30s;
    Duration look_again_first = 60s;
    Duration look_again = 20min;
    Duration used_within = 30s;
    Duration liveness = 60s;  // at most one check per peer
    Duration requery = 60s;
    Duration old_inbound = 30s;
    Duration idle_channel = 30min;
    Duration retransmit = 500ms;  // first IKE retransmission, then doubled
    Duration move_outbound = 1s;  // a responder's outbound SA is used then at the latest (r.install)
    Duration ask_use = 2s;        // a worker's use report may be lost: asked again
    Duration closing = 5s;        // and so may its final counts
    Duration least_failure = 5s;  // a TTL of 0 must not make us spin
};

/// Forward secrecy of SA pairs (RFC 7296 §1.3.1). `usual`: the first pair rides on the
/// Diffie-Hellman exchange of its own new IKE SA, every other makes one of its own.
/// `strict`: every pair makes its own; the IKE SA is made without one (RFC 6023).
enum class Pfs : std::uint8_t { usual, strict };

enum class DhGroup : std::uint16_t { modp2048 = 14, curve25519 = 31 };

struct Ike {
    std::string private_key;          // PEM file, RSA
    std::vector<Address> identities;  // default: each outside address
    std::string name;                 // initiates as this FQDN instead (OE draft §4.3, §5.3); empty: no
    std::vector<DhGroup> groups{DhGroup::curve25519, DhGroup::modp2048};
    std::vector<EspSuite> suites{EspSuite::aes_gcm_16_128, EspSuite::aes_gcm_16_256};
    Duration ike_lifetime = 4h;
    Duration child_lifetime = 1h;
    std::uint64_t child_bytes = 0;  // 0: no limit but the sequence number's
    std::uint64_t child_packets = 0;
    std::uint32_t max_exchanges = 1024;      // in flight, as initiator
    std::uint32_t half_open_total = 128;     // cookies beyond (RFC 7296 §2.6)
    std::uint32_t half_open_per_source = 8;  // per /32 or /64
    Pfs pfs = Pfs::usual;
    bool esn = true;               // offer 64-bit ESP sequence numbers (RFC 7296 §3.3.2)
    Duration nat_keepalive = 20s;  // RFC 3948 §4
};

struct Limits {
    std::uint32_t connections = 65536;
    std::uint32_t pending_total = 4096;
    std::uint32_t pending_per_source = 256;
    std::uint32_t ike_sas = 65536;
    std::uint32_t ike_sas_per_peer = 16;         // keying channels with one identity
    std::uint32_t ike_sas_per_source = 256;      // opened by peers, per /32 or /64
    std::uint32_t children_per_source = 2048;    // SA pairs that peers made, per /32 or /64
    std::uint32_t peer_lookups = 1024;           // peers whose keys or delegations are being asked for
    std::uint32_t peer_lookups_per_source = 32;  // the same per /32 or /64
    std::uint32_t verifications = 256;           // signatures of strangers waiting for the crypto pool
    std::uint32_t verifications_per_source = 4;  // the same per /32 or /64
};

/// A destination that was keyed so often with a secure verdict does not fall back to
/// clear text for a while: switching DNS off must not switch encryption off.
struct Sticky {
    bool enabled = false;
    std::uint32_t after = 2;
    Duration lasts = 7 * 24h;
    std::uint32_t entries = 4096;
};

/// What DNS should say of this gateway: `oegate dns verify` and key rollover look there.
struct Publication {
    std::vector<Prefix> hosts;       // whose reverse names delegate to this gateway
    std::vector<std::string> names;  // DNS names that carry its key
};

enum class LogLevel : std::uint8_t { debug, info, notice, warning, error };

struct Management {
    std::string socket = "/run/oegate/oegate.sock";
    std::string state_directory = "/var/lib/oegate";
    std::string capture_directory = "/var/lib/oegate/capture";
    std::string viewer_group;             // may `show` and `explain`; empty: nobody
    LogLevel log_level = LogLevel::info;  // to standard error, one line an event
};

struct Config {
    std::string name = "oegate";
    std::vector<Interface> interfaces;
    std::vector<StaticRoute> routes;
    std::vector<Class> classes;
    std::vector<Peer> peers;
    ClassKind default_class = ClassKind::deny;  // n.none
    Dataplane dataplane;
    Dns dns;
    Ike ike;
    Timers timers;
    Limits limits;
    Sticky sticky;
    Publication publication;
    Management management;
};

}  // namespace oegate::config
