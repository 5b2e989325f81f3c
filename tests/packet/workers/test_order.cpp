// Packets are numbered within their flow and must leave in that order and once, by
// whatever worker they are received, owned, encrypted and transmitted, while their pair
// goes through hold, pass, encrypt, rekey and an SA's death, and while the next hop's
// MAC address is learned. The workers turn in random order.
#include <map>
#include <set>

#include "base/cursor.hpp"
#include "base/random.hpp"
#include "catch.hpp"
#include "packet/security/peer.hpp"
#include "worker/security_state.hpp"

using namespace oegate;
using namespace oegate::packet_test;

namespace {

constexpr unsigned kFlows = 10;

Bytes number(std::uint32_t n) {
    Writer w;
    w.u32(n);
    return std::move(w).take();
}

/// Of the UDP payload behind an IPv4 header without options.
std::uint32_t number_in(const Bytes& inner) {
    Reader reader(ByteView(inner).subspan(28));
    return reader.u32();
}

/// One pair, its SAs one after the other, and what has become of its packets.
struct Flow {
    Pair pair;
    unsigned worker = 0;
    std::uint32_t slot = 0;
    std::uint32_t generation = 0;
    std::uint32_t sent = 0, last_out = 0, num_out = 0;
    std::vector<SaRef> installed;

    Tunnel tunnel(std::uint32_t which) const {
        Tunnel t;
        t.pair = pair;
        t.out = {slot + which % 2, which};
        t.spi_out = slot << 16 | which;
        t.out_limits.hard_packets = 40;  // so that SAs die in the middle of the traffic
        return t;
    }
};

class Numbered {
  public:
    Numbered(unsigned num_workers, std::uint64_t seed, unsigned handoff_entries)
        : random_(seed), g_(options(num_workers, handoff_entries)) {
        Tables& tables = g_.dataplane().tables();
        const ClassRule rules[] = {{*Prefix::parse("10.3.0.0/16"), ClassKind::oe_permissive}};
        REQUIRE(tables.set_classes(rules, ClassKind::deny));
        for (unsigned i = 0; i < kFlows; ++i) {
            Flow flow;
            flow.pair = {address("10.1.0.2"), address("10.3.1." + std::to_string(i + 1))};
            flow.worker = owner(g_.worker(), flow.pair);
            flow.slot = 2 * i;
            flows_.push_back(flow);
        }
    }

    void run() {
        for (int step = 0; step < 6000; ++step) {
            const std::uint64_t what = random_.below(100);
            if (what < 55) {
                send(flows_[random_.below(kFlows)]);
            } else if (what < 97) {
                g_.poll(static_cast<unsigned>(random_.below(g_.parts().workers.size())));
                take();
            } else {
                change(flows_[random_.below(kFlows)]);
            }
            if (step == 1500) learn();
            if (step == 1700) tell();
        }
        for (Flow& flow : flows_) command(flow, FlowState::deny, {});  // nothing stays in hold
        g_.turn();
        take();
        check();
    }

  private:
    static Options options(unsigned num_workers, unsigned handoff_entries) {
        Options o;
        o.num_workers = num_workers;
        o.handoff_entries = handoff_entries;
        o.dataplane.flows_per_worker = 1024;
        o.dataplane.sas_per_worker = 64;
        o.dataplane.held_per_worker = 64;
        o.dataplane.icmp_on_deny = false;
        return o;
    }
    void send(Flow& flow) {
        if (in_wire_ == 200) return;  // the wire is short; polls empty it
        ++in_wire_;
        g_.in(kInside, ethernet(g_.mac(kInside), kIpv4,
                                udp({flow.pair.source.text(), flow.pair.destination.text()}, 1, 2,
                                    number(++flow.sent))));
    }
    void command(Flow& flow, FlowState state, SaRef sa) {
        g_.command(flow.worker, Command(SetPolicy{flow.pair, state, ClassKind::oe_permissive, 1, sa, 0}));
    }
    /// What keying might say of a pair, whether or not it was asked.
    void change(Flow& flow) {
        switch (random_.below(4)) {
            case 0:
                return command(flow, FlowState::pass, {});
            case 1:
                return command(flow, FlowState::hold, {});
            default: {
                const Tunnel next = flow.tunnel(++flow.generation);
                g_.command(flow.worker, Command(next.outbound()));
                command(flow, FlowState::encrypt, next.out);
                if (!flow.installed.empty() && flow.installed.back().slot != next.out.slot)
                    g_.command(flow.worker, Command(RemoveSa{Direction::outbound, flow.installed.back()}));
                flow.installed.push_back(next.out);
            }
        }
    }
    /// The router's MAC address is published, and only some turns later told.
    void learn() { REQUIRE(g_.dataplane().tables().set_neighbour(kOutside, address("10.2.0.254"), kRouter)); }
    void tell() {
        for (unsigned i = 0; i < g_.parts().workers.size(); ++i)
            g_.command(i, Command(NeighbourChanged{address("10.2.0.254"), kOutside, true}));
    }
    void take() {
        in_wire_ = g_.waiting_on_wire(kInside);
        for (const Bytes& frame : g_.out(kOutside)) {
            const Bytes outer = without_link(frame);
            if (outer[9] != 50) {
                left(outer);
                continue;
            }
            Reader reader(ByteView(outer).subspan(20));
            const std::uint32_t spi = reader.u32();
            REQUIRE((spi >> 16) / 2 < kFlows);
            const auto opened = open(flows_[(spi >> 16) / 2].tunnel(spi & 0xffff), outer);
            REQUIRE(opened);
            left(opened->inner);
        }
    }
    void left(const Bytes& inner) {
        Reader reader(ByteView(inner).subspan(19));
        Flow& flow = flows_.at(reader.u8() - 1u);
        const std::uint32_t n = number_in(inner);
        INFO("flow to " << flow.pair.destination.text());
        REQUIRE(n > flow.last_out);  // neither overtaken nor twice
        REQUIRE(n <= flow.sent);
        flow.last_out = n;
        ++flow.num_out;
    }
    /// What did not leave has died of something that this test expects.
    void check() {
        std::uint64_t sent = 0, out = 0;
        for (const Flow& flow : flows_) {
            sent += flow.sent;
            out += flow.num_out;
            CHECK(flow.num_out > 20);
        }
        std::uint64_t explained = 0;
        for (const Drop reason :
             {Drop::hold_replaced, Drop::hold_denied, Drop::policy_deny, Drop::neighbour_queue_full,
              Drop::hold_source_limit, Drop::hold_limit, Drop::handoff_full, Drop::sa_hard_limit})
            explained += g_.drops(reason);
        CHECK(g_.drops(Drop::hold_replaced) > 0);
        CHECK(sent == out + explained);
        CHECK(g_.drops() == explained);
        g_.check_ledger();
    }

    SeededRandom random_;
    Gateway g_;
    std::vector<Flow> flows_;
    unsigned in_wire_ = 0;
};

}  // namespace

TEST_CASE("order: numbered packets of a flow leave in order through one to four workers") {
    const unsigned num_workers = GENERATE(1u, 2u, 3u, 4u);
    const std::uint64_t seed = GENERATE(1u, 2u, 3u);
    CAPTURE(num_workers, seed);
    Numbered(num_workers, seed, kHandoffRing).run();
}

TEST_CASE("order: short hand-over rings lose packets, but not their order") {
    const std::uint64_t seed = GENERATE(4u, 5u);
    CAPTURE(seed);
    Numbered(4, seed, 2).run();
}

TEST_CASE("replay: packets of one SA that come in by two workers, reordered and repeated") {
    Options options;
    options.num_workers = 3;
    options.source_check = SourceCheck::off;  // a peer's packets by an inside port: a second queue
    options.dataplane.sas_per_worker = 64;
    const std::uint64_t seed = GENERATE(7u, 8u, 9u);
    CAPTURE(seed);
    SeededRandom random(seed);
    Gateway g(options);
    g.know_neighbours();
    const unsigned home = static_cast<unsigned>(random.below(3));
    Tunnel tunnel;
    tunnel.spi_in = Spi::make(0x5a, home, 5);
    tunnel.replay_window = 64;
    g.command(home, Command(tunnel.inbound()));
    g.turn();
    std::map<std::uint32_t, unsigned> copies, came;
    std::uint32_t next = 1;
    for (int step = 0; step < 2000; ++step) {
        if (random.below(2) == 0) {
            // Mostly new ones, some of the last hundred again.
            const bool again = next > 1 && random.below(4) == 0;
            const std::uint32_t n =
                again ? next - 1 - static_cast<std::uint32_t>(random.below(std::min(next - 1, 100u)))
                      : next++;
            ++copies[n];
            const std::uint16_t port = random.below(2) == 0 ? kOutside : kJumbo;
            g.in(port,
                 ethernet(g.mac(port), kIpv4,
                          seal(tunnel, udp({"10.3.0.2", "10.1.0.2"}, 1, 2, number(n)), {.sequence = n})));
        } else {
            g.poll(static_cast<unsigned>(random.below(3)));
        }
        if (step % 64 == 0) g.turn();
        for (const Bytes& frame : g.out(kInside)) ++came[number_in(without_link(frame))];
    }
    g.turn();
    for (const Bytes& frame : g.out(kInside)) ++came[number_in(without_link(frame))];
    std::uint64_t sent = 0;
    for (const auto& [n, num] : copies) sent += num;
    for (const auto& [n, num] : came) {
        CAPTURE(n);
        REQUIRE(num == 1);  // never twice, by whatever way
        REQUIRE(copies.contains(n));
    }
    CHECK(came.size() > copies.size() * 9 / 10);
    CHECK(sent - came.size() == g.drops(Drop::esp_replayed) + g.drops(Drop::esp_too_old));
    CHECK(g.drops() == sent - came.size());
    g.check_ledger();
}
