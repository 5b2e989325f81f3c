#include "packet/security/peer.hpp"

#include <cstring>

#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"

namespace oegate::packet_test {
namespace {

SaKey key_of(EspSuite suite, std::uint8_t first) {
    SaKey key;
    key.suite = suite;
    for (std::size_t i = 0; i < key_len(suite); ++i) key.key[i] = static_cast<std::uint8_t>(first + i);
    key.salt = {first, 2, 3, 4};
    return key;
}

struct alignas(64) KeyRoom {
    std::uint8_t bytes[4096];
};

/// One GCM job over `packet` behind the outer header, in place.
bool crypt(const Tunnel& tunnel, Bytes& packet, std::size_t outer_len, std::uint8_t first_key_byte,
           bool sealing) {
    static const esp::Crypto crypto;
    KeyRoom room;
    const SaKey key = key_of(tunnel.suite, first_key_byte);
    crypto.expand(key.suite, key.key.data(), room.bytes);
    esp::GcmJob job;
    job.key = room.bytes;
    job.suite = tunnel.suite;
    job.aad = packet.data() + outer_len;
    job.data = job.aad + esp::kFrontLen;
    job.len = static_cast<std::uint32_t>(packet.size() - outer_len - esp::kFrontLen - esp::kIcvLen);
    job.icv = job.data + job.len;
    esp::make_nonce(job.nonce, key.salt, job.aad + 8);
    if (sealing)
        crypto.seal({&job, 1});
    else
        crypto.open({&job, 1});
    return job.ok;
}

constexpr std::uint8_t kOutKey = 0x10, kInKey = 0x80;

}  // namespace

InstallOutbound Tunnel::outbound() const {
    return {out, pair, local, remote, spi_out, key_of(suite, kOutKey), out_limits, mtu};
}
InstallInbound Tunnel::inbound() const {
    return {in,        pair.reversed(), local,       remote, spi_in, key_of(suite, kInKey),
            in_limits, replay_window,   report_first};
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
    Writer w;
    w.u32(how.spi.value_or(tunnel.spi_in)).u32(static_cast<std::uint32_t>(how.sequence)).u64(how.sequence);
    w.put(inner).zeros(how.tfc);
    if (how.padding) {
        w.put(*how.padding);
    } else {
        const std::size_t num_pad = esp::pad_len(inner.size() + how.tfc);
        for (std::size_t i = 1; i <= num_pad; ++i) w.u8(static_cast<std::uint8_t>(i));
        w.u8(static_cast<std::uint8_t>(num_pad));
    }
    w.u8(how.next_header).zeros(esp::kIcvLen);
    const Address source = how.source.value_or(tunnel.remote);
    Bytes packet = datagram({source.text(), tunnel.local.text(), 60, 50}, std::move(w).take());
    const std::size_t outer_len = source.is_ipv4() ? 20 : 40;
    REQUIRE(crypt(tunnel, packet, outer_len, kInKey, true));
    packet.back() ^= how.spoil;
    if (how.outer_ecn != 0 && source.is_ipv4()) {
        packet[1] = how.outer_ecn;
        packet[10] = packet[11] = 0;
        const std::uint16_t sum = checksum(ByteView(packet).first(20));
        packet[10] = static_cast<std::uint8_t>(sum >> 8);
        packet[11] = static_cast<std::uint8_t>(sum);
    }
    return packet;
}

std::optional<Opened> open(const Tunnel& tunnel, const Bytes& outer) {
    Bytes packet = outer;
    const std::size_t outer_len = tunnel.local.is_ipv4() ? 20 : 40;
    if (packet.size() < outer_len + esp::kMinEspLen) return std::nullopt;
    if (!crypt(tunnel, packet, outer_len, kOutKey, false)) return std::nullopt;
    Reader reader(ByteView(packet).subspan(outer_len));
    Opened opened;
    opened.spi = reader.u32();
    opened.sequence = reader.u32();
    reader.skip(esp::kIvLen);
    const ByteView plain = reader.take(reader.remaining() - esp::kIcvLen);
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
