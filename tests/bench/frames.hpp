// The frames of the benchmark's cases: whose they are, and what they look like, in clear
// and in ESP. Used for our own data plane, for the bare loop and for the peer.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "bench/bench.hpp"
#include "net/address.hpp"

namespace oegate::bench {

inline constexpr std::uint32_t kHosts = 10u << 24 | 128u << 16;  // 10.128.0.0/9: one host a flow
inline const Address kInsideHost = Address::ipv4(10, 1, 0, 2);
inline const Address kLocal = Address::ipv4(10, 2, 0, 1), kRemote = Address::ipv4(10, 4, 0, 1);
inline const Address kRouter = Address::ipv4(10, 2, 0, 254);
inline const MacAddress kRouterMac{{2, 0, 0, 0, 0, 1}}, kInsideMac{{2, 0, 0, 0, 0, 2}};

/// The host of a flow, beyond the tunnel.
inline Address host(unsigned flow) {
    return Address::ipv4(kHosts + flow);
}

/// A UDP datagram of `len` bytes; `framed` puts it behind an Ethernet header.
Bytes udp_datagram(const Address& source, const Address& destination, std::size_t len);
Bytes framed(const MacAddress& to, const Bytes& datagram);

/// Seals frames under the key that each case installs: zeros.
class Sealer {
  public:
    Sealer(EspSuite, bool esn);
    ~Sealer();
    Sealer(const Sealer&) = delete;
    Sealer& operator=(const Sealer&) = delete;
    /// A datagram of `len` bytes from host(flow) to the inside, from kRemote to kLocal.
    Bytes frame(const MacAddress& to, std::uint32_t spi, std::uint32_t number, unsigned flow,
                std::size_t len) const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

/// Writes a pcap file of `num` frames, whose inner lengths go round as the case's size
/// says, and returns their mean. Exits when it cannot be written.
double write_pcap(const std::string& path, unsigned num, std::size_t size,
                  const std::function<Bytes(unsigned i, std::size_t len)>& make);

}  // namespace oegate::bench
