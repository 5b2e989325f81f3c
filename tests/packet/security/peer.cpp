#include "packet/security/peer.hpp"

#include <cstring>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "stages/transport_checksum.hpp"

namespace oegate::packet_test {
namespace {

SaKey key_of(EspSuite suite, std::uint8_t first) {
    SaKey key;
    key.suite = suite;
    for (std::size_t i = 0; i < key_len(suite); ++i) key.key[i] = static_cast<std::uint8_t>(first + i);
    for (std::size_t i = 0; i < facts(suite).auth_key_len; ++i)
        key.auth_key[i] = static_cast<std::uint8_t>(first ^ (3 * i));
    if (is_aead(suite)) key.salt = {first, 2, 3, 4};
    return key;
}

struct alignas(64) KeyRoom {
    std::uint8_t bytes[4096] = {};
};

/// One job over `packet` behind the outer header, in place.
bool crypt(const Tunnel& tunnel, Bytes& packet, std::size_t outer_len, std::uint8_t first_key_byte,
           Direction direction, std::uint64_t sequence) {
    static const esp::Crypto crypto;
    KeyRoom room;
    const SaKey key = key_of(tunnel.suite, first_key_byte);
    crypto.expand(direction, key, room.bytes);
    esp::Job job;
    job.key = room.bytes;
    job.suite = tunnel.suite;
    job.front = packet.data() + outer_len;
    job.data = job.front + esp::front_len(tunnel.suite);
    job.len = static_cast<std::uint32_t>(packet.size() - outer_len - esp::front_len(tunnel.suite) -
                                         esp::icv_len(tunnel.suite));
    if (is_aead(tunnel.suite)) esp::make_nonce(job.nonce, key.salt, job.front + 8);
    if (tunnel.esn) esp::use_esn(job, sequence);
    if (direction == Direction::outbound)
        crypto.seal({&job, 1});
    else
        crypto.open({&job, 1});
    return job.ok;
}

constexpr std::uint8_t kOutKey = 0x10, kInKey = 0x80;

}  // namespace

InstallOutbound Tunnel::outbound() const {
    return {out, pair, local, remote, spi_out, key_of(suite, kOutKey), out_limits, mtu, esn, udp, outer};
}
InstallInbound Tunnel::inbound() const {
    return {in,
            pair.reversed(),
            local,
            remote,
            spi_in,
            key_of(suite, kInKey),
            in_limits,
            replay_window,
            report_first,
            esn,
            udp,
            source_bits,
            destination_bits};
}
SetPolicy Tunnel::encrypt(std::uint32_t grace_ms) const {
    return {pair, FlowState::encrypt, ClassKind::oe_permissive, 42, out, grace_ms};
}

void establish(Gateway& g, const Tunnel& tunnel) {
    g.command(0, Command(tunnel.inbound()));
    g.command(0, Command(tunnel.outbound()));
    g.command(0, Command(tunnel.encrypt()));
    g.turn();
}

Bytes seal(const Tunnel& tunnel, const Bytes& inner, const Forged& how) {
    const bool in_udp = tunnel.udp.used() && !how.plain;
    Writer w;
    if (in_udp) w.u16(how.udp_source).u16(how.udp_destination).u16(0).u16(0);
    w.u32(how.spi.value_or(tunnel.spi_in)).u32(static_cast<std::uint32_t>(how.sequence));
    const std::size_t iv_len = esp::front_len(tunnel.suite) - 8;
    if (iv_len == 8)
        w.u64(how.sequence);
    else
        for (std::size_t i = 0; i < iv_len; ++i) w.u8(static_cast<std::uint8_t>(how.sequence * 7 + i * 31));
    w.put(inner).zeros(how.tfc);
    if (how.padding) {
        w.put(*how.padding);
    } else {
        const std::size_t num_pad = esp::pad_len(inner.size() + how.tfc, esp::alignment(tunnel.suite));
        for (std::size_t i = 1; i <= num_pad; ++i) w.u8(static_cast<std::uint8_t>(i));
        w.u8(static_cast<std::uint8_t>(num_pad));
    }
    w.u8(how.next_header).zeros(esp::icv_len(tunnel.suite));
    if (in_udp) w.set_u16(4, static_cast<std::uint16_t>(static_cast<int>(w.view().size()) + how.udp_length));
    const Address source = how.source.value_or(tunnel.remote);
    const std::uint8_t protocol = in_udp ? 17 : 50;
    Bytes packet = datagram({source.text(), tunnel.local.text(), 60, protocol}, std::move(w).take());
    const std::size_t ip_len = source.is_ipv4() ? 20 : 40, outer_len = ip_len + (in_udp ? 8 : 0);
    REQUIRE(crypt(tunnel, packet, outer_len, kInKey, Direction::outbound, how.sequence));
    packet.back() ^= how.spoil;
    if (how.outer_ecn != 0 && source.is_ipv4()) {
        packet[1] = how.outer_ecn;
        packet[10] = packet[11] = 0;
        const std::uint16_t sum = checksum(ByteView(packet).first(20));
        packet[10] = static_cast<std::uint8_t>(sum >> 8);
        packet[11] = static_cast<std::uint8_t>(sum);
    } else if (how.outer_ecn != 0) {
        packet[1] = static_cast<std::uint8_t>((packet[1] & 0xcf) | how.outer_ecn << 4);
    }
    if (in_udp) {
        std::uint16_t sum = 0;
        if (how.udp_checksum)
            sum = *how.udp_checksum;
        else if (!source.is_ipv4())
            sum = transport_checksum({source, tunnel.local}, Protocol::udp, ByteView(packet).subspan(ip_len));
        packet[ip_len + 6] = static_cast<std::uint8_t>(sum >> 8);
        packet[ip_len + 7] = static_cast<std::uint8_t>(sum);
    }
    return packet;
}

std::optional<Opened> open(const Tunnel& tunnel, const Bytes& outer, std::uint32_t sequence_high) {
    Bytes packet = outer;
    const std::size_t ip_len = tunnel.local.is_ipv4() ? 20 : 40;
    const std::size_t outer_len = ip_len + (tunnel.udp.used() ? 8 : 0);
    if (packet.size() < outer_len + esp::min_esp_len(tunnel.suite)) return std::nullopt;
    Reader reader(ByteView(packet).subspan(outer_len));
    Opened opened;
    opened.spi = reader.u32();
    opened.sequence = reader.u32();
    const std::uint64_t sequence = std::uint64_t{sequence_high} << 32 | opened.sequence;
    if (!crypt(tunnel, packet, outer_len, kOutKey, Direction::inbound, sequence)) return std::nullopt;
    reader.skip(esp::front_len(tunnel.suite) - 8);
    const ByteView plain = reader.take(reader.remaining() - esp::icv_len(tunnel.suite));
    const auto trailer = esp::read_trailer(plain);
    if (!trailer) return std::nullopt;
    opened.next_header = trailer->next_header;
    opened.inner.assign(plain.begin(), plain.begin() + static_cast<std::ptrdiff_t>(trailer->payload_len));
    return opened;
}

Bytes without_link(const Bytes& frame) {
    return Bytes(frame.begin() + 14, frame.end());
}

std::vector<Event> of_kind(const std::vector<Event>& events, Event::Kind kind) {
    std::vector<Event> some;
    for (const Event& event : events)
        if (event.kind == kind) some.push_back(event);
    return some;
}

}  // namespace oegate::packet_test
