// What an operator sees of a whole gateway: each limit's own use and hits while it is
// filled, and what `explain` says of pairs that keying never touches, or that failed.
#include <algorithm>
#include <deque>
#include <memory>

#include "parts.hpp"
#include "sim/zone.hpp"

using namespace oegate;
using namespace oegate::gateway;
using namespace whole_gateway;

namespace {

config::Config configuration() {
    config::Config c;
    c.interfaces.resize(2);
    c.interfaces[0].role = InterfaceRole::inside;
    c.interfaces[0].addresses = {{ip("192.1.0.1"), Prefix(ip("192.1.0.0"), 24)},
                                 {ip("2001:db8:a::1"), Prefix(ip("2001:db8:a::"), 64)}};
    c.interfaces[1].role = InterfaceRole::outside;
    c.interfaces[1].addresses = {{ip("192.1.1.4"), Prefix(ip("192.1.1.0"), 24)},
                                 {ip("2001:db8:1::4"), Prefix(ip("2001:db8:1::"), 64)}};
    c.classes = {{ClassKind::oe_permissive, {Prefix(Address::ipv4(0), 0), Prefix(ip("::"), 0)}}};
    c.dns.resolvers = {{ip("10.53.0.1"), 53, true}};
    c.ike.groups = {config::DhGroup::curve25519};
    return c;
}

/// Datagrams of inside hosts miss; DNS says what `zone` has, when `answers`; no gateway
/// outside ever answers.
struct Rig {
    explicit Rig(config::Config c = configuration())
        : config(std::move(c)), random(7), gateway(config, key(), random, pool, {}) {}

    void miss(const std::string& source, const std::string& destination) {
        Miss m;
        m.pair = {ip(source), ip(destination)};
        m.class_kind = ClassKind::oe_permissive;
        gateway.on_event(Event(m), now);
        drain();
    }
    void pass(Duration d) {
        for (const Time end = now + d; now < end;) {
            now = std::min(end, std::max(now, gateway.next_deadline()));
            gateway.on_timer(now);
            drain();
        }
    }
    void drain() {
        for (bool any = true; any;) {
            any = false;
            while (!pool.jobs.empty()) {
                ike::Job job = std::move(pool.jobs.front());
                pool.jobs.pop_front();
                job.work();
                job.done(now);
                any = true;
            }
            while (auto action = gateway.next_dns()) {
                any = true;
                const auto* query = std::get_if<discovery::SendQuery>(&*action);
                if (query != nullptr && answers)
                    gateway.on_dns(query->query, zone.answer(query->message), now);
            }
            while (gateway.next_datagram()) any = true;
            while (auto log = gateway.next_log()) logs.push_back(*log), any = true;
            while (gateway.next_command()) any = true;
        }
    }
    LimitView limit(const std::string& name) const {
        for (const LimitView& l : gateway.limits())
            if (l.name == name) return l;
        FAIL("no limit " << name);
        return {};
    }
    ExplainView explain(const std::string& source, const std::string& destination) const {
        return gateway.explain({ip(source), ip(destination)}, now);
    }
    std::vector<LogRecord> logged(const std::string& part) const {
        std::vector<LogRecord> found;
        for (const LogRecord& l : logs)
            if (l.text.find(part) != std::string::npos) found.push_back(l);
        return found;
    }

    config::Config config;
    SeededRandom random;
    Pool pool;
    Gateway gateway;
    sim::Zone zone;
    bool answers = false;
    Time now = Time{} + 100s;
    std::vector<LogRecord> logs;
};

std::string nth(unsigned n) {
    return nth_address(n).text();
}

}  // namespace

TEST_CASE("show limits: pending in all, and of one source, are counted apart") {
    config::Config c = configuration();
    c.limits.pending_total = 5;
    c.limits.pending_per_source = 3;
    Rig rig(c);
    for (unsigned n = 0; n < 7; ++n) rig.miss("192.1.0.65", nth(n));
    CHECK(rig.limit("limits.pending-per-source").use == 3);
    CHECK(rig.limit("limits.pending-per-source").hits == 4);
    CHECK(rig.limit("limits.pending-total").use == 3);
    CHECK(rig.limit("limits.pending-total").hits == 0);
    for (unsigned n = 0; n < 3; ++n) rig.miss("192.1.0.66", nth(n));
    CHECK(rig.limit("limits.pending-total").use == 5);
    CHECK(rig.limit("limits.pending-total").hits == 1);
    CHECK(rig.limit("limits.pending-per-source").hits == 4);
}

TEST_CASE("show limits: connections, and questions of DNS") {
    config::Config c = configuration();
    c.limits.connections = 4;
    c.dns.max_queries = 2;
    Rig rig(c);
    for (unsigned n = 0; n < 6; ++n) rig.miss("192.1.0.65", nth(n));
    // The last quarter is for who has few.
    CHECK(rig.limit("limits.connections").use == 3);
    CHECK(rig.limit("limits.connections").hits == 3);
    CHECK(rig.limit("dns.per-source").use == 3);
    CHECK(rig.limit("dns.per-source").hits == 0);
    const auto queries = rig.limit("dns.max-queries");
    CHECK(*queries.use <= 2);
    CHECK(*queries.use > 0);
    CHECK(*queries.hits > 0);
    CHECK(*rig.limit("dns.max-waiting, in questions").use > 0);
    CHECK(rig.limit("dns.max-waiting, in questions").hits == 0);
    for (unsigned n = 50; n < 52; ++n) rig.miss("192.1.0.66", nth(n));
    CHECK(rig.limit("limits.connections").use == 4);
    CHECK(rig.limit("limits.connections").hits == 4);
}

TEST_CASE("show limits: one host's share of look-ups, and the cache") {
    config::Config c = configuration();
    c.dns.per_source = 2;
    c.dns.cache_entries = 3;
    Rig rig(c);
    for (unsigned n = 0; n < 5; ++n) rig.miss("192.1.0.65", nth(n));
    CHECK(rig.limit("dns.per-source").use == 2);
    CHECK(rig.limit("dns.per-source").hits == 3);
    rig.answers = true;
    for (unsigned n = 0; n < 5; ++n) rig.miss("192.1.0.66", nth(100 + n));
    CHECK(rig.limit("dns.cache-entries").use == 3);
    CHECK(*rig.limit("dns.cache-entries").hits >= 2);
}

TEST_CASE("show limits: exchanges under way") {
    config::Config c = configuration();
    c.ike.max_exchanges = 2;
    Rig rig(c);
    rig.answers = true;
    for (unsigned n = 0; n < 4; ++n) {
        rig.zone.delegate(ip(nth(n)), ip(nth(1000 + n)), key().public_key());
        rig.miss("192.1.0.65", nth(n));
    }
    CHECK(rig.limit("ike.max-exchanges").use == 2);
    CHECK(rig.limit("ike.max-exchanges").hits == 2);
    CHECK(rig.logged("g.limit").size() == 2);
}

TEST_CASE("show limits: every name once, every use within its bound") {
    const Rig rig;
    std::vector<std::string> names;
    for (const LimitView& l : rig.gateway.limits()) {
        INFO(l.name);
        names.push_back(l.name);
        CHECK(l.use.value_or(0) <= l.bound);
        CHECK(l.bound > 0);
        CHECK_FALSE(l.beyond.empty());
    }
    std::ranges::sort(names);
    CHECK(std::ranges::adjacent_find(names) == names.end());
    CHECK(names.size() >= 20);
}

TEST_CASE("explain: what no class is asked for says so") {
    const Rig rig;
    struct Row {
        const char *source, *destination, *direction, *now;
    };
    const std::vector<Row> rows{
        {"192.1.1.4", "192.1.1.5", "own", "is our own traffic"},
        {"192.1.0.65", "192.1.1.4", "own", "is our own traffic"},
        {"2001:db8:1::4", "2001:db8:1::5", "own", "is our own traffic"},
        {"192.1.0.65", "192.1.0.66", "inside", "stays inside"},
        {"2001:db8:a::65", "2001:db8:a::66", "inside", "stays inside"},
        {"127.0.0.1", "192.2.0.66", "through", "such a source is never forwarded"},
        {"192.1.0.65", "224.0.0.1", "outbound", "such a destination is never forwarded"},
        {"2001:db8:a::65", "ff02::1", "outbound", "such a destination is never forwarded"},
        {"192.1.0.65", "192.2.0.66", "outbound", "would be held"},
        {"2001:db8:a::65", "2001:db8:b::66", "outbound", "would be held"},
        {"192.2.0.66", "192.1.0.65", "inbound", "would be held"},
        {"10.9.9.9", "10.8.8.8", "through", "would be held"},
    };
    for (const Row& row : rows) {
        INFO(row.source << " " << row.destination);
        const ExplainView v = rig.explain(row.source, row.destination);
        CHECK(v.direction == row.direction);
        CHECK(v.what_happens.find(row.now) != std::string::npos);
        CHECK(v.advice.empty());
    }
    CHECK(rig.explain("10.9.9.9", "10.8.8.8").next.find("neither address is inside") != std::string::npos);
}

TEST_CASE("a failure is told with what to do: in the log once, in explain as long as it lasts") {
    Rig rig;
    rig.answers = true;
    struct Row {
        const char *source, *destination, *row, *level;
        sim::Zone::Mood mood;
        bool delegated;
        const char* says = "";  // of the record, in the line and in show dns
    };
    using Mood = sim::Zone::Mood;
    const std::vector<Row> rows{
        {"192.1.0.65", "198.18.0.1", "p.none", "notice", Mood::signed_, false},
        {"192.1.0.65", "198.18.0.2", "p.dnsfail", "notice", Mood::lame, false},
        {"192.1.0.65", "198.18.0.3", "p.unusable", "notice", Mood::unsigned_, true},
        {"192.1.0.65", "198.18.0.4", "p.bogus", "warning", Mood::tampered, true},
        {"192.1.0.65", "198.18.0.5", "g.silence", "notice", Mood::signed_, true},
        {"192.1.0.65", "198.18.0.6", "p.malformed", "warning", Mood::signed_, false,
         "TXT of 198.18.0.6 is malformed: "},
        {"2001:db8:a::65", "2001:db8:b::1", "p.none", "notice", Mood::signed_, false},
        {"2001:db8:a::65", "2001:db8:b::2", "p.dnsfail", "notice", Mood::lame, false},
        {"2001:db8:a::65", "2001:db8:b::3", "p.unusable", "notice", Mood::unsigned_, true},
        {"2001:db8:a::65", "2001:db8:b::4", "p.bogus", "warning", Mood::tampered, true},
        {"2001:db8:a::65", "2001:db8:b::5", "g.silence", "notice", Mood::signed_, true},
        {"2001:db8:a::65", "2001:db8:b::6", "p.malformed", "warning", Mood::signed_, false,
         "TXT of 2001:db8:b::6 is malformed: "},
    };
    for (const Row& row : rows) {
        INFO(row.destination << " " << row.row);
        const Address host = ip(row.destination);
        rig.zone.moods[host.reverse_name()] = row.mood;
        if (row.delegated)
            rig.zone.delegate(host, ip(host.is_ipv4() ? "198.18.1.1" : "2001:db8:c::1"), key().public_key());
        if (*row.says != 0) rig.zone.delegate_by_txt(host, "nonsense", nullptr, 10);
        rig.logs.clear();
        rig.miss(row.source, row.destination);
        rig.pass(35s);  // longer than all that an answer is waited for
        const ExplainView v = rig.explain(row.source, row.destination);
        CHECK(v.reason == row.row);
        CHECK_FALSE(v.advice.empty());
        const auto lines = rig.logged(std::string(", ") + row.row + ": ");
        REQUIRE(lines.size() == 1);
        CHECK(lines[0].text.find(std::string(row.source) + " -> " + row.destination) == 0);
        CHECK(lines[0].text.find("; what to do: " + v.advice) != std::string::npos);
        CHECK(std::string(row.level) == (lines[0].level == config::LogLevel::warning ? "warning" : "notice"));
        CHECK(lines[0].kind == row.row);
        CHECK(lines[0].text.find(row.says) != std::string::npos);
        REQUIRE(v.dns);
        CHECK(v.dns->detail.find(row.says) != std::string::npos);
        for (const auto& [name, value] : lines[0].fields) CHECK_FALSE(value.empty());
    }
}
