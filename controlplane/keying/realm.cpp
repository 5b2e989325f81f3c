// Longest-prefix questions over the configuration; a map of blocks per length.
#include "keying/realm.hpp"

namespace oegate::keying {
namespace {

unsigned index(Family family) {
    return family == Family::ipv4 ? 0 : 1;
}

template <class Lengths>
auto find(const Lengths& lengths, const Address& address)
    -> std::optional<std::pair<Prefix, typename Lengths::mapped_type::mapped_type>> {
    for (const auto& [length, blocks] : lengths) {
        const Prefix prefix(address, length);
        if (const auto it = blocks.find(prefix.address()); it != blocks.end())
            return std::pair{prefix, it->second};
    }
    return std::nullopt;
}

}  // namespace

bool special_use(const Address& address) {
    if (address.is_unspecified() || address.is_loopback() || address.is_multicast() ||
        address.is_link_local() || address.is_limited_broadcast())
        return true;
    if (address.is_ipv4()) {
        const std::uint32_t host = address.ipv4_host();
        return host >> 24 == 0 || host >> 28 == 15;  // "this network", reserved (RFC 6890 §2.2.2)
    }
    const auto& bytes = address.bytes();
    for (unsigned i = 0; i < 10; ++i)
        if (bytes[i] != 0) return false;
    return true;  // ::/80, the IPv4-compatible block
}

Realm::Realm(const config::Config& config) : default_class_(config.default_class) {
    for (const config::Class& c : config.classes)
        for (const Prefix& p : c.destinations) classes_[index(p.family())][p.length()][p.address()] = c.kind;

    const auto add = [this](const Prefix& p, bool is_inside) {
        inside_[index(p.family())][p.length()][p.address()] = is_inside;
    };
    for (const config::Interface& interface : config.interfaces)
        for (const config::InterfaceAddress& a : interface.addresses) {
            own_.insert(a.address);
            if (interface.role != InterfaceRole::management)
                add(a.subnet, interface.role == InterfaceRole::inside);
            if (interface.role == InterfaceRole::outside) identities_.push_back(a.address);
        }
    for (const config::StaticRoute& route : config.routes)
        if (const auto hop = find(inside_[index(route.via.family())], route.via))
            add(route.prefix, hop->second);
    if (!config.ike.identities.empty()) identities_ = config.ike.identities;
}

ClassMatch Realm::class_of(const Address& destination) const {
    if (const auto match = find(classes_[index(destination.family())], destination))
        return {match->second, match->first};
    return {default_class_, std::nullopt};
}

bool Realm::inside(const Address& address) const {
    if (own(address)) return false;
    const auto match = find(inside_[index(address.family())], address);
    return match && match->second;
}

std::optional<Address> Realm::identity(Family family) const {
    for (const Address& address : identities_)
        if (address.family() == family) return address;
    return std::nullopt;
}

const char* Realm::refused_gateway(const Address& gateway) const {
    if (own(gateway)) return "is our own address";
    if (special_use(gateway)) return "is a special-use address";
    if (inside(gateway)) return "is inside";
    if (!identity(gateway.family())) return "is of a family without an outside address of ours";
    return nullptr;
}

}  // namespace oegate::keying
