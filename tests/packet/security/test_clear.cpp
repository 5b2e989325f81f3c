// What leaves in the clear: whom a class permits it, by destination and by source, and
// what the ledger of clear text says of it afterwards.
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr std::size_t kLen = 29;  // IPv4, UDP and one byte

struct Clear {
    Clear()
        : g([] {
              Options options;
              options.dataplane.flows_per_worker = 1024;
              options.dataplane.sas_per_worker = 64;
              return options;
          }()) {
        g.know_neighbours();
    }
    ~Clear() { g.check_ledger(); }
    void classes(const std::vector<ClassRule>& rules) {
        REQUIRE(g.dataplane().tables().set_classes(rules, ClassKind::deny));
    }
    void send(const std::string& from, const std::string& to) {
        g.in(kInside, ethernet(g.mac(kInside), kIpv4, udp({from, to}, 1000, 2000, {1})));
        g.turn();
    }
    void policy(FlowState state, std::uint16_t reason) {
        g.command(0, Command(SetPolicy{kPair, state, ClassKind::oe_permissive, reason, {}, 0}));
        g.turn();
    }
    /// "reason:flows/datagrams/bytes", after a walk round the cache.
    std::string ledger() {
        FlowCache& flows = g.worker().security->flows;
        for (std::uint32_t i = 0; i < flows.num_slots(); i += FlowCache::kBucket) flows.settle_bucket(i);
        std::string text;
        const WorkerStatus worker = g.dataplane().observer().workers()[0];
        for (const ClearTotals& t : worker.clear)
            text += (text.empty() ? "" : " ") +
                    (t.reason == ClearTotals::kByClass ? "class" : std::to_string(t.reason)) + ":" +
                    std::to_string(t.flows) + "/" + std::to_string(t.datagrams) + "/" +
                    std::to_string(t.bytes);
        return text;
    }
    static inline const Pair kPair{Address::ipv4(10, 1, 0, 2), Address::ipv4(10, 3, 0, 2)};
    Gateway g;
};

}  // namespace

TEST_CASE("class by source: out and in, each row a datagram and what becomes of it") {
    const auto to = *Prefix::parse("10.3.0.0/16");
    struct Row {
        const char* story;
        const char* inside_host;
        const char* outside_host;
        bool clear_out;  // else class_deny
        bool clear_in;
    };
    const Row rows[] = {
        {"the source is named", "10.1.0.2", "10.3.0.2", true, true},
        {"another source of the same destinations", "10.1.0.3", "10.3.0.2", false, false},
        {"a longer destination that does not know the source falls back to the shorter", "10.1.0.2",
         "10.3.9.2", true, true},
        {"a longer destination that knows the source", "10.1.0.4", "10.3.9.2", true, true},
        {"the same source towards the shorter destination", "10.1.0.4", "10.3.0.2", false, false},
    };
    Clear clear;
    clear.classes(
        {{to, ClassKind::deny},
         {to, ClassKind::always_clear_text, *Prefix::parse("10.1.0.2/32")},
         {*Prefix::parse("10.3.9.0/24"), ClassKind::always_clear_text, *Prefix::parse("10.1.0.4/32")}});
    for (const Row& row : rows) {
        INFO(row.story);
        const std::uint64_t denied = clear.g.drops(Drop::class_deny);
        clear.send(row.inside_host, row.outside_host);
        CHECK(clear.g.out(kOutside).size() == (row.clear_out ? 1u : 0u));
        CHECK(clear.g.drops(Drop::class_deny) - denied == (row.clear_out ? 0u : 1u));
        clear.g.out(kInside);
        clear.g.in(kOutside, ethernet(clear.g.mac(kOutside), kIpv4,
                                      udp({row.outside_host, row.inside_host}, 2000, 1000, {1})));
        clear.g.turn();
        CHECK(clear.g.drops(Drop::class_deny) - denied ==
              (row.clear_out ? 0u : 1u) + (row.clear_in ? 0u : 1u));
    }
}

TEST_CASE("ledger of clear text: by class, by reason, and no datagram twice") {
    Clear clear;
    SECTION("a class that is always clear has datagrams and no flows") {
        clear.classes({{*Prefix::parse("10.3.0.0/16"), ClassKind::always_clear_text}});
        clear.send("10.1.0.2", "10.3.0.2");
        clear.send("10.1.0.2", "10.3.0.2");
        CHECK(clear.ledger() == "class:0/2/" + std::to_string(2 * kLen));
    }
    SECTION("a fallback: what was held and what follows, under its reason; what is encrypted later is not") {
        clear.classes({{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}});
        for (int i = 0; i < 3; ++i) clear.send("10.1.0.2", "10.3.0.2");  // one of them is replaced
        CHECK(clear.ledger().empty());
        clear.policy(FlowState::pass, 15);
        CHECK(clear.g.out(kOutside).size() == 2);
        CHECK(clear.ledger() == "15:1/2/" + std::to_string(2 * kLen));
        for (int i = 0; i < 4; ++i) clear.send("10.1.0.2", "10.3.0.2");
        CHECK(clear.g.out(kOutside).size() == 4);
        CHECK(clear.ledger() == "15:1/6/" + std::to_string(6 * kLen));
        clear.policy(FlowState::pass, 22);  // still clear, for another reason
        clear.send("10.1.0.2", "10.3.0.2");
        const std::string until_deny =
            "15:1/6/" + std::to_string(6 * kLen) + " 22:1/1/" + std::to_string(kLen);
        CHECK(clear.ledger() == until_deny);
        clear.policy(FlowState::deny, 17);
        clear.send("10.1.0.2", "10.3.0.2");
        CHECK(clear.ledger() == until_deny);
        clear.policy(FlowState::pass, 22);
        clear.send("10.1.0.2", "10.3.0.2");
        clear.g.command(0, Command(RemovePolicy{Clear::kPair}));
        clear.g.turn();
        CHECK(clear.ledger() == "15:1/6/" + std::to_string(6 * kLen) + " 22:2/2/" + std::to_string(2 * kLen));
    }
    SECTION("a reason that no ledger has room for is counted as unknown") {
        clear.classes({{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}});
        clear.send("10.1.0.2", "10.3.0.2");
        clear.policy(FlowState::pass, 4000);
        CHECK(clear.ledger() == "0:1/1/" + std::to_string(kLen));
    }
}
