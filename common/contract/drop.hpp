// THE drop table (architecture.md, One drop table). Every packet that dies, dies
// under one of these reasons; the X-macro gives the enum, the name in `show drops`
// and the help in the documents. A test reaches each reason with a packet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

// X(name, help)
#define OEGATE_DROP_REASONS(X)                                                                               \
    X(frame_short, "shorter than its Ethernet header or tag")                                                \
    X(frame_not_for_us, "unicast frame to another station's MAC address")                                    \
    X(vlan_unknown, "802.1Q tag of a VLAN that no interface has")                                            \
    X(ether_type_unknown, "neither IPv4, IPv6 nor ARP")                                                      \
    X(frame_multi_segment, "does not fit one buffer")                                                        \
    X(frame_merged, "several TCP segments that a NIC made one (LRO): none of them can be forwarded")         \
    X(frame_too_long, "longer than its interface's MTU")                                                     \
    X(ip_version, "version field contradicts the EtherType (RFC 1812 §5.2.2)")                               \
    X(ip_short, "shorter than its IP header or total length (RFC 1812 §5.2.2)")                              \
    X(ip_header_length, "IPv4 header length wrong (RFC 1812 §5.2.2)")                                        \
    X(ip_checksum, "IPv4 header checksum wrong (RFC 1812 §5.2.2)")                                           \
    X(ip_options, "IPv4 options, and the policy is to drop them (RFC 7126)")                                 \
    X(ip_options_malformed, "IPv4 options run past the header or contradict themselves (RFC 7126 §3)")       \
    X(ip_source_route, "IPv4 source route, and the policy is to drop it (RFC 7126 §4.3, §4.4)")              \
    X(ipv6_extension_chain,                                                                                  \
      "more IPv6 extension headers than anybody needs, or in an impossible order (RFC 8200 §4.1)")           \
    X(ip_fragment_tiny, "first fragment too short for its transport header (RFC 1858, RFC 7112)")            \
    X(ip_spoofed_inside, "source from outside claims an address of ours inside (RFC 1812 §5.3.8, RFC 2827)") \
    X(source_check, "no way back to the source, or by another interface (RFC 3704 §2.2, §2.4)")              \
    X(ip_source_invalid, "source is multicast, broadcast, loopback or unspecified (RFC 1812 §5.3.7)")        \
    X(ip_destination_invalid, "destination is loopback or unspecified (RFC 1812 §5.3.7)")                    \
    X(ip_spoofed_own, "source is one of our own addresses")                                                  \
    X(ipv6_routing_header, "IPv6 type 0 routing header (RFC 5095)")                                          \
    X(ip_multicast, "multicast is not forwarded")                                                            \
    X(ip_broadcast, "broadcast is not forwarded (RFC 2644)")                                                 \
    X(ip_link_local, "link-local addresses are not forwarded (RFC 3927 §7, RFC 4291 §2.5.6)")                \
    X(ttl_expired, "TTL or hop limit exhausted; ICMP time exceeded was offered")                             \
    X(no_route, "no route to the destination; ICMP unreachable was offered")                                 \
    X(route_same_interface, "would leave by the interface it came in on")                                    \
    X(too_big, "larger than the outgoing MTU and may not be fragmented; ICMP was offered")                   \
    X(fragment_failed, "could not be fragmented")                                                            \
    X(own_unserved, "for one of our addresses, but nothing serves it")                                       \
    X(own_fragment, "fragment of a datagram to ourselves of a kind that is not reassembled")                 \
    X(reassembly_malformed, "fragment whose place or length is impossible (RFC 791 §3.2, RFC 8200 §4.5)")    \
    X(reassembly_overlap, "fragments overlap: the whole datagram is refused (RFC 5722, RFC 8200 §4.5)")      \
    X(reassembly_full, "bound of datagrams or fragments in reassembly reached")                              \
    X(reassembly_timeout, "the rest of the fragments did not come (RFC 1122 §3.3.2, RFC 8200 §4.5)")         \
    X(icmp_quote_unknown, "ICMP error that quotes no datagram of an SA of ours (RFC 4301 §8.2.1)")           \
    X(icmp_implausible, "ICMP error whose MTU or quote is impossible")                                       \
    X(icmp_malformed, "ICMP message to us too short or with a wrong checksum")                               \
    X(icmp_rate_limited, "answer suppressed by the ICMP rate limit (RFC 1812 §4.3.2.8)")                     \
    X(icmp_no_sa, "ICMP error about a datagram out of a tunnel, and no SA leads back (RFC 4301 §6.2)")       \
    X(arp_malformed, "ARP packet not Ethernet and IPv4, or too short")                                       \
    X(nd_malformed, "neighbour discovery message fails RFC 4861 §7.1")                                       \
    X(punt_ring_full, "control plane does not keep up")                                                      \
    X(punt_too_long, "datagram to the control plane is longer than 16,256 bytes")                            \
    X(udp_malformed, "UDP to us with a wrong length or checksum")                                            \
    X(neighbour_queue_full, "too many datagrams wait for this or all neighbours")                            \
    X(neighbour_failed, "neighbour does not answer; ICMP unreachable was offered")                           \
    X(handoff_full, "hand-over ring to the owning worker is full")                                           \
    X(flow_table_full, "flow cache is full of entries that may not be evicted")                              \
    X(class_deny, "destination's class is deny")                                                             \
    X(class_none, "no class matches and the administrator's default is deny")                                \
    X(policy_deny, "pair is denied by keying; `explain` says why")                                           \
    X(hold_replaced, "a later datagram took its place as `last` while keying (OE draft §3.1.2)")             \
    X(hold_denied, "held datagram whose pair was then denied")                                               \
    X(hold_limit, "bound of held datagrams reached")                                                         \
    X(hold_source_limit, "this source holds as many datagrams as one may")                                   \
    X(hold_expired, "held datagram of a pair that was removed")                                              \
    X(clear_while_encrypted, "clear text from outside though its pair is encrypted (RFC 4301 §5.2)")         \
    X(clear_while_denied, "clear text from outside though its pair is denied")                               \
    X(clear_while_held, "clear text from outside while keying and class is not permissive")                  \
    X(clear_not_permitted, "clear text from outside and class requires encryption")                          \
    X(esp_short, "ESP packet too short for its transform")                                                   \
    X(esp_unknown_spi, "no SA of ours has this SPI (RFC 4301 §5.2)")                                         \
    X(esp_wrong_address, "ESP from or to other addresses than its SA's")                                     \
    X(esp_replayed, "sequence number seen before (RFC 4303 §3.4.3)")                                         \
    X(esp_too_old, "sequence number left of the window (RFC 4303 §3.4.3)")                                   \
    X(esp_length, "cipher text is no whole number of blocks (RFC 4303 §2.4)")                                \
    X(esp_udp_malformed, "ESP in UDP with a wrong length or checksum (RFC 3948 §2.1)")                       \
    X(esp_bad_icv, "integrity check failed (RFC 4303 §3.4.4.1)")                                             \
    X(esp_bad_padding, "pad length or padding contradicts RFC 4303 §2.4")                                    \
    X(esp_next_header, "neither IPv4 nor IPv6 inside a tunnel-mode SA")                                      \
    X(esp_dummy, "dummy packet, next header 59 (RFC 4303 §2.6)")                                             \
    X(esp_inner_invalid, "inner datagram malformed")                                                         \
    X(esp_selector_mismatch, "inner addresses are not the SA's (RFC 4301 §5.2)")                             \
    X(esp_congestion,                                                                                        \
      "congestion marked on the way, but the inner datagram cannot carry it (RFC 6040 §4.2)")                \
    X(esp_fragment, "fragment of an ESP packet when reassembly is switched off")                             \
    X(sa_missing, "outbound SA was removed while the pair still named it")                                   \
    X(sa_hard_limit, "SA reached its hard limit")                                                            \
    X(sa_sequence_exhausted, "sequence numbers are used up (RFC 4303 §3.3.3)")                               \
    X(crypto_failed, "crypto library refused the job")                                                       \
    X(transmit_full, "transmit queue stayed full")                                                           \
    X(interface_down, "outgoing interface is down")                                                          \
    X(no_buffer, "no buffer for a packet that had to be made")

namespace oegate {

enum class Drop : std::uint8_t {
#define OEGATE_DROP_ENUM(name, help) name,
    OEGATE_DROP_REASONS(OEGATE_DROP_ENUM)
#undef OEGATE_DROP_ENUM
        kCount
};

inline constexpr std::size_t kNumDrops = static_cast<std::size_t>(Drop::kCount);

/// The name as in `show drops`, e.g. "hold_replaced".
std::string_view to_text(Drop);
/// One line that tells an operator what it means.
std::string_view help(Drop);

}  // namespace oegate
