// The gateway of scripts/bench pktgen and of interop/memif: the real data plane with
// static SAs for the flows of a packet generator, and no control plane. Two of them, side
// a and side b, make a tunnel.
//
//   pktgen_gateway side=a inside=DEVICE outside=DEVICE flows=N sas=N [KEY=VALUE…]
//
// Flow i is UDP from 10.254.0.0 to 10.253.0.0 + i, as testpmd's flowgen makes it; SA k
// carries the flows that agree with it modulo their worker's share. sas=0: in the clear.
// Says "ready", answers each line of standard input with one of JSON, ends with its end.
#include <fmt/format.h>
#include <poll.h>
#include <rte_cycles.h>
#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <thread>

#include "contract/command.hpp"
#include "net/owner.hpp"
#include "port/dataplane.hpp"

namespace oegate {
namespace {

constexpr std::uint32_t kMaxFlows = 2'000'000;
constexpr OwnerSeed kSeed{0x0e6a7e, 0xbe7c};
const Address kSource = Address::ipv4(10, 254, 0, 0);

struct Options {
    std::map<std::string, std::string> given;
    std::string text(const std::string& key, const std::string& otherwise) const {
        const auto at = given.find(key);
        return at == given.end() ? otherwise : at->second;
    }
    std::uint32_t number(const std::string& key, std::uint32_t otherwise) const {
        const auto at = given.find(key);
        return at == given.end() ? otherwise
                                 : static_cast<std::uint32_t>(std::strtoul(at->second.c_str(), nullptr, 10));
    }
    bool is_a() const { return text("side", "a") == "a"; }
    std::uint32_t flows() const { return number("flows", 1); }
    std::uint32_t sas() const { return number("sas", 1); }
};

Address at(const std::string& text) {
    return Address::parse(text).value();
}

Address destination(std::uint32_t flow) {
    const std::uint32_t a = 0x0afd0000u + flow;
    return Address::ipv4(static_cast<std::uint8_t>(a >> 24), static_cast<std::uint8_t>(a >> 16),
                         static_cast<std::uint8_t>(a >> 8), static_cast<std::uint8_t>(a));
}

config::Config configuration(const Options& o) {
    config::Config c;
    c.dataplane.huge_pages =
        o.text("huge-pages", "none") == "none" ? config::HugePages::none : config::HugePages::automatic;
    c.dataplane.lcores.clear();
    for (const char& cpu : o.text("lcores", "1"))  // single digits: 1 or 123
        c.dataplane.lcores.push_back(static_cast<unsigned>(cpu - '0'));
    c.dataplane.control_lcore = o.number("control", 0);
    c.dataplane.idle = o.text("idle", "adaptive") == "busy" ? IdleMode::busy : IdleMode::adaptive;
    c.dataplane.flows_per_worker = std::max(1024u, o.flows() + o.flows() / 4);
    c.dataplane.sas_per_worker = std::max(64u, o.sas());
    c.dataplane.replay_window = o.number("replay-window", 1024);
    const auto mtu = static_cast<std::uint16_t>(o.number("outside-mtu", 1600));
    const std::string inside = o.is_a() ? "198.18.0" : "198.18.1", outside = o.is_a() ? "1" : "2";
    c.interfaces.push_back({"inside",
                            InterfaceRole::inside,
                            o.text("inside", ""),
                            0,
                            1500,
                            {{at(inside + ".1"), *Prefix::parse(inside + ".0/24")}}});
    c.interfaces.push_back({"outside",
                            InterfaceRole::outside,
                            o.text("outside", ""),
                            0,
                            mtu,
                            {{at("198.19.0." + outside), *Prefix::parse("198.19.0.0/24")}}});
    return c;
}

bool set_tables(Dataplane& d, const Options& o) {
    Tables& tables = d.tables();
    const std::uint16_t to_source = o.is_a() ? 0 : 1, to_flows = o.is_a() ? 1 : 0;
    const Address inner = at(o.is_a() ? "198.18.0.2" : "198.18.1.2"),
                  outer = at(o.is_a() ? "198.19.0.2" : "198.19.0.1");
    const Route routes[] = {
        {*Prefix::parse("198.18.0.0/24"), std::nullopt, to_source},
        {*Prefix::parse("198.18.1.0/24"), std::nullopt, to_flows},
        {*Prefix::parse("198.19.0.0/24"), std::nullopt, 1},
        {*Prefix::parse("10.254.0.0/32"), o.is_a() ? inner : outer, to_source},
        {*Prefix::parse("0.0.0.0/0"), o.is_a() ? outer : inner, to_flows},
    };
    const ClassRule classes[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_paranoid}};
    const MacAddress inner_mac = *MacAddress::parse(o.text("inside-peer", "02:00:00:00:0c:01"));
    const MacAddress outer_mac =
        *MacAddress::parse(o.text("outside-peer", o.is_a() ? "02:00:00:00:0b:02" : "02:00:00:00:0a:02"));
    return tables.set_routes(routes) && tables.set_classes(classes, ClassKind::deny) &&
           tables.set_neighbour(0, inner, inner_mac) && tables.set_neighbour(1, outer, outer_mac);
}

/// Commands to one worker, waiting where its ring is full.
class Mailer {
  public:
    explicit Mailer(Dataplane& d) : links_(d.links()), sequences_(d.links().size()) {}
    void send(unsigned worker, Command command) {
        command.sequence = ++sequences_[worker];
        while (rte_ring_enqueue_elem(links_[worker].commands, &command, sizeof command) != 0)
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    void wait() {
        for (std::size_t i = 0; i < links_.size(); ++i)
            while (links_[i].shared->applied.load() < sequences_[i])
                std::this_thread::sleep_for(std::chrono::microseconds(200));
    }

  private:
    const std::vector<WorkerLink>& links_;
    std::vector<std::uint64_t> sequences_;
};

/// SA k of a worker, on both sides: its keys count up from k.
SaKey key_of(unsigned worker, std::uint32_t k) {
    SaKey key;
    for (std::size_t i = 0; i < 16; ++i)
        key.key[i] = static_cast<std::uint8_t>((k >> (8 * (i % 4))) + 17 * i + worker);
    key.salt = {static_cast<std::uint8_t>(k), 1, 2, static_cast<std::uint8_t>(worker)};
    return key;
}

std::uint32_t spi_of(unsigned worker, std::uint32_t k) {
    return Spi::make(1, worker, k);
}

void install_sas(Mailer& mailer, const Options& o, unsigned workers) {
    for (std::uint32_t i = 0; i < o.sas(); ++i) {
        const unsigned worker = i % workers;
        const std::uint32_t k = i / workers;
        const SaRef ref{k, 1};
        if (o.is_a()) {
            InstallOutbound sa;
            sa.ref = ref;
            sa.pair = {kSource, destination(i)};
            sa.local = at("198.19.0.1");
            sa.remote = at("198.19.0.2");
            sa.spi = spi_of(worker, k);
            sa.key = key_of(worker, k);
            mailer.send(worker, Command(sa));
        } else {
            InstallInbound sa;
            sa.ref = ref;
            sa.pair = {kSource, destination(i)};
            sa.local = at("198.19.0.2");
            sa.remote = at("198.19.0.1");
            sa.spi = spi_of(worker, k);
            sa.key = key_of(worker, k);
            sa.replay_window = o.number("replay-window", 1024);
            sa.source_bits = 96 + 8;  // all flows of the generator
            sa.destination_bits = 96;
            mailer.send(worker, Command(sa));
        }
    }
}

void install_flows(Mailer& mailer, const Options& o, unsigned workers) {
    for (std::uint32_t i = 0; o.is_a() && i < o.flows(); ++i) {
        SetPolicy policy;
        policy.pair = {kSource, destination(i)};
        policy.class_kind = ClassKind::oe_paranoid;
        const unsigned worker = owner(kSeed, policy.pair.source, policy.pair.destination, workers);
        const std::uint32_t sas_there = (o.sas() + workers - 1 - worker) / workers;
        policy.state = sas_there == 0 ? FlowState::pass : FlowState::encrypt;
        if (sas_there != 0) policy.outbound = {(i / workers) % sas_there, 1};
        mailer.send(worker, Command(policy));
    }
}

void print_counters(Dataplane& d) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    std::string text =
        fmt::format("{{\"ns\": {}, \"hz\": {}",
                    std::chrono::duration_cast<std::chrono::nanoseconds>(now).count(), rte_get_tsc_hz());
    std::uint64_t busy = 0;
    for (const WorkerStatus& worker : d.observer().workers()) busy += worker.cycles_busy;
    text += fmt::format(", \"busy_cycles\": {}", busy);
    for (const InterfaceStatus& i : d.observer().interfaces()) {
        text += fmt::format(", \"{}\": {{\"up\": {}, \"received\": {}, \"transmitted\": {}, \"drops\": {{",
                            i.name, i.link_up, i.counters.received_packets, i.counters.transmitted_packets);
        const char* separator = "";
        for (std::size_t r = 0; r < kNumDrops; ++r) {
            if (i.counters.drops[r] == 0) continue;
            text +=
                fmt::format("{}\"{}\": {}", separator, to_text(static_cast<Drop>(r)), i.counters.drops[r]);
            separator = ", ";
        }
        text += "}}";
    }
    std::cout << text << "}" << std::endl;
}

/// Until standard input ends; the link state is looked at meanwhile, as control does.
void serve(Dataplane& d) {
    for (;;) {
        pollfd in{STDIN_FILENO, POLLIN, 0};
        d.refresh_links();
        if (poll(&in, 1, 100) == 0) continue;
        char line[256];
        if (read(STDIN_FILENO, line, sizeof line) <= 0) return;
        print_counters(d);
    }
}

int run(const Options& options) {
    auto dataplane = Dataplane::start(configuration(options), kSeed);
    if (!dataplane) {
        std::cerr << dataplane.error() << "\n";
        return 1;
    }
    Dataplane& d = **dataplane;
    if (!set_tables(d, options)) return 1;
    const auto workers = static_cast<unsigned>(d.links().size());
    Mailer mailer(d);
    install_sas(mailer, options, workers);
    install_flows(mailer, options, workers);
    mailer.wait();
    std::cout << "ready" << std::endl;
    serve(d);
    d.stop();
    print_counters(d);  // with the links as they were
    return 0;
}

}  // namespace
}  // namespace oegate

int main(int argc, char** argv) {
    oegate::Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        const std::size_t equals = argument.find('=');
        if (equals == std::string::npos) return 2;
        options.given[argument.substr(0, equals)] = argument.substr(equals + 1);
    }
    if (options.flows() == 0 || options.flows() > oegate::kMaxFlows || options.sas() > oegate::Spi::kMaxSlots)
        return 2;
    const int status = oegate::run(options);
    oegate::leave_eal();
    return status;
}
