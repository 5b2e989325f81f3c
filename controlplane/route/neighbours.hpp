// Who has which MAC address on each link: ARP (RFC 826) and IPv6 neighbour
// discovery (RFC 4861 §7), sans-IO. Control owns this table; workers see only what
// is published from it. Told of NeighbourWanted events and punted ARP and ND; says
// what to send and what to publish. No duplicate address detection and no router
// discovery: addresses and routes of a gateway are configured.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <variant>

#include "base/clock.hpp"
#include "config/config.hpp"
#include "net/headers.hpp"

namespace oegate::route {

struct Link {
    MacAddress mac;
    std::vector<config::InterfaceAddress> addresses;
};

struct NeighbourSettings {
    Duration retransmit = 1s;   // between solicitations (RFC 4861 §10 RetransTimer)
    unsigned max_solicits = 3;  // RFC 4861 §10 MAX_MULTICAST_SOLICIT; then failed
    Duration reachable = 30s;   // RFC 4861 §10 REACHABLE_TIME; then asked again by unicast
    Duration failed_for = 3s;   // answers to new wishes wait so long after a failure
    std::size_t max_entries = 4096;
    /// Of each interface, not answering (yet): what a scan of a subnet can take up. And
    /// how fast it can make us ask (RFC 6583 §6.2, §7.1). Gateways are let in beyond.
    std::size_t max_unresolved = 512;
    unsigned requests_per_second = 256;
    std::vector<Address> gateways;
};

/// A whole untagged Ethernet frame for an interface.
struct SendFrame {
    std::uint16_t interface = 0;
    Bytes frame;
};
/// Publish to the workers' table, then tell them to release what waits.
struct Learned {
    std::uint16_t interface = 0;
    Address address;
    MacAddress mac;
};
/// Not there: drop what waits, and the table's entry if there was one.
struct Lost {
    std::uint16_t interface = 0;
    Address address;
};
using NeighbourAction = std::variant<SendFrame, Learned, Lost>;

struct NeighbourStatus {
    std::uint16_t interface = 0;
    Address address;
    MacAddress mac;
    std::string_view state;  // incomplete, reachable, probe, failed
    Duration age{};          // since it last answered
};

class Neighbours {
  public:
    Neighbours(std::vector<Link> links, const NeighbourSettings& settings);

    /// As those of the settings: asked for whatever else is asked for.
    void know_gateway(const Address& gateway);
    /// A worker holds a datagram for this next hop.
    void wanted(std::uint16_t interface, const Address& address, Time now);
    /// data: the ARP packet behind its Ethernet header.
    void on_arp(std::uint16_t interface, ByteView data, Time now);
    /// datagram: an IPv6 datagram with a solicitation or advertisement whose hop limit
    /// and checksum were checked (RFC 4861 §7.1); everything else is checked here.
    void on_nd(std::uint16_t interface, ByteView datagram, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

    std::optional<NeighbourAction> next_action();
    std::vector<NeighbourStatus> status(Time now) const;
    /// Wishes that a bound or the rate put off; the worker wishes again.
    std::uint64_t num_put_off() const { return num_put_off_; }
    /// Packets refused as malformed or foreign, and wishes beyond max_entries.
    std::uint64_t num_refused() const { return num_refused_; }
    /// Of those, the wishes beyond max_entries.
    std::uint64_t num_full() const { return num_full_; }
    std::size_t size() const { return entries_.size(); }

  private:
    enum class State : std::uint8_t { incomplete, reachable, probe, failed };
    struct Key {
        std::uint16_t interface;
        Address address;
        auto operator<=>(const Key&) const = default;
    };
    struct Entry {
        State state = State::incomplete;
        MacAddress mac;
        unsigned num_solicits = 0;
        Time deadline = kNever;
        Time confirmed{};
    };

    static bool is_unresolved(const Entry& entry) {
        return entry.state == State::incomplete || entry.state == State::failed;
    }
    using Entries = std::map<Key, Entry>;
    Entries::iterator make(const Key& key);
    void remove(Entries::iterator at);
    void set_state(const Key& key, Entry& entry, State state);
    void set_deadline(const Key& key, Entry& entry, Time deadline);
    bool may_ask(const Key& key, Time now);
    bool make_room();
    void on_deadline(Entries::iterator at, Time now);
    bool is_own(std::uint16_t interface, const Address& address) const;
    const config::InterfaceAddress* on_link(std::uint16_t interface, const Address& address) const;
    void learn(const Key& key, const MacAddress& mac, bool create, Time now);
    void solicit(const Key& key, Entry& entry, Time now);
    void on_solicitation(std::uint16_t interface, const Address& source, const Address& target,
                         const std::optional<MacAddress>& mac, Time now);
    void on_advertisement(std::uint16_t interface, const Address& target,
                          const std::optional<MacAddress>& mac, std::uint32_t flags, Time now);
    void send_arp(std::uint16_t interface, std::uint16_t operation, const MacAddress& to,
                  const Address& sender, const MacAddress& target_mac, const Address& target);
    void send_solicitation(const Key& key, const Entry& entry);
    void send_advertisement(std::uint16_t interface, const Address& target, const MacAddress& to_mac,
                            const Address& to, bool solicited);

    std::vector<Link> links_;
    NeighbourSettings settings_;
    struct Asking {
        std::size_t num_unresolved = 0;
        std::uint64_t tokens = 0;
        Time filled{};
    };
    Entries entries_;
    std::set<std::pair<Time, Key>> due_;
    std::vector<Asking> asking_;  // by interface
    std::deque<NeighbourAction> actions_;
    std::uint64_t num_refused_ = 0, num_put_off_ = 0;
    std::uint64_t num_full_ = 0;
};

}  // namespace oegate::route
