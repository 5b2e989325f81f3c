// Who has which address, and how each gateway is configured.
#include "base/cursor.hpp"
#include "node.hpp"

namespace oegate::sim {

config::Config make_config(unsigned i, unsigned site, unsigned nth) {
    config::Config c;
    c.name = std::string("sg-") + static_cast<char>('a' + i);
    const auto s = static_cast<std::uint8_t>(site + 1);
    const auto g = static_cast<std::uint8_t>(i + 1);
    c.interfaces.resize(2);
    c.interfaces[0].name = "inside";
    c.interfaces[0].role = InterfaceRole::inside;
    c.interfaces[0].addresses = {
        {Address::ipv4(192, s, 0, static_cast<std::uint8_t>(1 + nth)),
         Prefix(Address::ipv4(192, s, 0, 0), 24)},
        {World::address6(site, 0, 1 + nth), Prefix(World::address6(site, 0, 0), 64)}};
    c.interfaces[1].name = "outside";
    c.interfaces[1].role = InterfaceRole::outside;
    c.interfaces[1].addresses = {{World::gateway_address(i), Prefix(Address::ipv4(192, g, 1, 0), 24)},
                                 {World::gateway_address6(i), Prefix(World::address6(i, 1, 0), 64)}};
    c.routes = {{Prefix(Address::ipv4(0), 0), Address::ipv4(192, g, 1, 1)},
                {Prefix(Address{}, 0), World::address6(i, 1, 1)}};
    c.classes = {{ClassKind::oe_permissive, {Prefix(Address::ipv4(0), 0), Prefix(Address{}, 0)}}};
    c.dns.resolvers = {{Address::ipv4(10, 53, 0, 1), 53, true}};
    c.dataplane.lcores = {1, 2};
    // The minutes and hours of the defaults, so that a run sees all of them end.
    c.ike.groups = {config::DhGroup::curve25519};
    c.ike.child_lifetime = 90s;
    c.timers.short_failure = 40s;
    c.timers.normal_failure = 60s;
    c.timers.dns_failure = 30s;
    c.timers.liveness = 10s;
    c.timers.look_again_first = 30s;
    c.timers.look_again = 60s;
    return c;
}

Address World::host(unsigned site, unsigned n) {
    return Address::ipv4(192, static_cast<std::uint8_t>(site + 1), 0, static_cast<std::uint8_t>(65 + n));
}
Address World::gateway_address(unsigned i) {
    return Address::ipv4(192, static_cast<std::uint8_t>(i + 1), 1, static_cast<std::uint8_t>(5 + 2 * i));
}
Address World::address6(unsigned site, unsigned net, unsigned n) {
    return Address::parse("2001:db8:" + std::to_string(site + 1) + ":" + std::to_string(net) +
                          "::" + std::to_string(n))
        .value();
}
Address World::gateway_address6(unsigned i) {
    return address6(i, 1, 5 + 2 * i);
}

std::optional<unsigned> World::site_of(const Address& host) {
    const auto wire = host.wire();
    if (host.is_ipv4()) {
        if (wire[0] != 192 || wire[2] != 0 || wire[1] == 0 || wire[1] > 9) return std::nullopt;
        return wire[1] - 1u;
    }
    if (wire[0] != 0x20 || wire[1] != 0x01 || wire[7] != 0 || wire[5] == 0) return std::nullopt;
    return wire[5] - 1u;
}

std::optional<unsigned> World::gateway_at(const Address& outside) const {
    for (unsigned i = 0; i < nodes_.size(); ++i)
        if (outside == gateway_address(i) || outside == gateway_address6(i) ||
            (nodes_[i]->translator && outside == nodes_[i]->translator->outside()))
            return i;
    return std::nullopt;
}

std::vector<unsigned> World::gateways_of(unsigned site) const {
    std::vector<unsigned> all;
    for (unsigned i = 0; i < sites_.size(); ++i)
        if (sites_[i] == site) all.push_back(i);
    return all;
}

std::string ike_line(ByteView message) {
    Reader in(message);
    in.skip(18);
    const unsigned exchange = in.u8();
    const unsigned flags = in.u8();
    const std::uint32_t id = in.u32();
    if (!in.ok()) return "cut off";
    const char* names[] = {"IKE_SA_INIT", "IKE_AUTH", "CREATE_CHILD_SA", "INFORMATIONAL"};
    const std::string name =
        exchange >= 34 && exchange <= 37 ? names[exchange - 34] : std::to_string(exchange);
    return name + ((flags & 0x20) != 0 ? " response " : " request ") + std::to_string(id) +
           ((flags & 0x08) != 0 ? " of the initiator, " : ", ") + std::to_string(message.size()) + " bytes";
}

}  // namespace oegate::sim
