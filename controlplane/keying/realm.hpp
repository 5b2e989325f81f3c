// What is ours, as the configuration says it: which addresses are inside, which are
// our own, with which address we speak to whom, the class of a pair, and the peers
// that need no DNS. Used by keying and by `explain`; knows nothing of connections.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <span>
#include <vector>

#include "config/config.hpp"
#include "net/identity.hpp"

namespace oegate::keying {

/// The class of a pair, and the rule that says so.
struct ClassMatch {
    ClassKind kind = ClassKind::none;
    std::optional<Prefix> prefix;     // of the destination; none: the administrator's default (n.none)
    std::optional<Prefix> source;     // none: any
    bool require_secure = false;      // only what DNSSEC secures counts
    std::optional<std::size_t> peer;  // configured: index in peers()
};

/// The other end of a configured tunnel (OE draft §12.1).
struct ConfiguredPeer {
    std::string name;
    Address gateway;
    Identity identity;
    std::vector<PublicKey> keys;
};

class Realm {
  public:
    explicit Realm(const config::Config& config);

    /// pair: outbound orientation. Longest destination prefix, then longest source prefix
    /// decides; where no rule of a destination prefix holds the source, the next shorter
    /// destination prefix is asked (contract/tables.hpp, ClassRule).
    ClassMatch class_of(const Pair& pair) const;
    const std::vector<ConfiguredPeer>& peers() const { return peers_; }
    /// Index in peers() of who calls itself so.
    std::optional<std::size_t> peer_of(const Identity& identity) const;
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
    void add_class(const config::Class& c);

    template <class T>
    using Lengths = std::map<unsigned, std::map<Address, T>, std::greater<>>;  // prefix length → block
    Lengths<std::vector<ClassMatch>> classes_[2];  // by family; longest source prefix first
    Lengths<bool> inside_[2];
    std::set<Address> own_;
    std::vector<Address> identities_;
    std::vector<ConfiguredPeer> peers_;
    ClassKind default_class_;
};

}  // namespace oegate::keying
