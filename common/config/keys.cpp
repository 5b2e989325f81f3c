#include "config/keys.hpp"

namespace oegate::config {
namespace {

// A field by its path in Config; `i` is the item of the enclosing list.
#define FIELD(path) [](auto& c, [[maybe_unused]] std::size_t i) -> auto& { return c.path; }

constexpr auto kMost = std::numeric_limits<std::int64_t>::max();

constexpr Accept number(std::int64_t low, std::int64_t high) {
    return {.low = low, .high = high};
}
constexpr Accept duration(Duration low, Duration high) {
    return {.low = low.count(), .high = high.count()};
}
constexpr Accept text(Accept::Form form, std::int64_t high) {
    return {.form = form, .low = 1, .high = high};
}
constexpr Accept required(Accept accept) {
    accept.required = true;
    return accept;
}
constexpr Accept may_be_empty(Accept accept) {
    accept.min_items = 0;
    return accept;
}

template <class T>
std::string type_words(const Accept& accept) {
    if constexpr (IsList<T>::value) return "list of " + type_words<typename T::value_type>(accept);
    if constexpr (std::is_same_v<T, bool>) return "true or false";
    if constexpr (std::is_enum_v<T>) return "word";
    if constexpr (std::is_integral_v<T>) return accept.form == Accept::Form::size ? "size" : "number";
    if constexpr (std::is_same_v<T, Duration>) return "duration";
    if constexpr (std::is_same_v<T, std::string>)
        return accept.form == Accept::Form::path ? "file name" : "text";
    if constexpr (std::is_same_v<T, Address>) return "address";
    if constexpr (std::is_same_v<T, Prefix>) return "prefix";
    if constexpr (std::is_same_v<T, InterfaceAddress>) return "address/length";
    return "";
}

template <class Field>
Key value(std::string path, Accept accept, Field, std::string help, std::string source = "",
          std::string default_words = "") {
    using T = std::remove_cvref_t<decltype(Field{}(std::declval<Config&>(), 0))>;
    Key key;
    key.path = std::move(path);
    key.kind = IsList<T>::value ? Key::Kind::values : Key::Kind::value;
    key.accept = accept;
    key.type = type_words<T>(accept);
    key.expected = expect<T>(accept);
    key.help = std::move(help);
    key.source = std::move(source);
    key.default_words = std::move(default_words);
    key.read = [](const Node& node, const Accept& a, Config& config, std::size_t index) {
        return read(node, a, Field{}(config, index));
    };
    key.show = [](const Config& config, std::size_t index, const Accept& a) {
        return show_value(Field{}(config, index), a);
    };
    if constexpr (IsList<T>::value)
        key.clear = [](Config& config, std::size_t index) { Field{}(config, index).clear(); };
    return key;
}

Key section(std::string path, std::string help) {
    Key key;
    key.path = std::move(path);
    key.kind = Key::Kind::section;
    key.type = "mapping";
    key.expected = "a mapping of keys to values";
    key.help = std::move(help);
    return key;
}

template <class Field>
Key sections(std::string path, bool is_required, Field, std::string help) {
    Key key = section(std::move(path), std::move(help));
    key.kind = Key::Kind::sections;
    key.accept.required = is_required;
    key.type = "list of mappings";
    key.expected = "a list of mappings (\"- key: value\")";
    key.count = [](const Config& config) { return Field{}(config, 0).size(); };
    key.add = [](Config& config) { Field{}(config, 0).emplace_back(); };
    return key;
}

using Form = Accept::Form;

std::vector<Key> make_keys() {
    return {
        value("name", text(Form::name, 64), FIELD(name), "Name of this gateway in logs and `show status`."),

        sections(
            "interfaces", true, FIELD(interfaces),
            "The interfaces that carry traffic. The management interface stays with the kernel and is not "
            "listed."),
        value("interfaces[].name", required(text(Form::name, 32)), FIELD(interfaces[i].name),
              "Its name in every `show`; unique."),
        value("interfaces[].role", required({}), FIELD(interfaces[i].role),
              "`inside`: towards the hosts that this gateway speaks for. `outside`: towards the Internet; "
              "what is "
              "routed out of it meets the classes."),
        value("interfaces[].device", required(text(Form::plain, 256)), FIELD(interfaces[i].device),
              "PCI address of a device bound to DPDK (`0000:01:00.0`), or a DPDK virtual device with its "
              "arguments "
              "(`net_af_packet0,iface=eth1`)."),
        value("interfaces[].vlan", {.low = 1, .high = 4094, .zero_too = true}, FIELD(interfaces[i].vlan),
              "802.1Q VLAN of this interface; 0: untagged. Interfaces that share a device need different "
              "VLANs.",
              "IEEE 802.1Q §9.6"),
        value("interfaces[].mtu", number(1280, 9000), FIELD(interfaces[i].mtu),
              "Longest IP datagram, in bytes.", "RFC 8200 §5"),
        value("interfaces[].addresses", required({}), FIELD(interfaces[i].addresses),
              "Own addresses, each with the prefix length of its subnet."),
        value(
            "interfaces[].source-check", {}, FIELD(interfaces[i].source_check),
            "Sources that are refused here. `strict`: the way back must lead out of this interface. `loose`: "
            "there must be a way back. `automatic`: strict inside, loose outside. From outside, a source "
            "that is routed inside is refused in any case but `off`.",
            "RFC 3704 §2.2, §2.4"),
        value("interfaces[].directed-broadcast", {}, FIELD(interfaces[i].directed_broadcast),
              "Forward datagrams to the broadcast address of this (inside) interface's subnet.", "RFC 2644"),
        value("interfaces[].ip-options", {}, FIELD(interfaces[i].ip_options),
              "Forward datagrams with IPv4 options that came in here.", "RFC 7126"),
        value("interfaces[].source-route", {}, FIELD(interfaces[i].source_route),
              "Also those with a source route (they are forwarded, never rewritten). Needs `ip-options`.",
              "RFC 1812 §5.3.13.4, RFC 7126 §4.3"),
        value("interfaces[].mss-clamp", {}, FIELD(interfaces[i].mss_clamp),
              "Lower the MSS of TCP SYNs between this interface and a tunnel to what fits the tunnel.",
              "RFC 4459 §3.2"),

        sections("routes", false, FIELD(routes),
                 "Static routes. The subnets of the interfaces are routed without being listed."),
        value("routes[].prefix", required({}), FIELD(routes[i].prefix),
              "Destinations; `0.0.0.0/0` and `::/0` for all."),
        value("routes[].via", required({}), FIELD(routes[i].via),
              "Next hop, an address in a subnet of an interface and of the prefix's family."),

        sections(
            "classes", false, FIELD(classes),
            "What happens to datagrams that leave by an outside interface. The longest prefix that holds the "
            "destination decides, and among classes of that prefix the longest that holds the source; two "
            "that tie are refused."),
        value("classes[].class", required({}), FIELD(classes[i].kind),
              "`deny`: dropped. `always-clear-text`: forwarded, never encrypted. `oe-permissive`: encrypted "
              "when DNS "
              "names a gateway and it answers, else in the clear. `oe-paranoid`: encrypted or dropped. "
              "`oe-accept-only`: in the clear unless the peer keys. `configured`: encrypted with the gateway "
              "that `peer` names, or dropped.",
              "OE draft §3.2"),
        value("classes[].destinations", required({}), FIELD(classes[i].destinations),
              "Prefixes of this class."),
        value("classes[].sources", may_be_empty({}), FIELD(classes[i].sources),
              "Only datagrams from these prefixes; none: from anywhere.", "OE draft §3.2"),
        value("classes[].require-secure", {}, FIELD(classes[i].require_secure),
              "Key only on what DNSSEC secures; anything else counts as no record. Opportunistic classes.",
              "OE draft §3.2.4.1"),
        value("classes[].peer", text(Form::name, 64), FIELD(classes[i].peer),
              "Class `configured`: the name of the peer that protects these destinations.", "OE draft §12.1",
              "none"),
        value("default-class", {}, FIELD(default_class), "Class of destinations that no prefix above holds.",
              "OE draft §3.2"),

        sections("peers", false, FIELD(peers),
                 "Gateways that are known without DNS: the other ends of configured tunnels. Each source and "
                 "destination has an SA pair of its own. What a peer says it is, is looked for here before "
                 "anything opportunistic."),
        value("peers[].name", required(text(Form::name, 64)), FIELD(peers[i].name),
              "Unique; named by `classes[].peer`."),
        value("peers[].gateway", required({}), FIELD(peers[i].gateway), "Its outside address."),
        value("peers[].identity", text(Form::plain, 253), FIELD(peers[i].identity),
              "What it authenticates as: an address, or a DNS name.", "RFC 7296 §3.5", "its gateway address"),
        value("peers[].keys", required(text(Form::plain, 4096)), FIELD(peers[i].keys),
              "Its public RSA keys in base64, as the last field of an IPSECKEY record has them; any of them "
              "authenticates it.",
              "RFC 3110 §2"),

        section("dataplane", "Workers, memory and packet handling."),
        value("dataplane.lcores", number(0, 127), FIELD(dataplane.lcores),
              "CPU cores of the workers, one worker each; at most 16."),
        value("dataplane.control-lcore", number(0, 127), FIELD(dataplane.control_lcore),
              "CPU core of the control thread; not one of the workers'."),
        value("dataplane.idle", {}, FIELD(dataplane.idle),
              "`busy`: workers poll for ever, lowest latency. `adaptive`: a worker without packets sleeps "
              "some 50 µs at "
              "a time, for machines with few cores. `interrupt`: it sleeps until a port has something; ports "
              "whose driver cannot say so are polled as in `adaptive`."),
        value("dataplane.huge-pages", {}, FIELD(dataplane.huge_pages),
              "`automatic`: as many as the sizes below need. `none`: ordinary memory, for tests and small "
              "machines."),
        value("dataplane.flows-per-worker", number(1024, 4194304), FIELD(dataplane.flows_per_worker),
              "Entries of the flow cache (source/destination pairs) per worker."),
        value("dataplane.sas-per-worker", number(64, 1048576), FIELD(dataplane.sas_per_worker),
              "Security associations per worker and direction."),
        value("dataplane.held-per-worker", number(2, 1048576), FIELD(dataplane.held_per_worker),
              "Datagrams in hold, per worker; a pair holds its first and its last.", "OE draft §3.1.1"),
        value(
            "dataplane.held-per-source", number(2, 1048576), FIELD(dataplane.held_per_source),
            "Datagrams in hold from one source address, per worker: a host that scans spends its own share."),
        value("dataplane.neighbours", number(16, 1048576), FIELD(dataplane.neighbours),
              "Entries of the neighbour table (ARP and ND)."),
        value("dataplane.waiting-per-neighbour", number(1, 1024), FIELD(dataplane.waiting_per_neighbour),
              "Datagrams that wait for one unresolved next hop, per worker.",
              "RFC 1122 §2.3.2.2, RFC 4861 §7.2.2"),
        value("dataplane.waiting-total", number(1, 1048576), FIELD(dataplane.waiting_total),
              "Datagrams that wait for next hops, per worker."),
        value("dataplane.routes", number(64, 4194304), FIELD(dataplane.routes),
              "Size of the forwarding table."),
        value("dataplane.descriptors", {.low = 64, .high = 4096, .multiple_of = 32},
              FIELD(dataplane.descriptors), "Receive and transmit descriptors per queue."),
        value("dataplane.replay-window", {.low = 32, .high = 32768, .multiple_of = 32, .zero_too = true},
              FIELD(dataplane.replay_window), "Anti-replay window of inbound SAs, in packets; 0: no check.",
              "RFC 4303 §3.4.3"),
        value("dataplane.df", {}, FIELD(dataplane.df),
              "DF of the outer IPv4 header: `copy` the inner one's, `set` or `clear` it.", "RFC 4301 §8.1"),
        value("dataplane.copy-dscp", {}, FIELD(dataplane.copy_dscp),
              "Copy the DSCP to the outer header, where everybody can read it.", "RFC 4301 §5.1.2.1"),
        value("dataplane.dscp", number(0, 63), FIELD(dataplane.dscp),
              "DSCP of the outer header when it is not copied.", "RFC 2474"),
        value("dataplane.copy-ecn", {}, FIELD(dataplane.copy_ecn),
              "Copy ECN to the outer header and back; false: the outer header says Not-ECT.",
              "RFC 6040 §4.1"),
        value("dataplane.path-mtu-icmp", {}, FIELD(dataplane.path_mtu_icmp),
              "Believe ICMP too-big from outside when it quotes an SA of ours and its MTU is plausible.",
              "RFC 4301 §8.2.1"),
        value("dataplane.path-mtu-age", duration(1min, 24h), FIELD(dataplane.path_mtu_age),
              "After so long the interface's MTU is tried again.", "RFC 1191 §6.3, RFC 8201 §4"),
        value("dataplane.reassemblies", number(0, 65536), FIELD(dataplane.reassemblies),
              "Fragmented ESP and IKE datagrams to this gateway in reassembly, per worker; 0: none."),
        value("dataplane.reassembly-timeout", duration(1s, 120s), FIELD(dataplane.reassembly_timeout),
              "How long their fragments wait for the rest.", "RFC 1122 §3.3.2, RFC 8200 §4.5"),
        value("dataplane.stall-after", duration(100ms, 60s), FIELD(dataplane.stall_after),
              "A worker that makes no turn for so long is reported."),
        value("dataplane.icmp-per-second", number(0, 1000000), FIELD(dataplane.icmp_per_second),
              "ICMP errors sent, per worker.", "RFC 1812 §4.3.2.8, RFC 4443 §2.4 (f)"),
        value("dataplane.icmp-on-deny", {}, FIELD(dataplane.icmp_on_deny),
              "Answer a denied datagram by ICMP 3/13 or ICMPv6 1/1.", "OE draft §3.1.4"),
        value("dataplane.clear-grace", duration(0s, 300s), FIELD(dataplane.clear_grace),
              "How long clear text from the peer is accepted after its pair is encrypted, where its class "
              "permits clear text."),

        section("dns", "The validating resolvers that are asked for IPSECKEY, TXT and KEY records."),
        sections("dns.resolvers", false, FIELD(dns.resolvers),
                 "Asked in this order. Needed as soon as a class is oe-permissive, oe-paranoid or "
                 "oe-accept-only."),
        value("dns.resolvers[].address", required({}), FIELD(dns.resolvers[i].address),
              "Address of the resolver, reached through the kernel (management or loopback)."),
        value("dns.resolvers[].port", number(1, 65535), FIELD(dns.resolvers[i].port), "UDP and TCP port.",
              "RFC 1035 §4.2"),
        value("dns.resolvers[].trusted-path", {}, FIELD(dns.resolvers[i].trusted_path),
              "Nobody can alter answers on the way from this resolver (it runs on this machine, or behind a "
              "secure "
              "channel). Only then does its AD bit count; otherwise every answer counts as unsigned.",
              "RFC 4035 §4.9.3"),
        value(
            "dns.validation", {}, FIELD(dns.validation),
            "Who judges DNSSEC signatures. `resolver`: the AD bit of a resolver with `trusted-path`. `own`: "
            "this gateway, from `trust-anchors`; then no resolver needs to be trusted.",
            "RFC 4035 §4.9.3, §5"),
        value("dns.trust-anchors", text(Form::path, 4096), FIELD(dns.trust_anchors),
              "File with DS or DNSKEY records in their text form. Read with `validation: own`; Debian's "
              "dns-root-data has the root's.",
              "RFC 4035 §5"),
        value("dns.unsigned-records", {}, FIELD(dns.unsigned_records),
              "What counts although DNSSEC does not secure it. `self-only`: a record that names the very "
              "address it stands at. `refuse`: nothing. `any`: every TXT delegation (never IPSECKEY): who "
              "can forge DNS can then choose the gateway; `show status` alarms.",
              "OE draft §3.2.4.1, RFC 4025 §4.1.2"),
        value("dns.timeout", duration(500ms, 60s), FIELD(dns.timeout),
              "End of a lookup with all its queries.",
              "ours: as long as a resolver library waits for one server (resolv.conf(5))"),
        value("dns.retransmit", duration(50ms, 30s), FIELD(dns.retransmit),
              "Until the next resolver is asked, or the same again.", "RFC 1035 §4.2.1"),
        value("dns.max-queries", number(1, 32768), FIELD(dns.max_queries), "Queries in flight.",
              "ours: sockets of their own, within the usual 1,024 files of a process"),
        value("dns.max-waiting", number(1, 1048576), FIELD(dns.max_waiting),
              "Lookups that wait for a place among them.",
              "ours: eight times `max-queries`; at 200 ms an answer all are asked within `timeout`"),
        value("dns.per-source", number(1, 65536), FIELD(dns.per_source),
              "Lookups on behalf of one host or peer, running and waiting: a scanner spends its own share.",
              "ours: eight such hosts fill `max-queries`"),
        value("dns.cache-entries", number(16, 4194304), FIELD(dns.cache_entries), "Answers that are kept.",
              "ours: one for each of `limits.connections`"),
        value("dns.longest-ttl", duration(1min, 7 * 24h), FIELD(dns.longest_ttl),
              "No answer is kept longer, whatever its TTL.", "RFC 8767 §4"),

        section("ike", "Key exchange (IKEv2, RFC 7296)."),
        value("ike.private-key", text(Form::path, 4096), FIELD(ike.private_key),
              "PEM file with this gateway's RSA key, readable by nobody else (`oegate key generate`). Needed "
              "as soon as "
              "a class is oe-permissive, oe-paranoid or oe-accept-only.",
              "", "none"),
        value("ike.identities", may_be_empty({}), FIELD(ike.identities),
              "Addresses that this gateway authenticates as; each is one of its outside addresses.",
              "OE draft §4.3", "each outside address"),
        value("ike.name", {.form = Form::name, .low = 0, .high = 253}, FIELD(ike.name),
              "DNS name that this gateway authenticates as when it initiates, where the reverse map of its "
              "address is out of reach; peers find its key there. Empty: its address.",
              "OE draft §4.3, §5.3"),
        value("ike.groups", {}, FIELD(ike.groups), "Diffie-Hellman groups, in order of preference.",
              "RFC 8247 §2.4"),
        value("ike.suites", {}, FIELD(ike.suites), "ESP encryption, in order of preference.", "RFC 8221 §5"),
        value(
            "ike.pfs", {}, FIELD(ike.pfs),
            "Forward secrecy. `usual`: the first SA pair of a new IKE SA uses its Diffie-Hellman exchange, "
            "every further pair makes its own. `strict`: the first too, one round trip later; peers without "
            "RFC 6023 are served as usual.",
            "RFC 7296 §1.3.1, RFC 6023"),
        value("ike.esn", {}, FIELD(ike.esn), "Offer 64-bit ESP sequence numbers; 32-bit ones are accepted.",
              "RFC 7296 §3.3.2, RFC 4303 §2.2.1"),
        value("ike.nat-keepalive", duration(5s, 5min), FIELD(ike.nat_keepalive),
              "Behind a NAT, an idle tunnel in UDP sends a keepalive so often.", "RFC 3948 §4"),
        value("ike.ike-lifetime", duration(10s, 7 * 24h), FIELD(ike.ike_lifetime),
              "An IKE SA is replaced before it is this old.", "RFC 7296 §2.8"),
        value("ike.child-lifetime", duration(10s, 7 * 24h), FIELD(ike.child_lifetime),
              "An SA pair is replaced before it is this old.", "RFC 7296 §2.8"),
        value("ike.child-bytes", {.form = Form::size, .low = 1 << 20, .high = kMost, .zero_too = true},
              FIELD(ike.child_bytes), "An SA pair is replaced before it carried this much.",
              "RFC 4301 §4.4.2.1", "0, no limit"),
        value("ike.child-packets", {.low = 1000, .high = kMost, .zero_too = true}, FIELD(ike.child_packets),
              "An SA pair is replaced before it carried so many packets; the sequence number's own limit "
              "always holds.",
              "RFC 4303 §3.3.3", "0, no limit"),
        value("ike.max-exchanges", number(1, 65536), FIELD(ike.max_exchanges),
              "Exchanges in flight that this gateway started.",
              "ours: a quarter of `limits.pending-total`, which shares channels"),
        value("ike.half-open-total", number(1, 65536), FIELD(ike.half_open_total),
              "Half-open IKE SAs beyond which cookies are demanded.", "RFC 7296 §2.6"),
        value("ike.half-open-per-source", number(1, 65536), FIELD(ike.half_open_per_source),
              "The same per IPv4 address or IPv6 /64.", "RFC 8019 §4.3"),

        section("timers", "Lifespans and waits of the connection machine."),
        value("timers.gateway", duration(1s, 5min), FIELD(timers.gateway),
              "A gateway that did not answer for so long is given up for the next.",
              "OE draft §3.2.5 asks for a tunable one far below five minutes; ours: the fourth "
              "retransmission is sent and heard"),
        value("timers.hold", duration(1s, 5min), FIELD(timers.hold),
              "A pair is held at most so long; then it falls back as its class says.",
              "ours: three silent gateways, and about what a TCP connection is waited for"),
        value("timers.late-exchange", duration(1s, 10min), FIELD(timers.late_exchange),
              "An exchange may still succeed so long after the hold ended.",
              "ours: twice `hold`, for a peer whose own DNS is slow"),
        value("timers.short-failure", duration(1s, 24h), FIELD(timers.short_failure),
              "Lifespan of a fallback after silence.",
              "OE draft §3.2.5 asks for a low one; ours: a gateway restarts meanwhile"),
        value("timers.normal-failure", duration(1s, 7 * 24h), FIELD(timers.normal_failure),
              "Lifespan of a fallback after a definite answer, capped by the record's TTL.",
              "OE draft §3.2.5 names it; ours: nothing but the TTL says when a peer changes its mind"),
        value("timers.dns-failure", duration(1s, 300s), FIELD(timers.dns_failure),
              "Lifespan of a fallback after DNS failed.", "RFC 9520 §3.2: at most five minutes"),
        value("timers.half-open", duration(1s, 5min), FIELD(timers.half_open),
              "A half-open IKE SA of a peer is forgotten after this.",
              "RFC 7296 §2.4 leaves it open; ours: as `hold`"),
        value("timers.look-again-first", duration(1s, 1h), FIELD(timers.look_again_first),
              "First look whether a connection is still used.", "OE draft §3.4.1"),
        value("timers.look-again", duration(1s, 24h), FIELD(timers.look_again), "Every later look.",
              "OE draft §3.4.1"),
        value("timers.used-within", duration(1s, 1h), FIELD(timers.used_within),
              "A connection that carried something within this time is used.", "OE draft §3.4.1"),
        value("timers.liveness", duration(1s, 1h), FIELD(timers.liveness),
              "Least time between two liveness checks of a peer.",
              "RFC 7296 §2.4 leaves it open; ours: forged hints cost a peer one message a minute"),
        value("timers.requery", duration(1s, 1h), FIELD(timers.requery),
              "Wait after a failed re-query of DNS; what is not encrypted waits at most `dns-failure`.",
              "ours: one question a minute for each pair whose resolver fails"),
        value("timers.old-inbound", duration(1s, 10min), FIELD(timers.old_inbound),
              "A replaced inbound SA stays so long.",
              "RFC 7296 §2.8 leaves it open; ours: what is under way has arrived"),
        value("timers.idle-channel", duration(10s, 24h), FIELD(timers.idle_channel),
              "An IKE SA without SA pairs is deleted after this.",
              "OE draft §3.2.8 leaves it open; ours: the next pair behind the gateway saves an exchange"),
        value("timers.retransmit", duration(50ms, 10s), FIELD(timers.retransmit),
              "First retransmission of an IKE request; each further wait doubles.",
              "RFC 7296 §2.4 leaves it open; ours: more than a round trip and the work of the peer"),

        value("timers.move-outbound", duration(100ms, 1min), FIELD(timers.move_outbound),
              "A responder sends through a new SA pair then at the latest, or when it received something.",
              "RFC 7296 §2.8 leaves it open; ours: the initiator has installed its SA by then"),
        value("timers.ask-use", duration(100ms, 1min), FIELD(timers.ask_use),
              "A worker that did not say whether a connection is used is asked again.",
              "ours: a worker answers within milliseconds"),
        value("timers.closing", duration(100ms, 1min), FIELD(timers.closing),
              "A closing connection waits so long for its final counts.",
              "ours: two questions to a worker, and a bit"),
        value("timers.least-failure", duration(1s, 5min), FIELD(timers.least_failure),
              "Shortest lifespan of a fallback, whatever the TTL.", "RFC 9520 §3.2 begins with five seconds"),

        section("limits", "Bounds of the control plane; what they cut off is counted."),
        value("limits.connections", number(16, 4194304), FIELD(limits.connections), "Connection instances.",
              "ours: some 430 MB when all are keyed (6.6 kB each)"),
        value("limits.pending-total", number(1, 1048576), FIELD(limits.pending_total),
              "Connections that are being keyed.",
              "ours: all answer or fail within `timers.hold`, at 136 new pairs a second"),
        value("limits.pending-per-source", number(1, 1048576), FIELD(limits.pending_per_source),
              "The same per source address: a scanner uses up its own budget.",
              "ours: a browser opens fewer; sixteen such hosts fill `pending-total`"),
        value("limits.ike-sas", number(16, 1048576), FIELD(limits.ike_sas), "Keying channels (IKE SAs).",
              "ours: one for each of `connections`, some 850 MB (13 kB each with a pair)"),
        value("limits.ike-sas-per-peer", number(2, 4096), FIELD(limits.ike_sas_per_peer),
              "Keying channels with one identity; the oldest without SA pairs gives way.",
              "ours: crossed, rekeyed and lost ones of one gateway are fewer"),
        value("limits.ike-sas-per-source", number(2, 1048576), FIELD(limits.ike_sas_per_source),
              "Keying channels that peers opened, per IPv4 address or IPv6 /64.",
              "ours: as many gateways may share one address behind a translator"),
        value("limits.children-per-source", number(1, 4194304), FIELD(limits.children_per_source),
              "SA pairs that peers made, per IPv4 address or IPv6 /64.",
              "ours: twice the pairs of one channel"),
        value("limits.peer-lookups", number(1, 65536), FIELD(limits.peer_lookups),
              "Peers that want to talk and whose keys or delegations are being asked for.",
              "ours: twice `dns.max-queries`, so that some wait while others are asked"),
        value("limits.peer-lookups-per-source", number(1, 65536), FIELD(limits.peer_lookups_per_source),
              "The same per IPv4 address or IPv6 /64.", "ours: 32 such sources fill `peer-lookups`"),
        value("limits.verifications", number(1, 65536), FIELD(limits.verifications),
              "Signatures of peers that wait to be verified.",
              "ours: a fraction of a second of one core, whatever the keys"),
        value("limits.verifications-per-source", number(1, 65536), FIELD(limits.verifications_per_source),
              "The same per IPv4 address or IPv6 /64.", "ours: 64 such sources fill `verifications`"),

        section("sticky", "Destinations that were encrypted do not fall back to clear text for a while."),
        value("sticky.enabled", {}, FIELD(sticky.enabled),
              "A destination of an oe-permissive class that was keyed with a secure DNSSEC verdict is "
              "encrypted "
              "or dropped. Only a secure denial of existence or `oegate sticky clear` releases it.",
              "ours: off, since oe-permissive promises clear text where DNS fails"),
        value("sticky.after", number(1, 1000), FIELD(sticky.after), "After it was keyed so often.",
              "ours: once may have been chance"),
        value("sticky.lasts", duration(1min, 365 * 24h), FIELD(sticky.lasts), "Since it was keyed last.",
              "ours: longer than a weekend without traffic"),
        value("sticky.entries", number(1, 1048576), FIELD(sticky.entries),
              "Destinations that are remembered; beyond, the one keyed longest ago is forgotten.",
              "ours: what a site talks to in a week"),

        section(
            "publication",
            "What DNS should say of this gateway; `oegate dns verify` and `oegate key rollover` look there."),
        value("publication.hosts", may_be_empty({}), FIELD(publication.hosts),
              "Hosts whose reverse names delegate to this gateway, as prefixes of at most 256 addresses."),
        value("publication.names", may_be_empty(text(Form::name, 253)), FIELD(publication.names),
              "DNS names that carry this gateway's key.", "OE draft §5.3"),

        section("management", "How operators reach the daemon, and what it leaves behind."),
        value("management.socket", text(Form::path, 107), FIELD(management.socket),
              "Unix socket of the `oegate` command.", "unix(7): at most 107 bytes"),
        value("management.capture-directory", text(Form::path, 4096), FIELD(management.capture_directory),
              "Where `oegate capture` writes its pcapng files."),
        value("management.state-directory", text(Form::path, 4096), FIELD(management.state_directory),
              "What survives a restart."),
        value("management.viewer-group", text(Form::name, 32), FIELD(management.viewer_group),
              "Group whose members may use `show` and `explain`. Everything else is for root and the user "
              "that oegated runs as."),
        value("management.log-level", {}, FIELD(management.log_level),
              "Least level of the lines on standard error."),
    };
}

}  // namespace

std::string Key::parent() const {
    const std::size_t dot = path.rfind('.');
    return dot == std::string::npos ? "" : path.substr(0, dot);
}

const std::vector<Key>& keys() {
    static const std::vector<Key> kKeys = make_keys();
    return kKeys;
}

const Key* find_key(const std::string& path) {
    for (const Key& key : keys())
        if (key.path == path) return &key;
    return nullptr;
}

std::vector<const Key*> keys_below(const std::string& parent) {
    std::vector<const Key*> below;
    for (const Key& key : keys())
        if (key.parent() == parent) below.push_back(&key);
    return below;
}

}  // namespace oegate::config
