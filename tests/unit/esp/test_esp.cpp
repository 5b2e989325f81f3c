// esp/: replay window, padding, sequence and layout, the pure parts.
#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"
#include "esp/layout.hpp"
#include "esp/replay.hpp"
#include "esp/sequence.hpp"
#include "net/checksum.hpp"

using namespace oegate;
using namespace oegate::esp;

namespace {

/// A window under test with its bitmap.
struct Window {
    explicit Window(std::uint32_t packets) : bitmap(replay_words(packets)) { state.window = packets; }
    Replay receive(std::uint64_t sequence) {
        const Replay verdict = state.check(bitmap, sequence);
        if (verdict == Replay::fresh) state.update(bitmap, sequence);
        return verdict;
    }
    ReplayWindow state;
    std::vector<std::uint64_t> bitmap;
};

}  // namespace

TEST_CASE("replay: the table of single cases") {
    struct Row {
        const char* story;
        std::uint32_t window;
        std::vector<std::uint64_t> before;
        std::uint64_t sequence;
        Replay expected;
    };
    const Row rows[] = {
        {"the first number is 1", 64, {}, 1, Replay::fresh},
        {"0 is never sent", 64, {}, 0, Replay::left_of_window},
        {"0 is left even after traffic inside the window", 64, {5}, 0, Replay::left_of_window},
        {"a repeat", 64, {1}, 1, Replay::seen},
        {"a repeat of the highest", 64, {7, 9}, 9, Replay::seen},
        {"a gap is open", 64, {1, 3}, 2, Replay::fresh},
        {"a gap closes", 64, {1, 3, 2}, 2, Replay::seen},
        {"the left edge is inside", 64, {100}, 37, Replay::fresh},
        {"one left of the left edge", 64, {100}, 36, Replay::left_of_window},
        {"the left edge once seen", 64, {37, 100}, 37, Replay::seen},
        {"left edge of 1024", 1024, {5000}, 3977, Replay::fresh},
        {"left of the edge of 1024", 1024, {5000}, 3976, Replay::left_of_window},
        {"a jump of a whole ring forgets old bits", 64, {1, 2, 3, 1000}, 999, Replay::fresh},
        {"a jump to the ring's alias", 64, {1, 129}, 65 + 1, Replay::fresh},
        {"a jump across the last 32-bit number", 64, {0xffffffff}, 0xffffffff, Replay::seen},
        {"just below the last number", 64, {0xffffffff}, 0xffffffff - 63, Replay::fresh},
        {"the smallest window, left edge", 32, {100}, 69, Replay::fresh},
        {"left of the smallest window", 32, {100}, 68, Replay::left_of_window},
        {"the largest window, left edge", 32768, {100'000}, 67'233, Replay::fresh},
        {"left of the largest window", 32768, {100'000}, 67'232, Replay::left_of_window},
        {"an odd multiple of 32", 96, {200}, 105, Replay::fresh},
        {"without a window everything is fresh", 0, {5}, 5, Replay::fresh},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        Window window(row.window);
        for (std::uint64_t sequence : row.before) window.receive(sequence);
        CHECK(window.receive(row.sequence) == row.expected);
    }
}

TEST_CASE("replay: check alone changes nothing") {
    Window window(64);
    window.receive(10);
    for (int i = 0; i < 3; ++i) CHECK(window.state.check(window.bitmap, 500) == Replay::fresh);
    CHECK(window.receive(10) == Replay::seen);
    CHECK(window.state.highest == 10);
}

TEST_CASE("replay: random traffic against a list of everything seen") {
    for (std::uint32_t size : {32u, 64u, 96u, 128u, 192u, 1024u, 4096u, 32768u}) {
        SeededRandom random(size);
        Window window(size);
        std::set<std::uint64_t> seen;
        std::uint64_t highest = 0;
        for (int i = 0; i < 40000; ++i) {
            std::uint64_t sequence;
            switch (random.below(8)) {
                case 0:
                    sequence = highest + 1 + random.below(3 * size);
                    break;
                case 1:
                    sequence = highest > 2 * size ? highest - random.below(2 * size) : random.below(size);
                    break;
                case 2:
                    sequence = highest >= size ? highest - size + random.below(3) : highest;
                    break;
                default:
                    sequence = highest > 40 ? highest - 40 + random.below(60) : 1 + random.below(60);
            }
            const bool left = sequence == 0 || (sequence <= highest && highest - sequence >= size);
            const Replay expected = left                   ? Replay::left_of_window
                                    : seen.count(sequence) ? Replay::seen
                                                           : Replay::fresh;
            REQUIRE(window.receive(sequence) == expected);
            if (expected == Replay::fresh) {
                seen.insert(sequence);
                highest = std::max(highest, sequence);
            }
        }
        CHECK(window.state.highest == highest);
    }
}

TEST_CASE("sequence: starts at 1 and stops before its bits cycle") {
    SendSequence sequence;
    CHECK(sequence.next(false) == 1);
    CHECK(sequence.next(false) == 2);
    sequence.sent = 0xfffffffe;
    CHECK_FALSE(sequence.exhausted(false));
    CHECK(sequence.next(false) == 0xffffffff);
    CHECK(sequence.exhausted(false));
    CHECK(sequence.next(false) == 0);
    CHECK(sequence.sent == 0xffffffff);
    // With ESN it goes on, to the end of 64 bits.
    CHECK(sequence.next(true) == 0x100000000);
    sequence.sent = UINT64_MAX - 1;
    CHECK(sequence.next(true) == UINT64_MAX);
    CHECK(sequence.exhausted(true));
    CHECK(sequence.next(true) == 0);
    CHECK(sequence.sent == UINT64_MAX);
}

TEST_CASE("sequence: the receiver's guess of the high half (RFC 4303 appendix A2.2)") {
    struct Row {
        const char* story;
        std::uint64_t highest;
        std::uint32_t window;
        std::uint32_t low;
        std::uint64_t expected;
    };
    constexpr std::uint64_t k2_32 = std::uint64_t{1} << 32;
    const Row rows[] = {
        {"the first of all", 0, 64, 1, 1},
        {"nothing came before the first", 0, 64, 0xffffffff, 0},
        {"nor left of a window that begins before it", 5, 64, 0xfffffff0, 0},
        {"ahead in the same cycle", 1000, 64, 2000, 2000},
        {"inside the window", 1000, 64, 937, 937},
        {"left of it: taken for the next cycle, whose ICV will not fit", 1000, 64, 936, k2_32 + 936},
        {"over the edge of the cycle", 0xfffffff0, 64, 3, k2_32 + 3},
        {"late, from before the edge", k2_32 + 3, 64, 0xfffffff0, 0xfffffff0},
        {"just behind the edge", k2_32 + 3, 64, 4, k2_32 + 4},
        {"the left edge across the cycle", k2_32 + 3, 64, 0xffffffc4, 0xffffffc4},
        {"one left of it: ahead in this cycle", k2_32 + 3, 64, 0xffffffc3, k2_32 + 0xffffffc3},
        {"a loss of 3 x 2^30 packets", 1000, 64, 0xc0000000, 0xc0000000},
        {"a loss of more than 2^31 across the edge", 0xc0000000, 64, 0x80000000, k2_32 + 0x80000000},
        {"the highest cycle but one", 7 * k2_32 + 0xffffffff, 1024, 0, 8 * k2_32},
        {"a large window across the cycle", 9 * k2_32 + 100, 32768, 0xffff8065, 8 * k2_32 + 0xffff8065},
        {"without a window numbers are followed all the same", k2_32 + 3, 0, 0xfffffff0, 0xfffffff0},
    };
    for (const Row& row : rows) {
        INFO(row.story);
        const ReplayWindow state{row.highest, row.window};
        CHECK(guess_sequence(state, row.low) == row.expected);
    }
}

TEST_CASE("sequence: a sender and a receiver agree over many cycles, with loss and reordering") {
    SeededRandom random(11);
    for (const std::uint32_t size : {32u, 64u, 1024u}) {
        Window window(size);
        std::uint64_t sent = 0xffff0000;
        window.state.highest = sent;
        for (int i = 0; i < 100'000; ++i) {
            sent += 1 + (random.below(50) == 0 ? random.below(0xf0000000) : random.below(8));
            const std::uint64_t late = random.below(size) / 2;
            REQUIRE(guess_sequence(window.state, static_cast<std::uint32_t>(sent)) == sent);
            window.receive(sent);
            REQUIRE(guess_sequence(window.state, static_cast<std::uint32_t>(sent - late)) == sent - late);
        }
        CHECK(sent >> 32 > 100);
    }
}

TEST_CASE("padding: written as RFC 4303 says and read back, every length and alignment") {
    for (const std::size_t align : {4u, 8u, 16u})
        for (std::size_t payload = 0; payload < 70; ++payload) {
            const std::size_t num_pad = pad_len(payload, align);
            Bytes plain(payload + num_pad + kTrailerLen + 12, 0xee);
            write_trailer(plain.data() + payload, num_pad, 4);
            plain.resize(plain.size() - 12);
            CHECK(plain.size() % align == 0);
            CHECK(trailer_len(payload, align) == num_pad + 2);
            CHECK(num_pad < align);
            const auto trailer = read_trailer(plain);
            REQUIRE(trailer);
            CHECK(trailer->payload_len == payload);
            CHECK(trailer->next_header == 4);
        }
}

TEST_CASE("padding: what a receiver refuses") {
    const auto read = [](const char* hex) { return read_trailer(*from_hex(hex)); };
    CHECK_FALSE(read_trailer({}));
    CHECK_FALSE(read("04"));
    CHECK(read("0004"));              // no payload, no padding
    CHECK(read("0102030304"));        // 1 2 3, length 3, next 4
    CHECK_FALSE(read("0102040304"));  // 4 in place of 3
    CHECK_FALSE(read("0000000304"));  // zeros
    CHECK_FALSE(read("aabbff29"));    // longer than what there is
    CHECK_FALSE(read("01020304"));    // length 3, two bytes there
    Bytes longest(255 + 2);
    for (std::size_t i = 0; i < 255; ++i) longest[i] = static_cast<std::uint8_t>(i + 1);
    longest[255] = 255;
    longest[256] = 41;
    const auto trailer = read_trailer(longest);
    REQUIRE(trailer);
    CHECK(trailer->payload_len == 0);
    CHECK(trailer->next_header == 41);
}

TEST_CASE("layout: the inner MTU is exact for every suite, family and encapsulation") {
    for (const EspSuiteFacts& f : kEspSuites)
        for (Family outer : {Family::ipv4, Family::ipv6})
            for (const bool udp : {false, true}) {
                for (std::size_t mtu = 576; mtu <= 9000; mtu += 7) {
                    const std::size_t inner = inner_mtu(f.suite, outer, udp, mtu);
                    REQUIRE(inner + overhead(f.suite, outer, udp, inner) <= mtu);
                    REQUIRE(inner + 1 + overhead(f.suite, outer, udp, inner + 1) > mtu);
                }
                CHECK(inner_mtu(f.suite, outer, udp, 40) == 0);
            }
}

TEST_CASE("layout: outer IPv4 header, with and without UDP") {
    const auto local = Address::ipv4(192, 1, 1, 4), remote = Address::ipv4(192, 1, 1, 5);
    const OuterTemplate outer = make_outer(local, remote, {}, 1);
    std::uint8_t bytes[28];
    write_outer(bytes, outer, 100, 0xb8 | 1, true, 0x1234);
    CHECK(to_hex({bytes, 10}) == "45b90078123440004032");
    CHECK(to_hex({bytes + 12, 8}) == "c0010104c0010105");
    CHECK(checksum({bytes, 20}) == 0);
    write_outer(bytes, outer, 100, 0, false, 0);
    CHECK(to_hex({bytes + 6, 2}) == "0000");
    CHECK(checksum({bytes, 20}) == 0);
    CHECK(outer_pair(outer) == Pair{local, remote});

    const OuterTemplate in_udp = make_outer(local, remote, {4500, 61000}, 1);
    write_outer(bytes, in_udp, 100, 0, true, 0xffff);
    CHECK(to_hex({bytes, 10}) == "45000080ffff40004011");
    CHECK(to_hex({bytes + 20, 8}) == "1194ee48006c0000");  // no checksum: RFC 3948 2.1
    CHECK(checksum({bytes, 20}) == 0);
}

TEST_CASE("layout: outer IPv6 header, with and without UDP") {
    const auto local = *Address::parse("2001:db8::4"), remote = *Address::parse("2001:db8::5");
    std::uint8_t bytes[48 + 3];
    write_outer(bytes, make_outer(local, remote, {}, 0), 100, 0xb9, false, 0);
    CHECK(to_hex({bytes, 8}) == "6b90000000643240");
    CHECK(to_hex({bytes + 8, 16}) == "20010db8000000000000000000000004");
    CHECK(to_hex({bytes + 24, 16}) == "20010db8000000000000000000000005");
    write_outer(bytes, make_outer(local, remote, {}, 77), 100, 0xff, false, 0);
    CHECK((bytes[0] == 0x6f && bytes[1] >> 4 == 0xf));
    CHECK(((bytes[1] & 15) | bytes[2] | bytes[3]) != 0);  // the SA's flow label

    const OuterTemplate in_udp = make_outer(local, remote, {4500, 4500}, 0);
    write_outer(bytes, in_udp, 3, 0, false, 0);
    CHECK(to_hex({bytes, 8}) == "60000000000b1140");
    std::memcpy(bytes + 48, "esp", 3);
    finish_udp(outer_pair(in_udp), bytes + 40, 11);
    std::uint64_t sum = checksum_add(11 + 17, ByteView(bytes + 8, 32));
    CHECK(checksum_finish(checksum_add(sum, ByteView(bytes + 40, 11))) == 0);
    CHECK((bytes[46] | bytes[47]) != 0);
}

TEST_CASE("layout: DSCP, ECN and DF of the outer header") {
    CHECK(outer_traffic_class({}, 0xb8 | 2) == (0xb8 | 2));
    CHECK(outer_traffic_class({.dscp = 46}, 0x21) == (46 << 2 | 1));
    CHECK(outer_traffic_class({.dscp = 0, .copy_ecn = false}, 0xff) == 0);
    CHECK(outer_traffic_class({.copy_ecn = false}, 0xff) == 0xfc);
    for (const bool inner : {false, true}) {
        CHECK(outer_dont_fragment({.df = DfPolicy::copy}, inner) == inner);
        CHECK(outer_dont_fragment({.df = DfPolicy::set}, inner));
        CHECK_FALSE(outer_dont_fragment({.df = DfPolicy::clear}, inner));
    }
}

TEST_CASE("layout: ECN after decapsulation is RFC 6040's figure 4") {
    constexpr std::uint8_t kNot = 0, k1 = 1, k0 = 2, kCe = 3;
    for (std::uint8_t outer : {kNot, k0, k1}) CHECK(decapsulated_ecn(kNot, outer) == kNot);
    CHECK_FALSE(decapsulated_ecn(kNot, kCe));
    CHECK(decapsulated_ecn(k0, kNot) == k0);
    CHECK(decapsulated_ecn(k0, k0) == k0);
    CHECK(decapsulated_ecn(k0, k1) == k1);
    CHECK(decapsulated_ecn(k0, kCe) == kCe);
    CHECK(decapsulated_ecn(k1, kNot) == k1);
    CHECK(decapsulated_ecn(k1, k0) == k1);
    CHECK(decapsulated_ecn(k1, k1) == k1);
    CHECK(decapsulated_ecn(k1, kCe) == kCe);
    for (std::uint8_t outer : {kNot, k0, k1, kCe}) CHECK(decapsulated_ecn(kCe, outer) == kCe);
}
