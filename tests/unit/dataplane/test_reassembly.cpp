// The reassembly table against a reference that paints bytes; its bounds, its shares
// and its clock.
#include <algorithm>
#include <map>
#include <set>

#include "base/random.hpp"
#include "catch.hpp"
#include "tables/reassembly.hpp"

using namespace oegate;
using Put = Reassembly::Put;

namespace {

const OwnerSeed kSeed{11, 22};

Address host(unsigned i) {
    return Address::parse("10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256)).value();
}
FragmentKey key(unsigned id, unsigned source = 1) {
    return {{host(source), host(9)}, id, 50};
}
/// The packet pointer only counts fragments: the table never follows it.
FragmentPiece piece(std::uint32_t offset, std::uint32_t len, bool more, std::uintptr_t name = 1) {
    return {reinterpret_cast<void*>(name), offset, len, 20, more};
}

/// Small and deterministic: a test that fails must fail again.
struct Dice {
    std::uint64_t state;
    unsigned below(unsigned n) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<unsigned>(state >> 33) % n;
    }
};

/// What RFC 8200 §4.5 says of one datagram, byte by byte.
struct Reference {
    std::map<std::uint32_t, FragmentPiece> pieces;
    bool refused = false;
    Put put(const FragmentPiece& p) {
        if (p.len == 0 || (p.more && p.len % 8 != 0) || p.header_len + p.offset + p.len > 65535)
            return Put::malformed;
        if (refused) return Put::overlap;
        if (const auto same = pieces.find(p.offset);
            same != pieces.end() && same->second.len == p.len && same->second.more == p.more)
            return Put::duplicate;
        std::set<std::uint32_t> painted;
        std::uint32_t end = 0, last_end = 0;
        for (const auto& [offset, q] : pieces) {
            for (std::uint32_t i = 0; i < q.len; ++i) painted.insert(offset + i);
            end = std::max(end, offset + q.len);
            if (!q.more) last_end = offset + q.len;
        }
        bool bad = last_end != 0 && (!p.more || p.offset + p.len > last_end);
        bad |= !p.more && p.offset + p.len < end;
        for (std::uint32_t i = 0; i < p.len; ++i) bad |= painted.count(p.offset + i) != 0;
        if (bad) {
            refused = true;
            return Put::overlap;
        }
        pieces[p.offset] = p;
        if (!p.more) last_end = p.offset + p.len;
        if (last_end != 0 && painted.size() + p.len == last_end) return Put::complete;
        return Put::waits;
    }
};

}  // namespace

TEST_CASE("random fragments meet the same fate as byte by byte") {
    Dice dice{42};
    unsigned completed = 0, overlapped = 0, duplicated = 0;
    for (unsigned round = 0; round < 3000; ++round) {
        Reassembly table(8, 1000, kSeed);
        Reference reference;
        // An honest datagram in random order, with a few other fragments among it.
        std::vector<FragmentPiece> all;
        const std::uint32_t len = 1 + dice.below(160);
        for (std::uint32_t at = 0; at < len;) {
            const std::uint32_t step = std::min<std::uint32_t>(8 * (1 + dice.below(4)), len - at);
            all.push_back(piece(at, step, at + step < len));
            at += step;
        }
        for (unsigned i = dice.below(3); i > 0; --i)
            all.push_back(dice.below(2) == 0 ? all[dice.below(static_cast<unsigned>(all.size()))]
                                             : piece(8 * dice.below(24), dice.below(33), dice.below(3) != 0));
        for (std::size_t i = all.size(); i > 1; --i)
            std::swap(all[i - 1], all[dice.below(static_cast<unsigned>(i))]);
        for (const FragmentPiece& p : all) {
            const Put expected = reference.put(p);
            const std::uint32_t before = table.num_pieces();
            const Put got = table.put(key(7), p, 1);
            CAPTURE(round, p.offset, p.len, p.more);
            REQUIRE(got == expected);
            overlapped += got == Put::overlap;
            duplicated += got == Put::duplicate;
            if (got == Put::overlap) CHECK(table.num_pieces() == 0);
            if (got == Put::duplicate) {
                REQUIRE(table.taken().size() == 1);
                CHECK(table.taken()[0].offset == p.offset);
            }
            if (got != Put::complete) continue;
            ++completed;
            CHECK(table.num_pieces() == 0);
            CHECK(table.num_datagrams() == 0);
            CHECK(table.taken().size() == before + 1);
            std::uint32_t at = 0;
            for (const FragmentPiece& t : table.taken()) {
                CHECK(t.offset == at);
                at += t.len;
            }
            break;
        }
    }
    CHECK(completed > 1000);
    CHECK(overlapped > 100);
    CHECK(duplicated > 100);
}

TEST_CASE("a fragment whose place or length is impossible changes nothing") {
    Reassembly table(4, 1000, kSeed);
    CHECK(table.put(key(1), piece(0, 16, true), 1) == Put::waits);
    CHECK(table.put(key(1), piece(16, 0, false), 1) == Put::malformed);
    CHECK(table.put(key(1), piece(16, 0, true), 1) == Put::malformed);
    CHECK(table.put(key(1), piece(16, 12, true), 1) == Put::malformed);
    CHECK(table.put(key(1), piece(65528, 8, false), 1) == Put::malformed);  // 20 bytes of header before it
    CHECK(table.put(key(1), piece(16, 3, false), 1) == Put::complete);
    CHECK(table.put(key(2), piece(65504, 11, false), 1) == Put::waits);
}

TEST_CASE("what comes after an overlap is refused until its time is over") {
    Reassembly table(4, 1000, kSeed);
    CHECK(table.put(key(1), piece(0, 16, true, 1), 1) == Put::waits);
    CHECK(table.put(key(1), piece(32, 16, true, 2), 1) == Put::waits);
    CHECK(table.put(key(1), piece(8, 16, true, 3), 1) == Put::overlap);
    CHECK(table.taken().size() == 2);
    CHECK(table.put(key(1), piece(16, 16, true), 2) == Put::overlap);
    CHECK(table.put(key(1), piece(0, 16, true), 2) == Put::overlap);
    CHECK(table.taken().empty());
    CHECK_FALSE(table.expire(1000));
    CHECK(table.expire(1001));
    CHECK(table.put(key(1), piece(0, 16, true), 1002) == Put::waits);
    table.refuse(key(1));
    CHECK(table.taken().size() == 1);
    CHECK(table.put(key(1), piece(16, 8, false), 1002) == Put::overlap);
}

TEST_CASE("datagrams differ by each part of their key") {
    Reassembly table(64, 1000, kSeed);
    FragmentKey other[] = {key(1), key(2), key(1, 2), key(1), key(1)};
    other[3].protocol = 17;
    other[4].pair = other[4].pair.reversed();
    for (const FragmentKey& k : other) CHECK(table.put(k, piece(0, 8, true), 1) == Put::waits);
    CHECK(table.num_datagrams() == 5);
    for (const FragmentKey& k : other) CHECK(table.put(k, piece(8, 1, false), 1) == Put::complete);
}

TEST_CASE("a full table forgets the oldest, a source its own oldest") {
    Reassembly table(16, 1000, kSeed);
    const unsigned share = Reassembly::share(16);
    REQUIRE(share == 4);
    for (unsigned i = 0; i < share; ++i)
        CHECK(table.put(key(i, 1), piece(0, 8, true, 100 + i), 1) == Put::waits);
    CHECK(table.put(key(99, 1), piece(0, 8, true), 1) == Put::waits);
    REQUIRE(table.evicted().size() == 1);
    CHECK(table.evicted()[0].packet == reinterpret_cast<void*>(100));
    CHECK(table.num_datagrams() == share);
    for (unsigned i = 0; i < 200; ++i) CHECK(table.put(key(i, 10 + i), piece(0, 8, true), 2) == Put::waits);
    CHECK(table.num_datagrams() <= 16);
    // The newest is there, the first is not.
    CHECK(table.put(key(199, 209), piece(8, 8, false), 3) == Put::complete);
    CHECK(table.put(key(0, 10), piece(8, 8, false), 3) == Put::waits);
}

TEST_CASE("fragments are bounded for a datagram and for all") {
    SECTION("one datagram") {
        Reassembly table(256, 1000, kSeed);
        for (unsigned i = 0; i < Reassembly::kMaxPieces; ++i)
            REQUIRE(table.put(key(1), piece(16 * i, 8, true), 1) == Put::waits);
        CHECK(table.put(key(1), piece(8, 8, true), 1) == Put::full);
        CHECK(table.taken().size() == Reassembly::kMaxPieces);
        CHECK(table.num_pieces() == 0);
    }
    SECTION("all: the oldest datagram gives way") {
        Reassembly table(4, 1000, kSeed);
        const std::uint32_t all = Reassembly::max_pieces(4);
        for (unsigned i = 0; i < all; ++i)
            REQUIRE(table.put(key(i % 2, i % 2), piece(16 * (i / 2), 8, true), 1) == Put::waits);
        CHECK(table.num_pieces() == all);
        CHECK(table.put(key(3, 3), piece(0, 8, true), 1) == Put::waits);
        CHECK(table.evicted().size() == all / 2);
        CHECK(table.num_pieces() == all / 2 + 1);
    }
    SECTION("a datagram does not make room for itself") {
        Reassembly table(4, 1000, kSeed);
        const std::uint32_t all = Reassembly::max_pieces(4);
        CHECK(table.put(key(1, 1), piece(0, 8, true), 1) == Put::waits);
        for (unsigned i = 0; i + 1 < all; ++i)
            REQUIRE(table.put(key(2, 2), piece(16 * i, 8, true), 1) == Put::waits);
        CHECK(table.put(key(1, 1), piece(16, 8, true), 1) == Put::no_room);
        CHECK(table.taken().empty());
        CHECK(table.evicted().empty());
    }
}

TEST_CASE("time forgets datagrams in their order") {
    Reassembly table(8, 1000, kSeed);
    for (unsigned i = 0; i < 3; ++i) {
        table.put(key(i), piece(0, 8, true, 10 + i), 100 * i);
        table.put(key(i), piece(8, 8, true, 20 + i), 900);  // a later fragment does not lengthen it
    }
    CHECK_FALSE(table.expire(999));
    REQUIRE(table.expire(1100));
    CHECK(table.taken().size() == 2);
    CHECK(table.taken()[0].packet == reinterpret_cast<void*>(10));
    REQUIRE(table.expire(1100));
    CHECK_FALSE(table.expire(1100));
    CHECK(table.num_datagrams() == 1);
    CHECK(table.num_pieces() == 2);
}
