// IKE datagrams longer than an MTU and than a record of the rings: to control whole, and
// from control in fragments.
#include <map>

#include "catch.hpp"
#include "packet/size/pieces.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr std::uint16_t kIpv4 = 0x0800, kIpv6 = 0x86dd;

Bytes message(std::size_t len) {
    Bytes bytes(len);
    for (std::size_t i = 0; i < len; ++i) bytes[i] = static_cast<std::uint8_t>(i * 7 + i / 256);
    return bytes;
}

struct Lab {
    explicit Lab(Options options = {}) : g(options) { g.know_neighbours(); }
    ~Lab() { g.check_ledger(); }
    void receive(const Bytes& whole, std::size_t step = 1344, std::uint16_t id = 0x4242) {
        for (const Bytes& d : pieces(whole, step, id)) {
            g.in(kOutside, ethernet(g.mac(kOutside), d[0] >> 4 == 4 ? kIpv4 : kIpv6, d));
            g.turn();
        }
    }
    Gateway g;
};

/// UDP segments that left outside, put together by hand; every fragment fits the MTU.
std::vector<Bytes> sent(Lab& lab) {
    std::map<std::uint32_t, Bytes> open;
    std::vector<Bytes> whole;
    for (const Bytes& frame : lab.g.out(kOutside)) {
        const Bytes d(frame.begin() + 14, frame.end());
        CHECK(d.size() <= 1400);
        const bool v4 = d[0] >> 4 == 4;
        REQUIRE((v4 ? (d[6] & 0x40) == 0 : d[6] == 44 || d[6] == 17));
        const bool cut = v4 || d[6] == 44;
        const std::size_t at = v4 ? 20 : cut ? 48 : 40;
        if (v4) CHECK(checksum(ByteView(d).first(20)) == 0);
        const std::uint32_t id =
            v4    ? d[4] << 8 | d[5]
            : cut ? static_cast<std::uint32_t>(d[44]) << 24 | d[45] << 16 | d[46] << 8 | d[47]
                  : 0;
        const unsigned offset = v4    ? 8u * ((d[6] << 8 | d[7]) & 0x1fff)
                                : cut ? (d[42] << 8 | d[43]) & 0xfff8
                                      : 0;
        const bool more = v4 ? (d[6] & 0x20) != 0 : cut && (d[43] & 1) != 0;
        Bytes& bytes = open[id];
        REQUIRE(offset == bytes.size());
        bytes.insert(bytes.end(), d.begin() + static_cast<std::ptrdiff_t>(at), d.end());
        if (more) continue;
        whole.push_back(bytes);
        open.erase(id);
    }
    CHECK(open.empty());
    return whole;
}

Bytes segment(const Bytes& datagram) {
    return Bytes(datagram.begin() + (datagram[0] >> 4 == 4 ? 20 : 40), datagram.end());
}

}  // namespace

TEST_CASE("IKE of every length reaches control whole") {
    for (const bool v6 : {false, true})
        for (const std::size_t len : {1000u, 1900u, 2032u, 2033u, 3000u, 4064u, 4065u, 9000u, 16'256u}) {
            CAPTURE(v6, len);
            Lab lab;
            const Bytes bytes = message(len);
            const Ip ip = v6 ? Ip{"2001:db8:2::fe", "2001:db8:2::1"} : Ip{"10.3.9.9", "10.2.0.1"};
            lab.receive(udp(ip, 500, 500, bytes));
            CHECK((lab.g.punted() == std::vector<Bytes>{bytes}));
            Bytes marked(4, 0);
            marked.insert(marked.end(), bytes.begin(), bytes.end());
            lab.receive(udp(ip, 4711, 4500, marked), 1344, 2);
            CHECK((lab.g.punted() == std::vector<Bytes>{bytes}));
            CHECK(lab.g.drops() == 0);
        }
}

TEST_CASE("IKE in fragments is checked whole, and bounded") {
    Lab lab;
    const Ip ip{"10.3.9.9", "10.2.0.1"};
    Bytes wrong = udp(ip, 500, 500, message(3000));
    wrong.back() ^= 1;
    lab.receive(wrong);
    CHECK(lab.g.drops(Drop::udp_malformed) == 1);
    lab.receive(udp(ip, 500, 500, message(kMaxPacketBytes + 1)), 1344, 3);
    CHECK(lab.g.drops(Drop::punt_too_long) == 1);
    CHECK(lab.g.drops() == 2);
    CHECK(lab.g.punted().empty());
}

TEST_CASE("a long IKE datagram gets all its records or none, wherever the ring ends") {
    Lab lab;
    const Ip ip{"10.3.9.9", "10.2.0.1"};
    const Bytes three = message(6000), one = message(100);
    // 511 records fit.
    for (std::uint16_t i = 0; i < 509; ++i) lab.receive(udp(ip, 500, 500, one));
    lab.receive(udp(ip, 500, 500, three));
    CHECK(lab.g.drops(Drop::punt_ring_full) == 1);
    lab.receive(udp(ip, 500, 500, one), 1344, 2);
    CHECK(lab.g.punted().size() == 510);
    for (std::uint16_t i = 0; i < 400; ++i) {
        lab.receive(udp(ip, 500, 500, three), 1344, i);
        REQUIRE((lab.g.punted() == std::vector<Bytes>{three}));
    }
    CHECK(lab.g.drops() == 1);
}

TEST_CASE("control's long datagrams leave in fragments, each with a name of its own") {
    for (const bool v6 : {false, true})
        for (const std::size_t len : {1000u, 1400u, 2004u, 2005u, 3000u, 9000u, 16'200u}) {
            CAPTURE(v6, len);
            Lab lab;
            const Ip ip = v6 ? Ip{"2001:db8:2::1", "2001:db8:3::9"} : Ip{"10.2.0.1", "10.3.0.9"};
            const Bytes a = udp(ip, 500, 500, message(len));
            Bytes b = a;
            b.back() ^= 0x55;  // nobody looks at the checksum here
            Bytes without_name = a;
            for (Bytes* d : {&without_name, &b})
                if (!v6) {
                    (*d)[4] = (*d)[5] = 0;
                    *d = summed(*d);
                }
            lab.g.transmit(0, without_name);
            lab.g.transmit(0, b);
            lab.g.turn();
            CHECK((sent(lab) == std::vector<Bytes>{segment(a), segment(b)}));
            CHECK(lab.g.sum().generated == 2);
            CHECK(lab.g.drops() == 0);
        }
}

TEST_CASE("records of one datagram that come in two turns make it, and many are taken in turns") {
    Lab lab;
    const Ip ip{"10.2.0.1", "10.3.0.9"};
    const Bytes whole = udp(ip, 500, 500, message(6000));
    Transmit record{};
    record.interface = kOutside;
    record.len = static_cast<std::uint16_t>(whole.size());
    for (std::size_t i = 0; i < 3; ++i) {
        CHECK(sent(lab).empty());
        const std::size_t at = i * kMaxRecordBytes, len = std::min(whole.size() - at, kMaxRecordBytes);
        std::copy_n(whole.begin() + static_cast<std::ptrdiff_t>(at), len, record.data.begin());
        lab.g.transmit(0, record);
        lab.g.turn();
    }
    CHECK((sent(lab) == std::vector<Bytes>{segment(whole)}));
    // 200 records through a ring of 256, over and over.
    for (unsigned round = 0; round < 5; ++round) {
        for (unsigned i = 0; i < 40; ++i) lab.g.transmit(0, udp(ip, 500, 500, message(9000)));
        std::size_t num = 0;
        for (unsigned i = 0; i < 40; ++i) {
            lab.g.poll(0);
            num += sent(lab).size();
        }
        CHECK(num == 40);
    }
    CHECK(lab.g.drops() == 0);
}

TEST_CASE("what only a broken control plane writes dies, and what follows lives") {
    Lab lab;
    const Ip ip{"10.2.0.1", "10.3.0.9"};
    Transmit record{};
    record.interface = kOutside;
    record.len = static_cast<std::uint16_t>(kMaxPacketBytes + 1);
    for (std::size_t i = 0; i < kMaxRecords; ++i) lab.g.transmit(0, record);
    record.kind = Transmit::Kind::frame;
    record.len = static_cast<std::uint16_t>(kMaxRecordBytes + 1);
    for (std::size_t i = 0; i < 2; ++i) lab.g.transmit(0, record);
    lab.g.transmit(0, udp(ip, 500, 500, message(100)));
    lab.g.turn();
    CHECK(lab.g.drops(Drop::frame_short) == 2);
    CHECK(lab.g.drops() == 2);
    CHECK(sent(lab).size() == 1);
}

TEST_CASE("without reassembly there are no large buffers, and long datagrams of control's die") {
    const Ip ip{"10.2.0.1", "10.3.0.9"};
    config::Dataplane d;
    d.reassemblies = 0;
    Lab small({.dataplane = d});
    small.g.transmit(0, udp(ip, 500, 500, message(12'000)));
    small.g.transmit(0, udp(ip, 500, 500, message(1900)));
    small.g.turn();
    CHECK(small.g.drops(Drop::no_buffer) == 1);
    CHECK((sent(small) == std::vector<Bytes>{segment(udp(ip, 500, 500, message(1900)))}));
}
