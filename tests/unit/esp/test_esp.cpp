// esp/: replay window, padding, sequence, layout (pure) and AES-GCM.
#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"
#include "esp/crypto.hpp"
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
    for (std::uint32_t size : {64u, 128u, 192u, 1024u, 4096u}) {
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

TEST_CASE("sequence: starts at 1 and stops before the 32 bits cycle") {
    SendSequence sequence;
    CHECK(sequence.next() == 1);
    CHECK(sequence.next() == 2);
    sequence.sent = 0xfffffffe;
    CHECK_FALSE(sequence.exhausted());
    CHECK(sequence.next() == 0xffffffff);
    CHECK(sequence.exhausted());
    CHECK(sequence.next() == 0);
    CHECK(sequence.next() == 0);
    CHECK(sequence.sent == 0xffffffff);
}

TEST_CASE("padding: written as RFC 4303 says and read back, every length") {
    for (std::size_t payload = 0; payload < 70; ++payload) {
        Bytes plain(payload + trailer_len(payload), 0xee);
        write_trailer(plain.data() + payload, payload, 4);
        CHECK(plain.size() % 4 == 0);
        CHECK(trailer_len(payload) <= 5);
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

TEST_CASE("layout: the inner MTU is exact for every MTU and family") {
    for (Family outer : {Family::ipv4, Family::ipv6}) {
        for (std::size_t mtu = 576; mtu <= 9000; ++mtu) {
            const std::size_t inner = inner_mtu(outer, mtu);
            REQUIRE(inner + overhead(outer, inner) <= mtu);
            REQUIRE(inner + 1 + overhead(outer, inner + 1) > mtu);
        }
        CHECK(inner_mtu(outer, 40) == 0);
    }
}

TEST_CASE("layout: outer IPv4 header") {
    const OuterTemplate outer = make_outer(Address::ipv4(192, 1, 1, 4), Address::ipv4(192, 1, 1, 5));
    std::uint8_t bytes[20];
    write_outer_ipv4(bytes, outer, 100, 0xb8 | 1, true, 0x1234);
    CHECK(to_hex({bytes, 10}) ==
          "45b9007812344000"
          "4032");
    CHECK(to_hex({bytes + 12, 8}) == "c0010104c0010105");
    CHECK(checksum({bytes, 20}) == 0);
    write_outer_ipv4(bytes, outer, 100, 0, false, 0);
    CHECK(to_hex({bytes + 6, 2}) == "0000");
    CHECK(checksum({bytes, 20}) == 0);
}

TEST_CASE("layout: outer IPv6 header") {
    const OuterTemplate outer = make_outer(*Address::parse("2001:db8::4"), *Address::parse("2001:db8::5"));
    std::uint8_t bytes[40];
    write_outer_ipv6(bytes, outer, 100, 0xb9);
    CHECK(to_hex({bytes, 8}) == "6b90000000643240");
    CHECK(to_hex({bytes + 8, 16}) == "20010db8000000000000000000000004");
    CHECK(to_hex({bytes + 24, 16}) == "20010db8000000000000000000000005");
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

namespace {

struct Vector {
    const char* key;
    const char* nonce;
    const char* aad;
    const char* plain;
    const char* cipher;
    const char* icv;
};

// ESP test cases for RFC 4106 (draft-mcgrew-gcm-test-01 §4), those with 128- and 256-bit keys.
constexpr Vector kVectors[] = {
    {"4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe", "000043218765432100000000",
     "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f75647003736970"
     "0963796265726369747902646b000021000101020201",
     "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b2"
     "1e1884f5ff6247aeabb786b93bce61bc17d768fd9732",
     "459018148f6cbe722fd04796562dfdb4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "0000a5f80000000a",
     "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100000100000000000003736970096379626572"
     "6369747902646b00000100010001",
     "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416642cfbb"
     "85a5b47e48a4ec3b9ba95d918bd1",
     "83b70d3aa8bc6ee4c309e9d85a41ad4a"},
    {"abbccddef00112233445566778899aababbccddef00112233445566778899aab", "112233440102030405060708",
     "4a2cbfe300000002",
     "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b4010104020102"
     "0201",
     "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99def84"
     "2d8e",
     "b335f4eecfdbf831824b4c4915956c96"},
    {"00000000000000000000000000000000", "000000000000000000000000", "0000000000000001",
     "4500003c99c500008001cb7a40679318010101010800075c020044006162636465666768696a6b6c6d6e6f70717273747576"
     "7761626364656667686901020201",
     "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284456476492719ffb64de7d9dca1e1d894bc3b"
     "d57873ed4d181d19d4d5c8c18af3",
     "f821d496eeb096e98ad2b69e4799c71d"},
    {"abbccddef00112233445566778899aababbccddef00112233445566778899aab", "73616c74616e640169766563",
     "17405e67156f3126dd0db99b",
     "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001",
     "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e",
     "451626c2415771e3b7eebca614c89b35"},
    {"7d773d00c144c525ac619d18c84a3f47", "d966426743457e9182443bc6", "335467aeffffffff", "01020201",
     "437f866b", "cb3f699fe9b0822bac961c4504bef270"},
    {"6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961", "7475726e333021696765746d",
     "796b6963ffffffffffffffff",
     "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f70717273740102"
     "0201",
     "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c3a864cd3d78ca4ae68a32b42458fb57dbe821dcc"
     "63b9",
     "d0937ba2945f669368661a329fb4c053"},
};

struct alignas(64) KeyRoom {
    std::uint8_t bytes[4096];
};

}  // namespace

TEST_CASE("crypto: the ESP test cases, sealed and opened as one burst") {
    const Crypto crypto;
    REQUIRE(crypto.ok());
    REQUIRE(Crypto::expanded_len() <= sizeof(KeyRoom));
    constexpr std::size_t kNum = std::size(kVectors);
    std::vector<KeyRoom> keys(kNum);
    std::vector<Bytes> data(kNum), aad(kNum), icv(kNum, Bytes(16));
    std::vector<GcmJob> jobs(kNum);
    for (std::size_t i = 0; i < kNum; ++i) {
        const Bytes key = *from_hex(kVectors[i].key);
        jobs[i].suite = key.size() == 16 ? EspSuite::aes_gcm_16_128 : EspSuite::aes_gcm_16_256;
        REQUIRE(crypto.expand(jobs[i].suite, key.data(), keys[i].bytes));
        data[i] = *from_hex(kVectors[i].plain);
        aad[i] = *from_hex(kVectors[i].aad);
        const Bytes nonce = *from_hex(kVectors[i].nonce);
        std::copy(nonce.begin(), nonce.end(), jobs[i].nonce.begin());
        jobs[i].key = keys[i].bytes;
        jobs[i].data = data[i].data();
        jobs[i].len = static_cast<std::uint32_t>(data[i].size());
        jobs[i].aad = aad[i].data();
        jobs[i].aad_len = static_cast<std::uint32_t>(aad[i].size());
        jobs[i].icv = icv[i].data();
    }
    crypto.seal(jobs);
    for (std::size_t i = 0; i < kNum; ++i) {
        CHECK(jobs[i].ok);
        CHECK(to_hex(data[i]) == kVectors[i].cipher);
        CHECK(to_hex(icv[i]) == kVectors[i].icv);
    }
    icv[2][15] ^= 1;     // last bit of an ICV
    data[3][0] ^= 0x80;  // first bit of a text
    aad[4][7] ^= 1;
    crypto.open(jobs);
    for (std::size_t i = 0; i < kNum; ++i) {
        CHECK(jobs[i].ok == (i < 2 || i > 4));
        CHECK_FALSE(jobs[i].failed);
        if (jobs[i].ok) CHECK(to_hex(data[i]) == kVectors[i].plain);
    }
}

TEST_CASE("crypto: a job without a key, too long, or without a library is refused") {
    Crypto crypto;
    std::uint8_t bytes[64] = {};
    GcmJob job;
    job.aad = job.data = bytes;
    job.icv = bytes + 32;
    job.len = 16;
    crypto.seal({&job, 1});
    CHECK((job.failed && !job.ok));
    job.key = bytes;
    job.len = kMaxJobLen + 1;
    crypto.open({&job, 1});
    CHECK((job.failed && !job.ok));
    const Crypto taken = std::move(crypto);
    job.len = 16;
    crypto.seal({&job, 1});
    CHECK((job.failed && !job.ok));
    CHECK(std::all_of(bytes, bytes + 64, [](std::uint8_t b) { return b == 0; }));
}
