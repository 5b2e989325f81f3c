// Who scans pays: shares, lines and places, and that others keep their latency. And
// the bounds of the cache.
#include "discovery/cache.hpp"
#include "discovery/places.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kScanner = Address::ipv4(192, 1, 0, 65), kHost = Address::ipv4(192, 1, 0, 66);

/// A DNS that takes 20 ms, and never answers for 192.3/16, whose zone is lame.
struct SlowWorld : World {
    std::multimap<Time, SendQuery> coming;
    std::map<LookupId, Time> begun;
    std::map<LookupId, std::pair<Outcome, Duration>> done;

    void begin(const Address& owner, const Address& on_behalf, bool fresh = false) {
        const LookupId id = d().look_up_delegation(owner, now, {on_behalf, fresh});
        begun[id] = now;
        take();
    }
    void take() {
        while (auto action = d().next_action()) {
            if (const auto* query = std::get_if<SendQuery>(&*action)) {
                open.emplace(query->query, *query);
                sent.push_back(*query);
                if (!read_question(query->message).question.name.ends_with(".3.192.in-addr.arpa."))
                    coming.emplace(now + 20ms, *query);
            } else {
                REQUIRE(open.erase(std::get<CloseQuery>(*action).query) == 1);
            }
        }
        while (auto completion = d().next_completion())
            std::visit(
                [&](const auto& c) {
                    done[c.lookup] = {c.answer.outcome, now - begun[c.lookup]};
                },
                *completion);
    }
    void pass(Duration duration) {
        const Time end = now + duration;
        take();
        for (;;) {
            const Time answer = coming.empty() ? kNever : coming.begin()->first;
            const Time next = std::min(answer, d().next_deadline());
            if (next > end) break;
            now = std::max(now, next);
            if (answer <= now) {
                const SendQuery query = coming.extract(coming.begin()).mapped();
                const SeenQuestion seen = read_question(query.message);
                d().on_message(
                    query.query,
                    answer_to(query.message,
                              seen.question.type == kIpseckey
                                  ? Script{.rdata = {ipseckey(1, Address::ipv4(192, 1, 1, 5), rsa_of(1))}}
                                  : Script{}),
                    now);
            } else {
                d().on_timer(now);
            }
            take();
        }
        now = end;
    }
};

}  // namespace

TEST_CASE("one who scans a lame /16 does not delay others") {
    SlowWorld w;
    w.config.max_queries = 32;
    w.config.per_source = 64;
    unsigned next = 0;
    Duration worst{};
    std::size_t most_held = 0;
    for (int step = 0; step < 200; ++step) {
        for (int i = 0; i < 300; ++i) w.begin(Address::ipv4(0xc0030000 + next++ % 65536), kScanner);
        w.begin(Address::ipv4(0xc0020000 + static_cast<unsigned>(step)), kHost);
        const LookupId mine = w.begun.rbegin()->first;
        w.pass(100ms);
        REQUIRE(w.done.contains(mine));
        CHECK(w.done[mine].first == Outcome::usable);
        worst = std::max(worst, w.done[mine].second);
        most_held = std::max(most_held, w.d().load().in_flight);
    }
    CHECK(worst <= 25ms);  // one round trip
    CHECK(most_held <= 16);
    CHECK(w.d().counters().over_share > 50'000);
    CHECK(w.d().load().lookups <= 64);
    w.pass(30s);
    CHECK(w.begun.size() == w.done.size());
    CHECK(w.open.empty());
    CHECK(w.d().load().sources == 0);
    CHECK(w.d().load().waiting == 0);
}

TEST_CASE("many who scan share the places, and a newcomer gets one in his turn") {
    SlowWorld w;
    w.config.max_queries = 32;
    w.config.max_waiting = 600;
    unsigned next = 0;
    for (unsigned scanner = 0; scanner < 20; ++scanner)
        for (int i = 0; i < 30; ++i)
            w.begin(Address::ipv4(0xc0030000 + next++), Address::ipv4(0xc0010100 + scanner));
    w.pass(10ms);
    CHECK(w.d().load().in_flight <= 32);
    w.begin(Address::ipv4(192, 2, 0, 1), kHost);
    const LookupId mine = w.begun.rbegin()->first;
    w.pass(5s);
    REQUIRE(w.done.contains(mine));
    CHECK(w.done[mine].first == Outcome::usable);
    // Those who came first held all; what they have above their share they lose when
    // they repeat.
    CHECK(w.done[mine].second < 1200ms);
    w.pass(60s);
    CHECK(w.begun.size() == w.done.size());
}

TEST_CASE("a host of IPv6 has one share for all of its /64") {
    World w;
    w.config.per_source = 4;
    const auto on_behalf = [](unsigned subnet, unsigned host) {
        Address a = *Address::parse("2001:db8::");
        a.mutable_bytes()[7] = static_cast<std::uint8_t>(subnet);
        a.mutable_bytes()[15] = static_cast<std::uint8_t>(host);
        return Asker{a, false};
    };
    for (unsigned i = 0; i < 10; ++i)
        w.d().look_up_delegation(Address::ipv4(0xc0020000 + i), w.now, on_behalf(1, i));
    CHECK(w.d().counters().over_share == 6);
    for (unsigned i = 0; i < 4; ++i)
        w.d().look_up_delegation(Address::ipv4(0xc0020100 + i), w.now, on_behalf(2, i));
    CHECK(w.d().counters().over_share == 6);
    CHECK(source_of(*Address::parse("2001:db8::1:2:3:4")) == *Address::parse("2001:db8::"));
    CHECK(source_of(kHost) == kHost);
    CHECK(source_of(Address{}).is_unspecified());
}

TEST_CASE("a refusal fails for a moment, and is nobody else's answer") {
    World w;
    w.config.per_source = 1;
    w.d().look_up_delegation(Address::ipv4(192, 2, 0, 1), w.now, {kScanner});
    w.d().look_up_delegation(Address::ipv4(192, 2, 0, 2), w.now, {kScanner});
    const auto refused = w.d().next_completion();
    REQUIRE(refused);
    const DelegationAnswer& answer = std::get<DelegationDone>(*refused).answer;
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.lifetime == 10s);
    CHECK(answer.detail == "1 look-ups for 192.1.0.65 are under way already");
    CHECK_FALSE(w.d().cached(Address::ipv4(192, 2, 0, 2), w.now));
    // The share comes back when the look-up ends or is abandoned.
    w.run_until(w.now + 6s);
    CHECK(w.d().next_completion());
    const LookupId third = w.d().look_up_delegation(Address::ipv4(192, 2, 0, 3), w.now, {kScanner});
    w.d().abandon(third);
    w.d().look_up_delegation(Address::ipv4(192, 2, 0, 4), w.now, {kScanner});
    CHECK(w.d().counters().over_share == 1);
    // What the cache knows costs no share.
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{}); };
    w.d().look_up_delegation(Address::ipv4(192, 2, 0, 5), w.now, {kHost});
    w.exchange();
    w.d().look_up_delegation(Address::ipv4(192, 2, 0, 5), w.now, {kScanner});
    CHECK(w.d().counters().over_share == 1);
}

TEST_CASE("who joins a question that waits in another's line brings a line of his own") {
    SlowWorld w;
    w.config.max_queries = 6;
    w.config.per_source = 1000;
    for (unsigned i = 0; i < 50; ++i) w.begin(Address::ipv4(0xc0030000 + i), kScanner);
    w.begin(Address::ipv4(192, 2, 0, 1), kScanner);
    const LookupId theirs = w.begun.rbegin()->first;
    w.begin(Address::ipv4(192, 2, 0, 1), kHost);
    const LookupId mine = w.begun.rbegin()->first;
    w.pass(200ms);
    CHECK(w.done.contains(mine));
    CHECK(w.done.contains(theirs));
    CHECK(w.d().counters().merged == 3);
}

TEST_CASE("a full waiting room turns the longest line's last away") {
    const Question q1{"a.", 1}, q2{"b.", 1}, q3{"c.", 1}, q4{"d.", 1};
    Places places(1, 3);
    CHECK(places.may_take(kScanner));
    places.take(kScanner);
    CHECK_FALSE(places.any_free());
    CHECK_FALSE(places.wait(kScanner, q1));
    CHECK_FALSE(places.wait(kScanner, q2));
    CHECK_FALSE(places.wait(kScanner, q3));
    const auto loser = places.wait(kHost, q4);
    REQUIRE(loser);
    CHECK(loser->source == kScanner);
    CHECK(loser->question == q3);
    CHECK(places.waiting() == 3);
    CHECK_FALSE(places.next());
    places.give_back(kScanner);
    // Served in turn: scanner, host, scanner.
    std::vector<Address> served;
    while (const auto next = places.next()) served.push_back(next->source);
    CHECK(served == std::vector{kScanner, kHost, kScanner});
    CHECK(places.num_sources() == 0);
    // Its own last, where its own line is the longest.
    Places own(1, 1);
    own.take(kHost);
    own.wait(kScanner, q1);
    CHECK(own.wait(kScanner, q2)->question == q2);
    own.stop_waiting(kScanner, q1);
    CHECK(own.waiting() == 0);
    own.stop_waiting(kScanner, q1);
}

TEST_CASE("nobody but the gateway itself holds more than a fair share") {
    Places places(12, 100);
    for (int i = 0; i < 6; ++i) {
        CHECK(places.may_take(kScanner));
        places.take(kScanner);
    }
    CHECK_FALSE(places.may_take(kScanner));
    for (int i = 0; i < 4; ++i) {
        CHECK(places.may_take(kHost));
        places.take(kHost);
    }
    CHECK_FALSE(places.may_take(kHost));
    for (int i = 0; i < 2; ++i) {
        CHECK(places.may_take(Address{}));
        places.take(Address{});
    }
    CHECK_FALSE(places.may_take(Address{}));
}

TEST_CASE("a fresh look-up goes past the cache, merges, and renews it") {
    World w;
    w.dns = [](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.type != kIpseckey) return Script{};
        return Script{.rdata = {ipseckey(1, Address::ipv4(192, 1, 1, 5), rsa_of(1))}, .ttl = 600};
    };
    const Address bob = Address::ipv4(192, 2, 0, 66);
    w.delegation(bob);
    w.now += 500s;
    const Asker fresh{kHost, true};
    w.d().look_up_delegation(bob, w.now, fresh);
    w.d().look_up_delegation(bob, w.now, fresh);
    w.exchange();
    CHECK(w.sent.size() == 6);
    CHECK(w.d().counters().merged == 3);
    CHECK(w.d().next_completion());
    CHECK(w.d().next_completion());
    CHECK(w.d().cached(bob, w.now)->left == 600s);
    // A failure does not push out what still holds; bogus not what was secure.
    for (const bool bogus : {false, true}) {
        w.dns = [&](const SendQuery&, const SeenQuestion& seen) {
            return std::optional(bogus && seen.cd ? Script{.ad = false} : Script{.rcode = 2});
        };
        w.d().look_up_delegation(bob, w.now, fresh);
        w.exchange();
        CHECK(std::get<DelegationDone>(*w.d().next_completion()).answer.outcome ==
              (bogus ? Outcome::bogus : Outcome::failed));
        CHECK(w.d().cached(bob, w.now)->answer.outcome == Outcome::usable);
    }
    // Nor does what nobody signed: who asked is told, the others have the secure answer on.
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{.ad = false}); };
    w.d().look_up_delegation(bob, w.now, fresh);
    w.exchange();
    CHECK(std::get<DelegationDone>(*w.d().next_completion()).answer.outcome == Outcome::none);
    CHECK(w.d().cached(bob, w.now)->answer.outcome == Outcome::usable);
    // A secure conclusion does: the record is gone.
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{}); };
    w.d().look_up_delegation(bob, w.now, fresh);
    w.exchange();
    CHECK(w.d().cached(bob, w.now)->answer.outcome == Outcome::none);
}

TEST_CASE("no answer is kept longer than dns.longest-ttl") {
    World w;
    w.config.longest_ttl = 300s;
    w.dns = [](const SendQuery&, const SeenQuestion&) {
        return std::optional(Script{.soa_ttl = 86400, .soa_minimum = 86400});
    };
    CHECK(w.delegation(Address::ipv4(192, 2, 0, 66)).lifetime == 300s);
}

TEST_CASE("a full cache gives up what is stale, else what was longest not used") {
    Cache<int, int> cache(3);
    const Time t{100s};
    cache.put(1, 10, t, t + 100s);
    cache.put(2, 20, t, t + 10s);
    cache.put(3, 30, t, t + 900s);
    CHECK(cache.find(1, t));
    CHECK(cache.put(4, 40, t + 5s, t + 99s) == 1);  // 2 was longest unused
    CHECK_FALSE(cache.peek(2, t + 5s));
    CHECK(cache.put(5, 50, t + 99s, t + 999s) == 0);  // 4 is stale by then
    CHECK(cache.size() == 3);
    CHECK(cache.peek(1, t + 99s));
    CHECK(cache.put(5, 51, t + 99s, t + 999s) == 0);  // replaced
    CHECK(cache.find(5, t + 99s)->answer == 51);
    CHECK(cache.put(6, 60, t + 99s, t + 999s) == 1);
    CHECK_FALSE(cache.peek(3, t + 99s));
    cache.clear();
    CHECK(cache.size() == 0);
    CHECK(cache.put(7, 70, t, t + 1s) == 0);
    // And through discovery: bounded by dns.cache-entries, what is in use stays.
    World w;
    w.config.cache_entries = 16;
    w.dns = [](const SendQuery&, const SeenQuestion&) { return std::optional(Script{}); };
    const Address used = Address::ipv4(192, 2, 1, 1);
    for (unsigned i = 0; i < 100; ++i) {
        w.d().look_up_delegation(used, w.now);
        w.d().look_up_delegation(Address::ipv4(0xc0020000 + i), w.now);
        w.exchange();
    }
    CHECK(w.d().load().cached == 16);
    CHECK(w.d().counters().evicted == 85);
    CHECK(w.d().counters().cache_hits == 99);
}
