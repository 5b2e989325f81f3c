#include "publication/claims.hpp"

#include <algorithm>

#include "discovery/publish.hpp"
#include "discovery/wire.hpp"

namespace oegate::publication {
namespace {

std::string without_dot(std::string name) {
    if (name.ends_with('.')) name.pop_back();
    return name;
}

/// Its own address, else one of its family, else any: a delegation may cross families.
Address gateway_for(const Ours& ours, const Address& host) {
    const auto& all = ours.gateways;
    if (std::find(all.begin(), all.end(), host) != all.end()) return host;
    const auto same =
        std::find_if(all.begin(), all.end(), [&](const Address& a) { return a.family() == host.family(); });
    if (same != all.end()) return *same;
    return all.empty() ? Address{} : all.front();
}

Claim host_claim(const Ours& ours, const Address& host) {
    return {Claim::Kind::host, host.reverse_name(), host.text(), host, gateway_for(ours, host)};
}

Claim own_claim(const Address& gateway) {
    return {Claim::Kind::own, gateway.reverse_name(), gateway.text(), {}, {}};
}

void add(Ours& ours, Claim claim) {
    const auto same = [&](const Claim& other) { return other.owner == claim.owner; };
    if (!claim.owner.empty() && std::none_of(ours.claims.begin(), ours.claims.end(), same))
        ours.claims.push_back(std::move(claim));
}

/// Every address of a block. The configuration allows 256 (config/check.cpp).
template <typename Visit>
void for_each_address(const Prefix& block, const Visit& visit) {
    Address address = block.address();
    for (unsigned i = 0; i < 256; ++i) {
        visit(address);
        if (address == block.last()) return;
        auto& bytes = address.mutable_bytes();
        for (std::size_t at = bytes.size(); at-- > 0;)
            if (++bytes[at] != 0) break;
    }
}

void add_hosts(Ours& ours, const Prefix& block) {
    for_each_address(block, [&](const Address& host) { add(ours, host_claim(ours, host)); });
}

}  // namespace

bool Ours::owns(const Claim& claim) const {
    if (claim.kind == Claim::Kind::own) return true;
    return std::find(gateways.begin(), gateways.end(), claim.host) != gateways.end();
}

Ours ours_of(const config::Config& config) {
    Ours ours;
    ours.gateways = config.ike.identities;
    if (ours.gateways.empty())
        for (const config::Interface& interface : config.interfaces)
            if (interface.role == InterfaceRole::outside)
                for (const config::InterfaceAddress& a : interface.addresses)
                    ours.gateways.push_back(a.address);
    const auto add_name = [&](const std::string& text) {
        const std::string name = discovery::canonical_name(text);
        if (name.empty()) return;
        ours.names.push_back(without_dot(name));
        add(ours, {Claim::Kind::own, name, without_dot(name), {}, {}});
    };
    for (const Prefix& block : config.publication.hosts) add_hosts(ours, block);
    for (const Address& gateway : ours.gateways) add(ours, own_claim(gateway));
    for (const std::string& name : config.publication.names) add_name(name);
    if (!config.ike.name.empty()) {
        add_name(config.ike.name);
        ours.initiates_as = without_dot(discovery::canonical_name(config.ike.name));
    }
    return ours;
}

Ours ours_of(const Address& gateway, const std::vector<Prefix>& hosts) {
    Ours ours;
    ours.gateways = {gateway};
    for (const Prefix& block : hosts) add_hosts(ours, block);
    add(ours, own_claim(gateway));
    return ours;
}

Ours narrowed(const Ours& ours, const std::vector<Prefix>& hosts, const std::vector<std::string>& names) {
    Ours out = ours;
    out.claims.clear();
    const auto add_known = [&](Claim otherwise) {
        const auto at = std::find_if(ours.claims.begin(), ours.claims.end(),
                                     [&](const Claim& c) { return c.owner == otherwise.owner; });
        add(out, at != ours.claims.end() ? *at : std::move(otherwise));
    };
    for (const Prefix& block : hosts)
        for_each_address(block, [&](const Address& host) { add_known(host_claim(ours, host)); });
    for (const std::string& text : names) {
        const std::string name = discovery::canonical_name(text);
        add_known({Claim::Kind::own, name, without_dot(name), {}, {}});
    }
    return out;
}

std::string records_of(const Ours& ours, const Claim& claim, const std::vector<PublicKey>& keys,
                       std::uint32_t ttl) {
    std::string out;
    for (const PublicKey& key : keys) {
        discovery::Publication publication;
        publication.gateway = claim.gateway;
        publication.key = key;
        publication.ttl = ttl;
        publication.name = ours.initiates_as;
        out += claim.kind == Claim::Kind::host ? discovery::delegation_records(publication, claim.host)
                                               : discovery::own_key_records(publication, claim.owner);
    }
    return out;
}

}  // namespace oegate::publication
