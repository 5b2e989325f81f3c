// A data plane with static SAs and neighbours and no control plane, for esp-uml.sh and
// esp-uml-suites.sh: Alice (192.1.0.65, 2001:db8:a::65) inside, a Linux kernel with ESP
// outside.
//
//   static_gateway INSIDE_DEVICE OUTSIDE_DEVICE ALICE_MAC PEER_MAC [TUNNELS]
//
// TUNNELS has a line for each: slot, Alice's and the other end's inner address, suite, ESN,
// UDP (0 or 1 each), outer family (4 or 6). Without it, four tunnels of AES-GCM.
// Says "ready", runs until standard input ends, then prints packets and drops.
#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <cstdio>
#include <fstream>
#include <iostream>

#include "contract/command.hpp"
#include "port/dataplane.hpp"

namespace oegate {
namespace {

Address at(const char* text) {
    return Address::parse(text).value();
}

config::Config configuration(const char* inside, const char* outside) {
    config::Config c;
    c.dataplane.huge_pages = config::HugePages::none;
    c.dataplane.lcores = {1};
    c.dataplane.idle = IdleMode::adaptive;
    c.dataplane.flows_per_worker = 1024;
    c.dataplane.sas_per_worker = 64;
    c.interfaces.push_back({"inside",
                            InterfaceRole::inside,
                            inside,
                            0,
                            1500,
                            {{at("192.1.0.1"), *Prefix::parse("192.1.0.0/24")},
                             {at("2001:db8:a::1"), *Prefix::parse("2001:db8:a::/64")}}});
    c.interfaces.push_back({"outside",
                            InterfaceRole::outside,
                            outside,
                            0,
                            1500,
                            {{at("192.1.1.4"), *Prefix::parse("192.1.1.0/24")},
                             {at("2001:db8:ff::4"), *Prefix::parse("2001:db8:ff::/64")}}});
    return c;
}

/// Keys count up from a byte that is the tunnel's own, as esp-uml-setup.sh has them.
SaKey key_of(EspSuite suite, std::uint8_t first) {
    SaKey key;
    key.suite = suite;
    for (std::size_t i = 0; i < key_len(suite); ++i) key.key[i] = static_cast<std::uint8_t>(first + i);
    for (std::size_t i = 0; i < facts(suite).auth_key_len; ++i)
        key.auth_key[i] = static_cast<std::uint8_t>(first + 0x80 + i);
    if (is_aead(suite)) key.salt = {0xaa, 0xbb, 0xcc, first};
    return key;
}

void post(Dataplane& dataplane, Command command) {
    while (rte_ring_enqueue_elem(dataplane.links()[0].commands, &command, sizeof command) != 0) {
    }
}

struct Form {
    EspSuite suite = EspSuite::aes_gcm_16_128;
    bool esn = false, udp = false, outer6 = false;
};

void tunnel(Dataplane& dataplane, std::uint32_t slot, const char* source, const char* destination,
            const Form& form) {
    const Pair pair{at(source), at(destination)};
    const Address local = at(form.outer6 ? "2001:db8:ff::4" : "192.1.1.4");
    const Address remote = at(form.outer6 ? "2001:db8:ff::6" : "192.1.1.6");
    const UdpPorts udp = form.udp ? UdpPorts{4500, 4500} : UdpPorts{};
    const EspSuite suite = form.suite;
    const auto first = static_cast<std::uint8_t>(0x10 * (slot + 1));
    const SaKey out_key = key_of(suite, first), in_key = key_of(suite, static_cast<std::uint8_t>(first + 8));
    const SaRef ref{slot, 1};
    post(dataplane, Command(InstallInbound{ref,
                                           pair.reversed(),
                                           local,
                                           remote,
                                           Spi::make(1, 0, slot),
                                           in_key,
                                           {},
                                           1024,
                                           false,
                                           form.esn,
                                           udp}));
    post(dataplane,
         Command(InstallOutbound{ref, pair, local, remote, 0x2000 + slot, out_key, {}, 0, form.esn, udp}));
    post(dataplane, Command(SetPolicy{pair, FlowState::encrypt, ClassKind::oe_paranoid, 0, ref, 0}));
}

bool read_tunnels(Dataplane& dataplane, const char* path) {
    std::ifstream in(path);
    std::uint32_t slot = 0;
    std::string source, destination, suite;
    Form form;
    int outer = 4;
    while (in >> slot >> source >> destination >> suite >> form.esn >> form.udp >> outer) {
        const auto known = esp_suite_from_text(suite);
        if (!known) return false;
        form.suite = *known;
        form.outer6 = outer == 6;
        tunnel(dataplane, slot, source.c_str(), destination.c_str(), form);
    }
    return in.eof();
}

bool prepare(Dataplane& dataplane, const char* alice_mac, const char* peer_mac) {
    const Route routes[] = {
        {*Prefix::parse("192.1.0.0/24"), std::nullopt, 0},
        {*Prefix::parse("2001:db8:a::/64"), std::nullopt, 0},
        {*Prefix::parse("192.1.1.0/24"), std::nullopt, 1},
        {*Prefix::parse("2001:db8:ff::/64"), std::nullopt, 1},
        {*Prefix::parse("192.3.0.0/24"), at("192.1.1.6"), 1},
        {*Prefix::parse("2001:db8:d::/64"), at("2001:db8:ff::6"), 1},
    };
    const ClassRule classes[] = {{*Prefix::parse("0.0.0.0/0"), ClassKind::oe_paranoid},
                                 {*Prefix::parse("::/0"), ClassKind::oe_paranoid}};
    Tables& tables = dataplane.tables();
    const MacAddress alice = MacAddress::parse(alice_mac).value();
    return tables.set_routes(routes) && tables.set_classes(classes, ClassKind::deny) &&
           tables.set_neighbour(0, at("192.1.0.65"), alice) &&
           tables.set_neighbour(0, at("2001:db8:a::65"), alice) &&
           tables.set_neighbour(1, at("192.1.1.6"), MacAddress::parse(peer_mac).value()) &&
           tables.set_neighbour(1, at("2001:db8:ff::6"), MacAddress::parse(peer_mac).value());
}

int run(int argc, char** argument) {
    auto dataplane = Dataplane::start(configuration(argument[1], argument[2]), {0x1234, 0x5678});
    if (!dataplane) {
        std::cerr << dataplane.error() << "\n";
        return 1;
    }
    Dataplane& d = **dataplane;
    d.refresh_links();
    if (!prepare(d, argument[3], argument[4])) return 1;
    if (argc == 6) {
        if (!read_tunnels(d, argument[5])) return 1;
    } else {
        tunnel(d, 0, "192.1.0.65", "192.3.0.68", {EspSuite::aes_gcm_16_128});
        tunnel(d, 1, "192.1.0.65", "192.3.0.69", {EspSuite::aes_gcm_16_256});
        tunnel(d, 2, "2001:db8:a::65", "2001:db8:d::68", {EspSuite::aes_gcm_16_128});
        tunnel(d, 3, "2001:db8:a::65", "2001:db8:d::69", {EspSuite::aes_gcm_16_256});
    }
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
    }
    d.stop();
    for (const InterfaceStatus& interface : d.observer().interfaces()) {
        std::printf("%s received %llu transmitted %llu\n", interface.name.c_str(),
                    static_cast<unsigned long long>(interface.counters.received_packets),
                    static_cast<unsigned long long>(interface.counters.transmitted_packets));
        for (std::size_t i = 0; i < kNumDrops; ++i)
            if (interface.counters.drops[i] != 0)
                std::printf("drop %s %s %llu\n", interface.name.c_str(),
                            std::string(to_text(static_cast<Drop>(i))).c_str(),
                            static_cast<unsigned long long>(interface.counters.drops[i]));
    }
    return 0;
}

}  // namespace
}  // namespace oegate

int main(int argc, char** argv) {
    if (argc != 5 && argc != 6) return 2;
    const int status = oegate::run(argc, argv);
    oegate::leave_eal();
    return status;
}
