// Longest-prefix questions over the configuration; a map of blocks per length.
#include "keying/realm.hpp"

#include <algorithm>

#include "net/special_use.hpp"

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

/// An address or a DNS name, which has no case and no final dot; `@` before a name is
/// how identities are written elsewhere.
Identity identity_of(const config::Peer& peer) {
    if (peer.identity.empty()) return Identity::of(peer.gateway);
    if (const auto address = Address::parse(peer.identity)) return Identity::of(*address);
    std::string name = peer.identity;
    if (name.front() == '@') name.erase(0, 1);
    if (!name.empty() && name.back() == '.') name.pop_back();
    std::ranges::transform(name, name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return Identity::of_name(std::move(name));
}

}  // namespace

Realm::Realm(const config::Config& config) : default_class_(config.default_class) {
    for (const config::Peer& p : config.peers) {
        ConfiguredPeer peer{p.name, p.gateway, identity_of(p), {}};
        for (const std::string& text : p.keys)
            if (auto key = from_base64(text))
                peer.keys.push_back({PublicKey::Algorithm::rsa, std::move(*key)});
        peers_.push_back(std::move(peer));
    }
    for (const config::Class& c : config.classes) add_class(c);

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

void Realm::add_class(const config::Class& c) {
    ClassMatch rule{c.kind, {}, {}, c.require_secure, {}};
    for (std::size_t i = 0; i < peers_.size(); ++i)
        if (!c.peer.empty() && peers_[i].name == c.peer) rule.peer = i;
    for (const Prefix& destination : c.destinations) {
        auto& rules = classes_[index(destination.family())][destination.length()][destination.address()];
        rule.prefix = destination;
        rule.source.reset();
        if (c.sources.empty()) rules.push_back(rule);
        for (const Prefix& source : c.sources)
            if (source.family() == destination.family()) {
                rule.source = source;
                rules.push_back(rule);
            }
        std::ranges::stable_sort(rules, std::ranges::greater{}, [](const ClassMatch& r) {
            return r.source ? static_cast<int>(r.source->length()) : -1;
        });
    }
}

ClassMatch Realm::class_of(const Pair& pair) const {
    for (const auto& [length, blocks] : classes_[index(pair.destination.family())]) {
        const auto it = blocks.find(Prefix(pair.destination, length).address());
        if (it == blocks.end()) continue;
        for (const ClassMatch& rule : it->second)
            if (!rule.source || rule.source->contains(pair.source)) return rule;
    }
    return {default_class_, {}, {}, false, {}};
}

std::optional<std::size_t> Realm::peer_of(const Identity& identity) const {
    for (std::size_t i = 0; i < peers_.size(); ++i)
        if (peers_[i].identity == identity) return i;
    return std::nullopt;
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
