// tables/flow_cache and tables/hold_room, against models; no EAL.
#include "tables/flow_cache.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"
#include "tables/hold_room.hpp"

using namespace oegate;

namespace {

Pair pair_of(std::uint32_t i) {
    return {Address::ipv4(0x0a000000u + i % 251), Address::ipv4(0xc0000000u + i)};
}
Pair pair6_of(std::uint32_t i) {
    Pair pair{*Address::parse("2001:db8:1::1"), *Address::parse("2001:db8:2::")};
    pair.destination.mutable_bytes()[15] = static_cast<std::uint8_t>(i);
    pair.destination.mutable_bytes()[14] = static_cast<std::uint8_t>(i >> 8);
    return pair;
}
std::uint32_t make(FlowCache& cache, const Pair& pair, Tick now, FlowState state) {
    const std::uint32_t index = cache.make(cache.hash(pair), pair, now).index;
    if (index != FlowCache::kNone) cache.set_state(index, state);
    return index;
}

}  // namespace

TEST_CASE("flow cache: random makes, finds and erases against std::map") {
    FlowCache cache(1024, OwnerSeed{0x243f6a8885a308d3, 0x13198a2e03707344});
    std::map<Pair, FlowState> model;
    SeededRandom random(7);
    for (int step = 0; step < 200000; ++step) {
        const auto i = static_cast<std::uint32_t>(random.below(1400));
        const Pair pair = i % 3 == 0 ? pair6_of(i) : pair_of(i);
        const std::uint32_t index = cache.find(pair);
        REQUIRE((index != FlowCache::kNone) == (model.count(pair) != 0));
        if (index != FlowCache::kNone) REQUIRE(cache.entry(index).state == model[pair]);
        switch (random.below(3)) {
            case 0:
            case 1: {
                const auto state = static_cast<FlowState>(1 + random.below(4));
                if (index == FlowCache::kNone) {
                    // Nothing is idle, so nothing is evicted: it fits or it does not.
                    const bool made = make(cache, pair, 5, state) != FlowCache::kNone;
                    REQUIRE(made == (model.size() < 1024));
                    if (made) model[pair] = state;
                } else {
                    cache.set_state(index, state);
                    model[pair] = state;
                }
                break;
            }
            default:
                if (index != FlowCache::kNone) {
                    cache.erase(index);
                    model.erase(pair);
                }
        }
        REQUIRE(cache.size() == model.size());
    }
    std::map<FlowState, std::uint32_t> by_state;
    for (const auto& [pair, state] : model) ++by_state[state];
    for (FlowState state : {FlowState::hold, FlowState::pass, FlowState::deny, FlowState::encrypt})
        CHECK(cache.count(state) == by_state[state]);
    CHECK(cache.count(FlowState::none) == 0);
    std::uint32_t occupied = 0;
    for (std::uint32_t i = 0; i < cache.num_slots(); ++i)
        if (cache.occupied(i)) {
            ++occupied;
            CHECK(model.count(cache.entry(i).pair) == 1);
        }
    CHECK(occupied == model.size());
}

TEST_CASE("flow cache: takes as many flows as configured, under any seed") {
    for (std::uint64_t seed = 0; seed < 8; ++seed) {
        SeededRandom random(seed);
        FlowCache cache(20000, OwnerSeed{random.u64(), random.u64()});
        for (std::uint32_t i = 0; i < 20000; ++i)
            REQUIRE(make(cache, pair_of(i), 1, FlowState::encrypt) != FlowCache::kNone);
        CHECK(make(cache, pair_of(20001), 1, FlowState::hold) == FlowCache::kNone);
        for (std::uint32_t i = 0; i < 20000; ++i) REQUIRE(cache.find(pair_of(i)) != FlowCache::kNone);
    }
}

TEST_CASE("flow cache: a pair and its reverse are two entries") {
    FlowCache cache(64, OwnerSeed{0x452821e638d01377, 0xbe5466cf34e90c6c});
    make(cache, pair_of(1), 1, FlowState::pass);
    CHECK(cache.find(pair_of(1).reversed()) == FlowCache::kNone);
    make(cache, pair_of(1).reversed(), 1, FlowState::deny);
    CHECK(cache.entry(cache.find(pair_of(1))).state == FlowState::pass);
    CHECK(cache.entry(cache.find(pair_of(1).reversed())).state == FlowState::deny);
}

TEST_CASE("flow cache: a full table evicts idle pass, then idle deny, never hold or encrypt") {
    FlowCache cache(64, OwnerSeed{0xa4093822299f31d0, 0x082efa98ec4e6c89});
    const Tick later = 100 + FlowCache::kIdle;
    for (std::uint32_t i = 0; i < 64; ++i)
        make(cache, pair_of(i), 100, static_cast<FlowState>(1 + i % 4));  // 16 of each state
    SECTION("nothing is idle yet") {
        CHECK(make(cache, pair_of(900), later - 1, FlowState::hold) == FlowCache::kNone);
        CHECK(cache.size() == 64);
    }
    SECTION("everything is idle") {
        // The search is bounded: several tries may be needed to come round to a victim.
        std::uint32_t made = 0;
        for (std::uint32_t i = 0; i < 400; ++i) {
            const Pair pair = pair_of(1000 + i);
            if (cache.find(pair) == FlowCache::kNone &&
                make(cache, pair, later, FlowState::hold) != FlowCache::kNone) {
                ++made;
                if (made == 16) CHECK(cache.count(FlowState::deny) >= 12);
            }
            REQUIRE(cache.size() <= 64);
        }
        CHECK(made == 32);
        CHECK(cache.count(FlowState::pass) == 0);
        CHECK(cache.count(FlowState::deny) == 0);
        CHECK(cache.count(FlowState::encrypt) == 16);
        CHECK(cache.evicted() == 32);
        for (std::uint32_t i = 0; i < 64; ++i)
            CHECK((cache.find(pair_of(i)) != FlowCache::kNone) == (i % 4 == 0 || i % 4 == 3));
    }
    SECTION("used lately is not idle") {
        for (std::uint32_t i = 0; i < 64; ++i) {
            FlowEntry& entry = cache.entry(cache.find(pair_of(i)));
            entry.packets = 1;
            entry.used = later - 5;
        }
        for (std::uint32_t i = 0; i < 20; ++i)
            CHECK(make(cache, pair_of(900 + i), later, FlowState::hold) == FlowCache::kNone);
    }
}

TEST_CASE("flow cache: no way survives until its generation's number comes again") {
    FlowCache cache(1024, OwnerSeed{3, 4});
    SeededRandom random(11);
    std::map<std::uint32_t, std::uint32_t> made_in;  // index, full generation of its way
    for (std::uint32_t i = 0; i < 1000; ++i) make(cache, pair_of(i), 1, FlowState::pass);
    std::uint32_t generation = 1, trusted = 0, distrusted = 0;
    while (generation < 400'000) {
        // Changes come in dribs and in floods; a flood outruns the sweep.
        generation +=
            static_cast<std::uint32_t>(random.below(100) == 0 ? random.below(66'000) : random.below(700));
        if (!cache.sweep_ways(generation)) {
            ++distrusted;
            continue;
        }
        ++trusted;
        for (std::uint32_t i = 0; i < cache.num_slots(); ++i) {
            const Way& way = cache.entry(i).way;
            if (way.generation == Way::kUnknown || way.generation != (generation & 0xffff)) continue;
            REQUIRE(made_in[i] == generation);
        }
        for (unsigned k = 0; k < 20; ++k) {
            const std::uint32_t i = cache.find(pair_of(static_cast<std::uint32_t>(random.below(1000))));
            cache.entry(i).way = {7, static_cast<std::uint16_t>(generation)};
            made_in[i] = generation;
        }
    }
    CHECK(trusted > 100);
    CHECK(distrusted > 10);
}

TEST_CASE("flow cache: the sweep of ways is bounded, and rests while nothing changes") {
    FlowCache cache(65536, OwnerSeed{3, 4});
    make(cache, pair_of(1), 1, FlowState::pass);
    const std::uint32_t index = cache.find(pair_of(1));
    cache.entry(index).way = {7, 2};
    for (int i = 0; i < 3000; ++i) REQUIRE(cache.sweep_ways(3));
    CHECK(cache.entry(index).way.generation == 2);  // old, but nobody had to look
    const unsigned loops = (cache.num_slots() + FlowCache::kSweepSlots - 1) / FlowCache::kSweepSlots;
    for (unsigned i = 0; i < loops; ++i) REQUIRE(cache.sweep_ways(3 + FlowCache::kSweepAfter));
    CHECK(cache.entry(index).way.generation == Way::kUnknown);
}

TEST_CASE("flow cache: packets are counted beyond 32 bits") {
    FlowCache cache(64, OwnerSeed{3, 4});
    const std::uint32_t i = make(cache, pair_of(1), 1, FlowState::pass);
    cache.entry(i).packets = 0xffffffff;
    cache.count(i, 100, 9);
    cache.count(i, 50, 10);
    CHECK(cache.packets(i) == (std::uint64_t{1} << 32) + 1);
    CHECK(cache.entry(i).bytes == 150);
    CHECK(cache.entry(i).used == 10);
}

TEST_CASE("flow cache: a change of state forgets the way") {
    FlowCache cache(64, OwnerSeed{3, 4});
    const std::uint32_t i = make(cache, pair_of(1), 1, FlowState::pass);
    cache.entry(i).way = {7, 2};
    cache.set_state(i, FlowState::encrypt);
    CHECK(cache.entry(i).way.generation == Way::kUnknown);
}

TEST_CASE("flow cache: ageing frees idle passes, denies when wanted, and nothing else") {
    const Tick now = FlowCache::kIdle * 10;
    struct Row {
        const char* story;
        FlowState state;
        Tick made, used, inbound;  // used 0: never
        bool goes, goes_with_denies;
    };
    const Tick idle = FlowCache::kIdle;
    const Row rows[] = {
        {"a pass that nobody used", FlowState::pass, now - idle, 0, 0, true, true},
        {"one tick too young", FlowState::pass, now - idle + 1, 0, 0, false, false},
        {"a pass used long ago", FlowState::pass, 1, now - idle, 0, true, true},
        {"a pass used lately", FlowState::pass, 1, now - idle + 1, 0, false, false},
        {"a pass that the peer uses", FlowState::pass, 1, 2, now - 1, false, false},
        {"a pass that the peer used long ago", FlowState::pass, 1, 2, now - idle, true, true},
        {"a deny", FlowState::deny, 1, 0, 0, false, true},
        {"a deny in use", FlowState::deny, 1, now - 1, 0, false, false},
        {"a hold", FlowState::hold, 1, 0, 0, false, false},
        {"an encrypt", FlowState::encrypt, 1, 0, 0, false, false},
    };
    for (const Row& row : rows)
        for (const bool denies : {false, true}) {
            INFO(row.story);
            FlowCache cache(1024, {1, 2});
            const std::uint32_t flow = make(cache, pair_of(1), row.made, row.state);
            REQUIRE(flow != FlowCache::kNone);
            cache.entry(flow).packets = row.used != 0 ? 1 : 0;
            cache.entry(flow).used = row.used;
            cache.cold(flow).asked = row.inbound;
            for (std::uint32_t bucket = 0; bucket < cache.num_slots(); bucket += FlowCache::kBucket)
                cache.age(bucket, now, denies);
            const bool goes = denies ? row.goes_with_denies : row.goes;
            CHECK((cache.find(pair_of(1)) == FlowCache::kNone) == goes);
            CHECK(cache.size() == (goes ? 0u : 1u));
            CHECK(cache.evicted() == (goes ? 1u : 0u));
        }
}

TEST_CASE("flow cache: memory per flow is what is stated") {
    CHECK(FlowCache::kBytesPerFlow <= 133);
    CHECK(FlowCache::memory(65536) <= 65536 * FlowCache::kBytesPerFlow);
    CHECK(FlowCache::memory(1u << 22) <= (std::size_t{1} << 22) * FlowCache::kBytesPerFlow);
}

namespace {
rte_mbuf* datagram(std::uintptr_t number) {
    return reinterpret_cast<rte_mbuf*>(64 * number);  // never looked into
}
}  // namespace

TEST_CASE("hold room: first, last and the bound") {
    HoldRoom room(3, 3, {1, 2});
    const Address source = Address::ipv4(10, 1, 0, 2);
    rte_mbuf* const a = datagram(1);
    rte_mbuf* const b = datagram(2);
    rte_mbuf* const c = datagram(3);
    rte_mbuf* former = nullptr;
    const std::uint32_t one = room.take_seat(11, source, a);
    REQUIRE(one != HoldRoom::kNone);
    CHECK(room.keep_last(one, b, former) == HoldRoom::Kept::kept);
    CHECK(room.keep_last(one, c, former) == HoldRoom::Kept::replaced);
    CHECK(former == b);
    const std::uint32_t two = room.take_seat(22, Address::ipv4(10, 1, 0, 3), b);
    REQUIRE(two != HoldRoom::kNone);
    CHECK(room.num_held() == 3);
    CHECK(room.take_seat(33, source, a) == HoldRoom::kNone);
    CHECK(room.keep_last(two, a, former) == HoldRoom::Kept::full);
    CHECK(room.keep_last(one, b, former) == HoldRoom::Kept::replaced);  // no further datagram
    const HoldRoom::Seat left = room.leave(one);
    CHECK((left.first == a && left.last == b && left.flow == 11));
    CHECK(room.num_held() == 1);
    CHECK(room.take_seat(33, source, c) != HoldRoom::kNone);
    CHECK(room.num_seats() == 2);
}

TEST_CASE("hold room: a source that scans takes its share and no more") {
    HoldRoom room(10, 4, {1, 2});
    const Address scanner = Address::ipv4(10, 1, 0, 2), other = Address::ipv4(10, 1, 0, 3);
    std::vector<std::uint32_t> seats;
    for (std::uint32_t i = 0; i < 4; ++i) {
        seats.push_back(room.take_seat(i, scanner, datagram(i + 1)));
        REQUIRE(seats.back() != HoldRoom::kNone);
    }
    CHECK(room.full(scanner));
    CHECK_FALSE(room.full());
    rte_mbuf* former = nullptr;
    CHECK(room.take_seat(5, scanner, datagram(9)) == HoldRoom::kNone);
    CHECK(room.keep_last(seats[0], datagram(9), former) == HoldRoom::Kept::source_full);
    const std::uint32_t seat = room.take_seat(6, other, datagram(10));
    REQUIRE(seat != HoldRoom::kNone);
    CHECK(room.keep_last(seat, datagram(11), former) == HoldRoom::Kept::kept);
    room.leave(seats[2]);
    CHECK(room.keep_last(seats[0], datagram(9), former) == HoldRoom::Kept::kept);
    CHECK(room.full(scanner));
    room.leave(seats[0]);  // two places at once
    CHECK(room.take_seat(7, scanner, datagram(12)) != HoldRoom::kNone);
    CHECK(room.take_seat(8, scanner, datagram(13)) != HoldRoom::kNone);
    CHECK(room.take_seat(9, scanner, datagram(14)) == HoldRoom::kNone);
}

TEST_CASE("source shares: counts are right whatever comes and goes") {
    SeededRandom random(GENERATE(3u, 4u));
    constexpr std::uint32_t kTotal = 64, kEach = 9;
    SourceShares shares(kTotal, kEach, {random.u64(), random.u64()});
    std::map<std::uint32_t, std::uint32_t> model;
    std::uint32_t total = 0;
    for (int step = 0; step < 50'000; ++step) {
        const auto host = static_cast<std::uint32_t>(random.below(100));
        const Address source = Address::ipv4(host);
        if (random.below(100) < (step / 1000 % 2 == 0 ? 70u : 30u)) {
            if (total == kTotal) continue;
            REQUIRE(shares.may_take(source) == (model[host] < kEach));
            if (!shares.may_take(source)) continue;
            shares.take(source);
            ++model[host];
            ++total;
        } else if (model[host] > 0) {
            shares.give(source);
            --model[host];
            --total;
        }
        if (step % 100 != 0) continue;
        std::uint32_t most = 0;
        for (std::uint32_t i = 0; i < 100; ++i) {
            REQUIRE(shares.count(Address::ipv4(i)) == model[i]);
            most = std::max(most, model[i]);
        }
        REQUIRE(shares.most().get() == most);
    }
}
