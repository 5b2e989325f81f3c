// What comes to our address: UDP to port 4500 taken apart (RFC 3948), and ESP opened.
// Bytes 0 to 2 of the input are an order: suite; flags (bit 0 ESN, 1 UDP, 2 IPv6 outside,
// 3 the rest is a whole datagram, 4 a wrong ICV, 5 a window that knows a later number, 6 an
// SA of one pair); next header. What follows is the plain text, trailer and all, which is sealed here with
// the SA's own key, so that the inside is reached. The stages are those of a gateway.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

#include "net/checksum.hpp"
#include "port/dataplane.hpp"
#include "port/parts.hpp"
#include "stages/local.hpp"
#include "stages/parse.hpp"
#include "stages/transport_checksum.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace {

using namespace oegate;

constexpr std::size_t kMost = 1800;  // one buffer holds it, with all that goes around it
const Address kUs4 = Address::ipv4(192, 0, 2, 1), kPeer4 = Address::ipv4(192, 0, 2, 2);
const Address kUs6 = *Address::parse("2001:db8::1"), kPeer6 = *Address::parse("2001:db8::2");

const Pair kBobToAlice{Address::ipv4(198, 51, 100, 1), Address::ipv4(10, 1, 1, 1)};

void require(bool holds) {
    if (!holds) std::abort();
}

struct alignas(64) KeyRoom {
    std::uint8_t bytes[4096] = {};
};

DataplaneParts& parts() {
    static auto* const dataplane = [] {  // lives as long as EAL
        config::Config c;
        c.dataplane.huge_pages = config::HugePages::none;
        c.dataplane.lcores = {0};
        c.dataplane.flows_per_worker = 1024;
        c.dataplane.sas_per_worker = 64;
        c.interfaces.push_back({"wire", InterfaceRole::outside, "net_null0", 0, 1500, {}});
        auto started = Dataplane::start(c, {1, 2}, Dataplane::Workers::by_hand);
        if (!started) throw std::runtime_error(started.error());
        Worker& worker = *(*started)->parts().workers[0];  // as a turn begins
        worker.now_ns = 1'000'000'000'000;
        worker.routes = worker.published->routes;
        worker.own = worker.published->own.load();
        return started->release();
    }();
    return dataplane->parts();
}

struct Order {
    EspSuite suite;
    bool esn, udp, outer6, whole, spoilt, late, pair;
    std::uint8_t next_header;
};

InstallInbound sa_of(const Order& order) {
    InstallInbound sa{};
    sa.ref = {5, 1};
    sa.spi = Spi::make(1, 0, 5);
    sa.local = order.outer6 ? kUs6 : kUs4;
    sa.remote = order.outer6 ? kPeer6 : kPeer4;
    sa.key.suite = order.suite;
    sa.key.key.fill(0x11);
    sa.key.auth_key.fill(0x22);
    sa.key.salt.fill(0x33);
    sa.replay_window = 64;
    sa.esn = order.esn;
    if (order.pair) {
        sa.pair = kBobToAlice;
    } else {
        sa.source_bits = sa.destination_bits = 0;  // any inner datagram is the tunnel's
    }
    return sa;
}

/// A sealed packet behind its outer header.
Bytes sealed(const Order& order, const InstallInbound& sa, ByteView plain) {
    static const esp::Crypto crypto;
    const std::size_t align = esp::alignment(order.suite), front = esp::front_len(order.suite);
    const std::size_t outer_len = esp::outer_header_len(sa.local.family(), order.udp);
    const std::size_t len = std::max(plain.size() / align * align, align);
    Bytes packet(outer_len + front + len + esp::icv_len(order.suite));
    std::copy_n(plain.begin(), std::min(plain.size(), len),
                packet.begin() + static_cast<std::ptrdiff_t>(outer_len + front));
    packet[outer_len + front + len - 1] = order.next_header;
    esp::write_esp_header(packet.data() + outer_len, sa.spi, 1);
    KeyRoom room;
    require(crypto.expand(Direction::outbound, sa.key, room.bytes));
    esp::Job job;
    job.key = room.bytes;
    job.suite = order.suite;
    job.front = packet.data() + outer_len;
    job.data = job.front + front;
    job.len = static_cast<std::uint32_t>(len);
    if (is_aead(order.suite)) esp::make_nonce(job.nonce, sa.key.salt, job.front + 8);
    if (order.esn) esp::use_esn(job, 1);
    crypto.seal({&job, 1});
    require(job.ok);
    if (order.spoilt) packet.back() ^= 1;
    const UdpPorts ports = order.udp ? UdpPorts{4500, 4500} : UdpPorts{};
    const esp::OuterTemplate outer = esp::make_outer(sa.remote, sa.local, ports, 0);
    esp::write_outer(packet.data(), outer, packet.size() - outer_len, 2, false, 7);
    if (order.udp && order.outer6)
        esp::finish_udp({sa.remote, sa.local}, packet.data() + 40, packet.size() - 40);
    return packet;
}

rte_mbuf* packet_of(Worker& worker, ByteView bytes) {
    rte_mbuf* packet = make_packet(worker);
    require(packet != nullptr);
    char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size()));
    require(room != nullptr);
    std::copy(bytes.begin(), bytes.end(), room);
    return packet;
}

void take(Burst& burst) {
    for (rte_mbuf* packet : burst) rte_pktmbuf_free(packet);
    burst.clear();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
    if (size < 4 || size > kMost) return 0;
    const std::uint8_t flags = bytes[1];
    const Order order{kEspSuites[bytes[0] % kNumEspSuites].suite,
                      (flags & 1) != 0,
                      (flags & 2) != 0,
                      (flags & 4) != 0,
                      (flags & 8) != 0,
                      (flags & 16) != 0,
                      (flags & 32) != 0,
                      (flags & 64) != 0,
                      bytes[2]};
    Worker& worker = *parts().workers[0];
    const InstallInbound sa = sa_of(order);
    apply(worker, Command(sa));
    InboundSa& state = *worker.security->sad.inbound(sa.ref);
    if (order.late) state.replay.highest = 65;
    const ByteView rest(bytes + 3, size - 3);
    rte_mbuf* packet =
        packet_of(worker, order.whole ? Bytes(rest.begin(), rest.end()) : sealed(order, sa, rest));

    Burst ours, esp, inner;
    const bool parsed = parse_datagram(packet) == Drop::kCount;
    if (parsed && !meta(packet).fragment) {
        ours.push(packet);
        local(worker, ours, esp);
        decrypt(worker, esp, inner);
    } else {  // what is put together first is not for here
        require(order.whole);
        rte_pktmbuf_free(packet);
    }
    require(inner.size() <= 1);
    for (rte_mbuf* out : inner) {
        // What comes out is a datagram by itself, and was authentic.
        require(!order.spoilt && !order.late && !order.whole);
        const Meta& m = meta(out);
        const Pair pair = m.pair;
        const std::size_t len = rte_pktmbuf_data_len(out);
        require(m.origin == Origin::decrypted && m.header_len <= len && len + 2 <= rest.size() + 20);
        require(m.family == Family::ipv6 || checksum({data(out), m.header_len}) == 0);
        require(parse_datagram(out) == Drop::kCount && rte_pktmbuf_data_len(out) == len &&
                meta(out).pair == pair);
        require(state.packets == 1 && state.bytes == len);
        // Of the SA's pair, or an error about what it carried the other way.
        if (!order.pair || pair == kBobToAlice) continue;
        require(m.protocol == 1 && len >= m.header_len + 28u);
        const std::uint8_t* quote = data(out) + m.header_len + 8;
        require(pair.destination == kBobToAlice.destination &&
                Address::from_wire({quote + 12, 4}) == kBobToAlice.destination &&
                Address::from_wire({quote + 16, 4}) == kBobToAlice.source);
    }
    if (order.spoilt && !order.whole) require(state.packets == 0 && state.replay.highest <= 65);
    take(inner);
    take(worker.generated);
    require(rte_mempool_in_use_count(parts().pool) == 0);
    return 0;
}
