// Storms, in virtual time: one inside host that scans a /16 and one outside host (or
// many forged ones) that opens 100,000 half-open exchanges cost their own budgets only;
// others' pairs key at the usual latency. Counts and latencies, no CPU time: that is
// scripts/bench keying.
#include <algorithm>
#include <cstdio>

#include "attacker.hpp"
#include "base/cursor.hpp"
#include "catch.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::sim;

namespace {

std::span<const ike::PrivateKey> keys() {
    static const std::array<ike::PrivateKey, 3> made{ike::PrivateKey::generate(2048).value(),
                                                     ike::PrivateKey::generate(2048).value(),
                                                     ike::PrivateKey::generate(2048).value()};
    return made;
}

#if defined(__SANITIZE_ADDRESS__)
#define OEGATE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define OEGATE_SANITIZED 1
#endif
#endif
#ifdef OEGATE_SANITIZED
/// A sanitizer looks for errors of memory, not for latency, and makes each step dear: of the
/// same storm every tenth packet comes.
constexpr unsigned kEvery = 10;
#else
constexpr unsigned kEvery = 1;
#endif

const Address kScanner = World::host(0, 180);
constexpr unsigned kOthers = 60;     // pairs that key meanwhile, one a second
constexpr Duration kUsual = 1500ms;  // DNS, a cold channel and its child on this network, at the worst

struct Storm : World {
    Storm() : World(11, keys(), false, {0, 1, 2}) {
        for (unsigned i = 0; i < 3; ++i) {
            config::Timers& t = config(i).timers;
            t = config::Timers{};  // storms meet the defaults
            config(i).ike.child_lifetime = 1h;
        }
    }
    ~Storm() {
        for (const std::string& v : violations()) {
            INFO(v);
            CHECK(violations().empty());
        }
    }
    void publish() {
        for (unsigned i = 0; i < 3; ++i)
            for (unsigned n = 0; n < kOthers; ++n)
                zone.delegate(host(i, 4 + n), gateway_address(i), keys()[i].public_key());
    }
    /// One new pair from site 0 to site `there` each second from now on.
    void others(unsigned there) {
        for (unsigned n = 0; n < kOthers; ++n)
            clock.in(n * 1s, [this, n, there] {
                const Pair pair{host(0, 4 + n), host(there, 4 + n)};
                sent_.emplace_back(send(0, pair), clock.now());
            });
    }
    /// Median and worst; a pair that is not delivered encrypted counts as a minute.
    std::pair<Duration, Duration> latency() const {
        std::vector<Duration> all;
        for (const auto& [datagram, at] : sent_) {
            const auto d = std::ranges::find_if(
                delivered(), [&](const Delivery& x) { return x.datagram == datagram && x.encrypted; });
            all.push_back(d == delivered().end() ? Duration(1min) : d->at - at);
        }
        std::ranges::sort(all);
        return {all[all.size() / 2], all.back()};
    }

  private:
    std::vector<std::pair<std::uint64_t, Time>> sent_;
};

void tell(const char* what, const std::pair<Duration, Duration>& latency) {
    const auto ms = [](Duration d) { return std::chrono::duration<double, std::milli>(d).count(); };
    std::printf("%s: median %.0f ms, worst %.0f ms\n", what, ms(latency.first), ms(latency.second));
}

std::pair<Duration, Duration> quiet_day() {
    Storm s;
    s.start();
    s.publish();
    s.others(1);
    s.run(70s);
    return s.latency();
}

/// The scanned /16 is 10.66.0.0/16; each second 1,092 addresses.
void scan(Storm& s) {
    for (unsigned n = 0; n < 65536; n += kEvery)
        s.clock.in(Duration(n * 915'000ull), [&s, n] {
            s.send(0, {kScanner, Address::ipv4(10, 66, static_cast<std::uint8_t>(n >> 8),
                                               static_cast<std::uint8_t>(n))});
        });
}

}  // namespace

TEST_CASE("storm: on a quiet day every pair keys at once") {
    const auto usual = quiet_day();
    tell("quiet", usual);
    CHECK(usual.second < kUsual);
}

TEST_CASE("storm: a host scans a /16 that nobody protects") {
    const auto usual = quiet_day();
    Storm s;
    s.start();
    s.publish();
    scan(s);
    s.others(1);
    s.run(75s);
    tell("scan of what DNS denies", s.latency());
    CHECK(s.latency().first < usual.first * 2);
    CHECK(s.latency().second < kUsual);
}

TEST_CASE("storm: a host scans a /16 whose zone does not answer") {
    const auto usual = quiet_day();
    Storm s;
    s.start();
    s.publish();
    s.zone.moods["66.10.in-addr.arpa."] = Zone::Mood::silent;
    scan(s);
    s.others(1);
    s.run(75s);
    tell("scan of what does not answer", s.latency());
    CHECK(s.latency().first < usual.first * 2);
    CHECK(s.latency().second < kUsual);
    // Its budget is used up and counted, and by nobody else.
    CHECK(s.counted(0, "dns lookups over their source's share") + s.counted(0, "row n.limit") >
          10'000 / kEvery);
    std::printf("  %llu lookups over its share\n",
                static_cast<unsigned long long>(s.counted(0, "dns lookups over their source's share")));
    // All of it is forgotten when the scan is over.
    s.run(15min);
    CHECK(s.gateway(0).status().connections == 0);
    CHECK(s.worker(0).num_flows() == 0);
}

TEST_CASE("storm: one outside host opens 100,000 half-open exchanges") {
    const auto usual = quiet_day();
    for (const bool returns_cookies : {false, true}) {
        Storm s;
        s.start();
        s.publish();
        constexpr unsigned kInits = 100'000;
        const ike::Endpoint attacker{Address::ipv4(198, 18, 0, 1), 500};
        const ike::Endpoint victim{World::gateway_address(1), 500};
        std::map<std::uint64_t, Bytes> asked;  // by initiator SPI
        if (returns_cookies)
            s.stranger = [&](const ike::SendDatagram& d) {
                const auto it = asked.find(Reader(d.payload).u64());
                if (it == asked.end()) return;
                const Bytes again = with_cookie(it->second, d.payload);
                asked.erase(it);
                if (!again.empty()) s.inject(ike::SendDatagram{attacker, victim, again});
            };
        for (unsigned n = 0; n < kInits; n += kEvery)
            s.clock.in(Duration(n * 600'000ull), [&] {
                Bytes request = init_request(s.random);
                s.inject(ike::SendDatagram{attacker, victim, request});
                if (returns_cookies) asked.emplace(Reader(request).u64(), std::move(request));
            });
        s.others(1);
        std::uint64_t most = 0;
        for (int i = 0; i < 70; ++i) {
            s.run(1s);
            most = std::max(most, s.gateway(1).status().ike_sas);
        }
        tell(returns_cookies ? "flood that returns cookies" : "flood that does not", s.latency());
        CHECK(s.latency().first < usual.first * 2);
        CHECK(s.latency().second < kUsual);
        const std::uint64_t cookies = s.counted(1, "ike cookies sent");
        const std::uint64_t dropped = s.counted(1, "ike half-open dropped");
        std::printf("  %llu cookies, %llu dropped, at most %llu IKE SAs\n",
                    static_cast<unsigned long long>(cookies), static_cast<unsigned long long>(dropped),
                    static_cast<unsigned long long>(most));
        CHECK(cookies + dropped > kInits / kEvery * 9 / 10);
        // half_open_per_source, four times that with a cookie, and the channel of the others
        CHECK(most <= s.config(1).ike.half_open_per_source * (returns_cookies ? 4 : 1) + 4);
        s.run(2min);
        CHECK(s.gateway(1).status().ike_sas <= 2);
    }
}

TEST_CASE("storm: 100,000 half-open exchanges from forged addresses") {
    const auto usual = quiet_day();
    Storm s;
    s.start();
    s.publish();
    for (unsigned n = 0; n < 100'000; n += kEvery)
        s.clock.in(Duration(n * 600'000ull), [&] {
            const auto byte = [&] { return static_cast<std::uint8_t>(s.random.below(256)); };
            s.inject(ike::SendDatagram{{Address::ipv4(198, byte(), byte(), byte()), 500},
                                       {World::gateway_address(1), 500},
                                       init_request(s.random)});
        });
    s.clock.in(500ms, [&] { s.others(1); });
    // Cold ones too: they need a cookie now, which costs them one round trip.
    std::vector<std::uint64_t> cold;
    for (unsigned n = 0; n < 10; ++n)
        s.clock.in(3s + n * 5s, [&, n] {
            s.crash(2);
            cold.push_back(s.send(2, {World::host(2, 4 + n), World::host(1, 20 + n)}));
        });
    std::uint64_t most = 0;
    for (int i = 0; i < 70; ++i) {
        s.run(1s);
        most = std::max(most, s.gateway(1).status().ike_sas);
    }
    tell("flood from forged addresses", s.latency());
    CHECK(s.latency().first < usual.first * 2);
    CHECK(s.latency().second < kUsual);
    for (const std::uint64_t datagram : cold) {
        bool encrypted = false;
        CHECK(s.was_delivered(datagram, &encrypted));
        CHECK(encrypted);
    }
    CHECK(s.counted(1, "ike cookies sent") > 90'000 / kEvery);
    CHECK(most <= s.config(1).ike.half_open_total + 32);
}
