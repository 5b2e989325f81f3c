// What is ours, as the configuration says it: which addresses are inside, which are
// our own, with which address we speak to whom, and the class of a destination.
// Used by keying and by `explain`; knows nothing of connections.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "config/config.hpp"

namespace oegate::keying {

struct ClassMatch {
    ClassKind kind = ClassKind::none;
    std::optional<Prefix> prefix;  // none: the administrator's default (n.none)
};

class Realm {
  public:
    explicit Realm(const config::Config& config);

    /// Longest destination prefix decides (keying.md).
    ClassMatch class_of(const Address& destination) const;
    /// By longest prefix among connected subnets and static routes: it lies behind
    /// an inside interface. One of our own addresses is not inside.
    bool inside(const Address& address) const;
    bool own(const Address& address) const { return own_.contains(address); }
    /// Our identity and outer address of this family; nullopt: none is configured.
    std::optional<Address> identity(Family family) const;
    const std::vector<Address>& identities() const { return identities_; }
    /// May this address be a gateway that DNS names? Our own, inside and special-use
    /// addresses are refused: the reason, or nullptr.
    const char* refused_gateway(const Address& gateway) const;

  private:
    template <class T>
    using Lengths = std::map<unsigned, std::map<Address, T>, std::greater<>>;  // prefix length → block
    Lengths<ClassKind> classes_[2];                                            // by family
    Lengths<bool> inside_[2];
    std::set<Address> own_;
    std::vector<Address> identities_;
    ClassKind default_class_;
};

/// Never a host or gateway on the Internet (RFC 6890, not the ranges that only
/// documentation or private networks use: a closed network may well route those).
bool special_use(const Address& address);

}  // namespace oegate::keying
