#include "discovery/gateways.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "net/special_use.hpp"

namespace oegate::discovery {
namespace {

void take(const Reply& reply, std::size_t address_len, const std::string& name, std::size_t most,
          NamedGateway& out) {
    if (reply.state == Reply::State::bogus) {
        out.bogus = fmt::format("address of {} is bogus: {}", name, reply.detail);
    } else if (reply.state == Reply::State::failed) {
        out.failed = fmt::format("address of {}: {}", name, reply.detail);
    } else if (reply.state == Reply::State::records && !reply.secure()) {
        out.judgement = fmt::format("address of {} is not authenticated", name);
    } else if (reply.state == Reply::State::records) {
        for (const Bytes& rdata : reply.rdata) {
            const auto address =
                rdata.size() == address_len ? Address::from_wire(rdata) : std::optional<Address>{};
            if (!address || (address_len == 16 && address->is_ipv4()) || special_use(*address)) {
                out.judgement =
                    fmt::format("address of {} is {}", name, address ? "a special-use address" : "malformed");
                continue;
            }
            if (out.addresses.size() >= most) break;
            out.addresses.push_back(*address);
            out.lifetime = std::min(out.lifetime, reply.lifetime);
        }
    }
}

}  // namespace

NamedGateway addresses_of(const std::string& name, const Names& names, const Rules& rules) {
    NamedGateway out;
    const auto at = names.find(name);
    if (at == names.end()) {
        out.judgement = fmt::format("gateway name {} was not looked up", name);
        return out;
    }
    // However many it has of one family, there is room for the other.
    const bool both = rules.ipv4 && at->second.a.state == Reply::State::records;
    if (rules.ipv6) take(at->second.aaaa, 16, name, both ? kMaxAddresses / 2 : kMaxAddresses, out);
    if (rules.ipv4) take(at->second.a, 4, name, kMaxAddresses, out);
    if (!out.addresses.empty() || !out.judgement.empty()) return out;
    const char* which = rules.ipv4 && rules.ipv6 ? "" : rules.ipv4 ? "IPv4 " : "IPv6 ";
    out.judgement = !out.bogus.empty()    ? out.bogus
                    : !out.failed.empty() ? out.failed
                                          : fmt::format("gateway name {} has no {}address", name, which);
    return out;
}

std::vector<std::string> names_to_resolve(const Reply& ipseckey) {
    if (!ipseckey.secure()) return {};
    std::vector<SeenRecord> seen;
    Sifted sifted = sift(RecordType::ipseckey, ipseckey, seen);
    std::ranges::stable_sort(sifted.delegations, {}, &Delegation::precedence);
    std::vector<std::string> names;
    for (const Delegation& record : sifted.delegations) {
        if (record.gateway || record.name.empty() || record.unusable_key) continue;
        if (std::ranges::find(names, record.name) == names.end()) names.push_back(record.name);
        if (names.size() == kMaxNames) break;
    }
    return names;
}

}  // namespace oegate::discovery
