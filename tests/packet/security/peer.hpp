// The other gateway, by hand: SAs that a test installs, and ESP packets that it forges
// and opens without the stages under test (it shares the crypto, which tests/unit/esp holds
// against OpenSSL).
#pragma once

#include <optional>
#include <vector>

#include "contract/command.hpp"
#include "esp/crypto.hpp"
#include "packet/gateway.hpp"

namespace oegate::packet_test {

inline constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;

struct Tunnel {
    Pair pair{address("10.1.0.2"), address("10.3.0.2")};  // outbound: Alice to Bob
    Address local = address("10.2.0.1");
    Address remote = address("10.3.9.9");
    EspSuite suite = EspSuite::aes_gcm_16_128;
    SaRef out{3, 7};
    SaRef in{5, 9};
    std::uint32_t spi_out = 0xabcd0001;
    std::uint32_t spi_in = Spi::make(0x5a, 0, 5);
    SaLimits out_limits{};
    SaLimits in_limits{};
    std::uint32_t replay_window = 64;
    std::uint16_t mtu = 0;
    bool report_first = false;
    bool esn = false;
    UdpPorts udp{};
    OuterPolicy outer{};
    std::uint8_t source_bits = 128, destination_bits = 128;  // of the inbound selectors

    InstallOutbound outbound() const;
    InstallInbound inbound() const;
    SetPolicy encrypt(std::uint32_t grace_ms = 0) const;
};

/// Installs both SAs and the policy.
void establish(Gateway&, const Tunnel&);

struct Forged {
    std::uint64_t sequence = 1;
    std::uint8_t next_header = 4;
    std::optional<Bytes> padding{};  // with its length byte; default: as RFC 4303 says
    std::size_t tfc = 0;             // TFC padding behind the inner datagram
    std::uint8_t spoil = 0;          // XORed into the last byte of the ICV
    std::uint8_t outer_ecn = 0;
    std::optional<std::uint32_t> spi{};
    std::optional<Address> source{};
    std::optional<std::uint16_t> udp_checksum{};  // default: none over IPv4, the right one over IPv6
    std::uint16_t udp_source = 4500, udp_destination = 4500;
    int udp_length = 0;  // added to the right one
    bool plain = false;  // without UDP although the SA has it
};
/// A whole outer datagram from the peer to us.
Bytes seal(const Tunnel&, const Bytes& inner, const Forged& how = {});

struct Opened {
    std::uint32_t spi = 0;
    std::uint32_t sequence = 0;
    std::uint8_t next_header = 0;
    Bytes inner;
};
/// What the peer makes of an outer datagram of ours, whose sequence number has this high
/// half; nullopt when the ICV is wrong.
std::optional<Opened> open(const Tunnel&, const Bytes& outer, std::uint32_t sequence_high = 0);

/// The IP datagram of a frame.
Bytes without_link(const Bytes& frame);
std::vector<Event> of_kind(const std::vector<Event>& events, Event::Kind kind);

}  // namespace oegate::packet_test
