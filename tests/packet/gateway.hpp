// A whole data plane over in-memory ports, polled by hand on the test's thread: frames
// in, frames out, time and commands as the test says. No root, no huge pages.
#pragma once

#include <rte_ring.h>

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "port/dataplane.hpp"
#include "port/parts.hpp"

namespace oegate::packet_test {

/// Indices in the configuration.
inline constexpr std::uint16_t kInside = 0, kOutside = 1, kTagged = 2, kJumbo = 3;

struct Options {
    unsigned num_workers = 1;
    config::Dataplane dataplane{};
    SourceCheck source_check = SourceCheck::automatic;  // of all interfaces
    bool directed_broadcast = false;                    // of all interfaces
    unsigned handoff_entries = kHandoffRing;
    InterfaceRole jumbo = InterfaceRole::inside;
};

class Gateway {
  public:
    explicit Gateway(Options options = {});
    ~Gateway();

    /// Puts a frame on the wire of an interface's port.
    /// flags: what its driver says of it (RTE_MBUF_F_RX_).
    void in(std::uint16_t interface, const Bytes& frame, std::uint64_t flags = 0);
    /// The same for another data plane that has taken over the wires.
    void in_of(rte_mempool* pool, std::uint16_t interface, const Bytes& frame, std::uint64_t flags = 0);
    void in_chained(std::uint16_t interface, const Bytes& first, const Bytes& second);
    /// Everybody polls until nobody has anything to do; time stands still.
    void turn();
    /// One worker, one turn.
    bool poll(unsigned worker);
    void pass_time(std::uint64_t ns) { now_ns_ += ns; }
    /// Frames on the wire of an interface's port that nobody has received yet.
    unsigned waiting_on_wire(std::uint16_t interface);
    /// Frames that left by this interface's port.
    std::vector<Bytes> out(std::uint16_t interface);

    void command(unsigned worker, Command command);
    void transmit(unsigned worker, const Transmit& record);
    /// A datagram of control's, in as many records as it takes.
    void transmit(unsigned worker, const Bytes& datagram);
    /// First records of what was punted, and all its bytes.
    std::vector<Punt> punts(unsigned worker = 0);
    std::vector<Bytes> punted(unsigned worker = 0);
    std::vector<Event> events(unsigned worker = 0);

    std::uint64_t drops(Drop reason) const;
    std::uint64_t drops() const;
    WorkerStatus sum() const;
    /// The ledger's two sides agree, and no mbuf is in use that it does not know.
    void check_ledger() const;

    MacAddress mac(std::uint16_t interface) const { return dataplane_->mac(interface); }
    Dataplane& dataplane() { return *dataplane_; }
    DataplaneParts& parts() { return dataplane_->parts(); }
    Worker& worker(unsigned i = 0) { return *parts().workers[i]; }

    /// Hosts whose MAC addresses are published: Alice, Bob and the Internet's router.
    void know_neighbours();
    static config::Config configuration(const Options& options);

  private:
    unsigned wire_of(std::uint16_t interface) { return parts().interfaces[interface].port; }
    std::unique_ptr<Dataplane> dataplane_;
    std::uint64_t now_ns_ = 1'000'000'000'000;
};

// Frames by hand: what a test says in one line.
Bytes ethernet(const MacAddress& to, std::uint16_t type, const Bytes& payload, int vlan = -1);
struct Ip {
    std::string source = "10.1.0.2";
    std::string destination = "10.3.0.2";
    std::uint8_t ttl = 64;
    std::uint8_t protocol = 17;
    std::uint16_t fragment = 0;  // flags and offset, IPv4
};
/// IPv4 or IPv6 by the addresses; checksum right.
Bytes datagram(const Ip& ip, const Bytes& payload);
/// UDP with its checksum, from source_port to port.
Bytes udp(const Ip& ip, std::uint16_t source_port, std::uint16_t port, const Bytes& payload);
/// ICMP or ICMPv6 message with its checksum; rest: all bytes behind it.
Bytes icmp(const Ip& ip, std::uint8_t type, std::uint8_t code, const Bytes& rest);
Address address(const std::string& text);
extern const MacAddress kAlice, kBob, kRouter;

}  // namespace oegate::packet_test
