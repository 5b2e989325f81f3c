#include "config/check.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/bytes.hpp"
#include "contract/sa.hpp"

namespace oegate::config {
namespace {

constexpr std::size_t kMaxWorkers = Spi::kMaxWorkers;

class Check {
  public:
    Check(const Config& config, const Places& places, const std::string& file, std::vector<Problem>& problems)
        : config_(config), places_(places), file_(file), problems_(problems) {}

    void interfaces() {
        bool outside = false;
        for (std::size_t i = 0; i < config_.interfaces.size(); ++i) {
            const std::string path = fmt::format("interfaces[{}]", i);
            outside |= config_.interfaces[i].role == InterfaceRole::outside && places_.has(path + ".role");
            for (std::size_t other = 0; other < i; ++other) compare_interfaces(other, i);
            addresses(i);
        }
        if (!outside && !config_.interfaces.empty() && places_.clean("interfaces"))
            tell("interfaces", "no outside interface", "at least one interface with role outside");
    }

    void routes() {
        std::map<Prefix, std::size_t> seen;
        for (std::size_t i = 0; i < config_.routes.size(); ++i) {
            const StaticRoute& route = config_.routes[i];
            const std::string path = fmt::format("routes[{}]", i);
            if (!places_.has(path + ".prefix")) continue;
            if (const auto [first, fresh] = seen.emplace(route.prefix, i); !fresh)
                tell(path + ".prefix",
                     fmt::format("prefix {} has a route already ({})", route.prefix.text(),
                                 where(fmt::format("routes[{}].prefix", first->second))),
                     "one route for each prefix");
            if (places_.has(path + ".via")) next_hop(path, route);
        }
    }

    /// Two classes that tie decide nothing: each destination prefix once per source prefix.
    void classes() {
        struct First {
            std::string path;
            ClassKind kind;
        };
        std::map<std::pair<Prefix, std::optional<Prefix>>, First> seen;
        for (std::size_t i = 0; i < config_.classes.size(); ++i) {
            const Class& c = config_.classes[i];
            const std::string item = fmt::format("classes[{}]", i);
            std::vector<std::optional<Prefix>> sources(c.sources.begin(), c.sources.end());
            if (sources.empty()) sources.emplace_back();
            for (std::size_t k = 0; k < c.destinations.size(); ++k)
                for (const std::optional<Prefix>& source : sources) {
                    if (source && source->family() != c.destinations[k].family()) continue;
                    const std::string path = fmt::format("{}.destinations[{}]", item, k);
                    const auto [first, fresh] =
                        seen.emplace(std::pair{c.destinations[k], source}, First{path, c.kind});
                    if (!fresh)
                        tell(path,
                             fmt::format("prefix {}{} is also in class {} ({})", c.destinations[k].text(),
                                         source ? " from " + source->text() : "", to_text(first->second.kind),
                                         where(first->second.path)),
                             "each prefix in one class: two classes that tie decide nothing");
                }
            families(item, c);
            class_peer(item, c);
        }
        if (config_.default_class == ClassKind::configured)
            tell("default-class", "class configured needs a peer and destinations",
                 "one of the other classes, or an entry of classes");
    }

    void peers() {
        for (std::size_t i = 0; i < config_.peers.size(); ++i) {
            const Peer& peer = config_.peers[i];
            const std::string path = fmt::format("peers[{}]", i);
            for (std::size_t other = 0; other < i; ++other) {
                if (!peer.name.empty() && config_.peers[other].name == peer.name)
                    tell(path + ".name",
                         fmt::format("name \"{}\" is given twice ({})", peer.name,
                                     where(fmt::format("peers[{}].name", other))),
                         "a name of its own for each peer");
                if (places_.clean("peers") && identity_of(config_.peers[other]) == identity_of(peer))
                    tell(path,
                         fmt::format("identity {} is also that of peer {}", identity_of(peer),
                                     config_.peers[other].name),
                         "an identity of its own for each peer");
            }
            if (places_.clean(path) &&
                (peer.gateway.is_multicast() || peer.gateway.is_unspecified() || peer.gateway.is_loopback()))
                tell(path + ".gateway", fmt::format("{} is no address of a gateway", peer.gateway.text()),
                     "the peer's outside address");
            for (std::size_t k = 0; k < peer.keys.size(); ++k)
                peer_key(fmt::format("{}.keys[{}]", path, k), peer.keys[k]);
        }
    }

    void publication() {
        for (std::size_t i = 0; i < config_.publication.hosts.size(); ++i) {
            const Prefix& p = config_.publication.hosts[i];
            if (const unsigned bits = (p.family() == Family::ipv4 ? 32 : 128) - p.length(); bits > 8)
                tell(fmt::format("publication.hosts[{}]", i),
                     fmt::format("{} has more than 256 addresses", p.text()),
                     "prefixes of at most 256 addresses");
        }
    }

    void opportunistic(bool check_files) {
        if (!keys_anything()) {
            if (!config_.peers.empty()) own_key(check_files);
            return;
        }
        if (config_.dns.resolvers.empty() && places_.clean("dns"))
            tell(places_.has("dns") ? "dns" : class_place(), "opportunistic class without a resolver",
                 "dns.resolvers with at least one validating resolver");
        if (config_.dns.validation == Validation::own && check_files &&
            access(config_.dns.trust_anchors.c_str(), R_OK) != 0)
            tell(places_.has("dns.trust-anchors") ? "dns.trust-anchors" : "dns.validation",
                 fmt::format("{}: {}", config_.dns.trust_anchors, std::strerror(errno)),
                 "a readable file of DS or DNSKEY records (Debian: package dns-root-data)");
        own_key(check_files);
    }

    void own_key(bool check_files) {
        if (config_.ike.private_key.empty()) {
            if (places_.clean("ike"))
                tell(places_.has("ike") ? "ike" : class_place(),
                     "a class that encrypts without a private key",
                     "ike.private-key, a file made by \"oegate key generate\"");
        } else if (check_files) {
            private_key();
        }
        identities();
    }

    void dataplane() {
        const Dataplane& dataplane = config_.dataplane;
        if (dataplane.lcores.size() > kMaxWorkers)
            tell("dataplane.lcores", fmt::format("{} workers", dataplane.lcores.size()),
                 fmt::format("at most {}", kMaxWorkers));
        const auto shared =
            std::find(dataplane.lcores.begin(), dataplane.lcores.end(), dataplane.control_lcore);
        // An adaptive worker sleeps when it is idle, so on a small machine it may share.
        if (shared != dataplane.lcores.end() && dataplane.idle == IdleMode::busy)
            tell(places_.has("dataplane.control-lcore")
                     ? "dataplane.control-lcore"
                     : fmt::format("dataplane.lcores[{}]", shared - dataplane.lcores.begin()),
                 fmt::format("lcore {} is both a worker's and the control thread's", *shared),
                 "a core of its own for each, or idle: adaptive");
        if (dataplane.waiting_per_neighbour > dataplane.waiting_total)
            tell("dataplane.waiting-per-neighbour",
                 fmt::format("{} is more than dataplane.waiting-total ({})", dataplane.waiting_per_neighbour,
                             dataplane.waiting_total),
                 "at most the total");
    }

    void timers() {
        const auto at_most = [&](const char* small, Duration a, const char* large, Duration b) {
            if (a > b)
                tell(places_.has(small) ? small : large, fmt::format("{} is longer than {}", small, large),
                     fmt::format("at most {}", large));
        };
        at_most("dns.retransmit", config_.dns.retransmit, "dns.timeout", config_.dns.timeout);
        at_most("timers.retransmit", config_.timers.retransmit, "timers.gateway", config_.timers.gateway);
    }

  private:
    static std::string identity_of(const Peer& peer) {
        return peer.identity.empty() ? peer.gateway.text() : peer.identity;
    }

    /// A source of one family with destinations of the other only never matches.
    void families(const std::string& item, const Class& c) {
        for (std::size_t k = 0; k < c.sources.size(); ++k)
            if (!c.destinations.empty() && std::ranges::none_of(c.destinations, [&](const Prefix& d) {
                    return d.family() == c.sources[k].family();
                }))
                tell(
                    fmt::format("{}.sources[{}]", item, k),
                    fmt::format("source {} is of another family than every destination", c.sources[k].text()),
                    "a prefix of a destination's family");
    }

    void class_peer(const std::string& item, const Class& c) {
        const bool known =
            std::ranges::any_of(config_.peers, [&](const Peer& peer) { return peer.name == c.peer; });
        if (c.kind == ClassKind::configured && c.peer.empty())
            tell(item + ".class", "class configured without a peer", "peer: the name of one of peers");
        if (!c.peer.empty() && c.kind != ClassKind::configured)
            tell(item + ".peer", fmt::format("class {} has no peer", to_text(c.kind)), "class: configured");
        if (!c.peer.empty() && !known && places_.clean("peers"))
            tell(item + ".peer", fmt::format("peer \"{}\" is unknown", c.peer), "the name of one of peers");
        if (c.require_secure && !is_opportunistic(c.kind))
            tell(item + ".require-secure", fmt::format("class {} asks no DNS", to_text(c.kind)),
                 "an opportunistic class");
    }

    /// RFC 3110 §2: exponent length, exponent, modulus; what the key is worth is judged when it is used.
    void peer_key(const std::string& path, const std::string& text) {
        const auto key = from_base64(text);
        if (!key || key->size() < 3 + 128)
            tell(path, "no RSA key in base64",
                 "the last field of an IPSECKEY record (\"oegate dns records\" prints it)");
    }

    void tell(const std::string& path, std::string what, std::string expected) {
        const Place place = places_.at(path);
        problems_.push_back({file_, place.line, place.column, std::move(what), std::move(expected)});
    }
    std::string where(const std::string& path) const { return fmt::format("line {}", places_.at(path).line); }

    void compare_interfaces(std::size_t first, std::size_t second) {
        const Interface& a = config_.interfaces[first];
        const Interface& b = config_.interfaces[second];
        const std::string path = fmt::format("interfaces[{}]", second);
        const std::string path_a = fmt::format("interfaces[{}]", first);
        if (!a.name.empty() && a.name == b.name)
            tell(path + ".name",
                 fmt::format("name \"{}\" is given twice ({})", b.name, where(path_a + ".name")),
                 "a name of its own for each interface");
        if (!a.device.empty() && a.device == b.device && a.vlan == b.vlan)
            tell(path + (places_.has(path + ".vlan") ? ".vlan" : ".device"),
                 fmt::format(
                     "device \"{}\" has {} already ({})", b.device,
                     b.vlan == 0 ? "an untagged interface" : fmt::format("an interface with VLAN {}", b.vlan),
                     where(path_a)),
                 "different VLANs on one device");
        for (std::size_t k = 0; k < b.addresses.size(); ++k)
            for (const InterfaceAddress& other : a.addresses) {
                const InterfaceAddress& own = b.addresses[k];
                const std::string here = fmt::format("{}.addresses[{}]", path, k);
                if (own.address == other.address)
                    tell(here,
                         fmt::format("address {} is interface {}'s already", own.address.text(), a.name),
                         "each address once");
                else if (own.subnet.contains(other.subnet) || other.subnet.contains(own.subnet))
                    tell(here,
                         fmt::format("subnet {} overlaps {} of interface {}", own.subnet.text(),
                                     other.subnet.text(), a.name),
                         "subnets that do not overlap");
            }
    }

    void addresses(std::size_t i) {
        const auto& list = config_.interfaces[i].addresses;
        for (std::size_t k = 0; k < list.size(); ++k) {
            const std::string path = fmt::format("interfaces[{}].addresses[{}]", i, k);
            const Address& address = list[k].address;
            if (address.is_unspecified() || address.is_multicast() || address.is_loopback() ||
                address.is_link_local() || address.is_limited_broadcast())
                tell(path, fmt::format("{} is no unicast address of a subnet", address.text()),
                     "a unicast address that is neither loopback nor link-local");
            else if (address.is_ipv4() && list[k].subnet.length() <= 30 &&
                     (address == list[k].subnet.address() || address == list[k].subnet.last()))
                tell(path,
                     fmt::format("{} is the network or broadcast address of {}", address.text(),
                                 list[k].subnet.text()),
                     "a host's address");
            for (std::size_t other = 0; other < k; ++other)
                if (list[other].address == address && list[other].subnet != list[k].subnet)
                    tell(path, fmt::format("address {} is given twice", address.text()), "each address once");
        }
    }

    void next_hop(const std::string& path, const StaticRoute& route) {
        if (route.via.family() != route.prefix.family()) {
            tell(path + ".via",
                 fmt::format("next hop {} is of another family than {}", route.via.text(),
                             route.prefix.text()),
                 route.prefix.family() == Family::ipv4 ? "an IPv4 address" : "an IPv6 address");
            return;
        }
        bool found = false;
        for (const Interface& interface : config_.interfaces)
            for (const InterfaceAddress& own : interface.addresses) {
                if (own.address == route.via) {
                    tell(path + ".via",
                         fmt::format("next hop {} is our own address ({})", route.via.text(), interface.name),
                         "a neighbour's address");
                    return;
                }
                found |= own.subnet.contains(route.via);
            }
        if (!found && places_.clean("interfaces"))
            tell(path + ".via", fmt::format("next hop {} is in no subnet of an interface", route.via.text()),
                 "an address in one of: " + subnets(route.via.family()));
    }

    std::string subnets(Family family) const {
        std::string text;
        for (const Interface& interface : config_.interfaces)
            for (const InterfaceAddress& own : interface.addresses)
                if (own.subnet.family() == family) text += (text.empty() ? "" : ", ") + own.subnet.text();
        return text.empty() ? "(no interface has such an address)" : text;
    }

    static bool is_opportunistic(ClassKind kind) {
        return kind == ClassKind::oe_permissive || kind == ClassKind::oe_paranoid ||
               kind == ClassKind::oe_accept_only;
    }
    bool keys_anything() const {
        bool any = is_opportunistic(config_.default_class);
        for (const Class& c : config_.classes) any |= is_opportunistic(c.kind);
        return any;
    }
    std::string class_place() const {
        for (std::size_t i = 0; i < config_.classes.size(); ++i)
            if (is_opportunistic(config_.classes[i].kind)) return fmt::format("classes[{}].class", i);
        return is_opportunistic(config_.default_class) ? "default-class" : "peers";
    }

    void private_key() {
        const std::string& name = config_.ike.private_key;
        struct stat status {};
        if (stat(name.c_str(), &status) != 0)
            tell("ike.private-key", fmt::format("{}: {}", name, std::strerror(errno)),
                 "a readable PEM file made by \"oegate key generate\"");
        else if (!S_ISREG(status.st_mode))
            tell("ike.private-key", fmt::format("{} is not a file", name),
                 "a readable PEM file made by \"oegate key generate\"");
        else if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
            tell("ike.private-key",
                 fmt::format("{} has mode {:04o}: others may use it", name, status.st_mode & 07777),
                 "mode 0600 (chmod 600)");
    }

    void identities() {
        std::vector<Address> outside;
        for (const Interface& interface : config_.interfaces)
            if (interface.role == InterfaceRole::outside)
                for (const InterfaceAddress& own : interface.addresses) outside.push_back(own.address);
        for (std::size_t i = 0; i < config_.ike.identities.size(); ++i)
            if (places_.clean("interfaces") &&
                std::find(outside.begin(), outside.end(), config_.ike.identities[i]) == outside.end())
                tell(fmt::format("ike.identities[{}]", i),
                     fmt::format("identity {} is no address of an outside interface",
                                 config_.ike.identities[i].text()),
                     "one of our outside addresses");
    }

    const Config& config_;
    const Places& places_;
    const std::string& file_;
    std::vector<Problem>& problems_;
};

}  // namespace

Place Places::at(std::string path) const {
    for (;;) {
        if (const auto found = places_.find(path); found != places_.end()) return found->second;
        const std::size_t cut = path.find_last_of(".[");
        if (cut == std::string::npos) return {1, 1};
        path.resize(cut);
    }
}

bool Places::clean(const std::string& path) const {
    const auto first = refused_.lower_bound(path);
    return first == refused_.end() || !first->starts_with(path);
}

void check(const Config& config, const Places& places, const std::string& file, bool check_files,
           std::vector<Problem>& problems) {
    Check checks(config, places, file, problems);
    checks.interfaces();
    checks.routes();
    checks.classes();
    checks.peers();
    checks.publication();
    checks.opportunistic(check_files);
    checks.dataplane();
    checks.timers();
}

}  // namespace oegate::config
