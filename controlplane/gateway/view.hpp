// What the control plane tells an operator, as plain structs: manage/ renders them
// as JSON and text. Made by Gateway's views, which have no side effects. Times are
// ages and remainders, so that a reader needs no clock of ours.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "contract/words.hpp"
#include "net/address.hpp"

namespace oegate::gateway {

/// `show tunnels`: one host pair's SA pair. Packets and bytes are the worker's
/// (SaRecord of the snapshot ring, by spi_in and spi_out).
struct TunnelView {
    Pair pair;  // outbound orientation: source is our host
    Address local;
    Address gateway;
    std::uint32_t spi_in = 0;
    std::uint32_t spi_out = 0;
    unsigned worker = 0;
    std::string suite;
    std::string identity;
    Verdict dnssec = Verdict::indeterminate;
    bool initiator = false;  // we started the exchange that made it
    bool in_use = false;     // outbound traffic goes through it
    std::string state;       // installing, waiting (for first valid ESP), in use, old
    Duration age{};
    std::optional<Duration> rekey_in;  // none: not in use for outbound, or over
    std::optional<Duration> expires_in;
    std::uint64_t child = 0;  // handle for `tunnel delete`, `tunnel rekey`
};

/// `show ike`: one keying channel.
struct IkeView {
    std::uint64_t id = 0;
    Address local;
    std::uint16_t local_port = 0;
    Address remote;
    std::uint16_t remote_port = 0;
    std::uint64_t spi_initiator = 0;
    std::uint64_t spi_responder = 0;
    bool initiator = false;
    std::string state;
    std::string suite;
    std::string identity;
    Verdict dnssec = Verdict::indeterminate;
    Duration age{};
    unsigned num_children = 0;
};

struct RecordView {
    std::string type;  // TXT, KEY, IPSECKEY
    std::string text;
    std::string judgement;
};

/// `show dns`: an answer that is in use.
struct DnsView {
    Address owner;
    std::string outcome;  // usable, none, unusable, failed, bogus, malformed
    Verdict dnssec = Verdict::indeterminate;
    Duration left{};  // zero: stale
    std::string detail;
    std::vector<RecordView> records;
};

/// `show dns`: a configured resolver.
struct ResolverView {
    Address address;
    std::uint16_t port = 53;
    bool trusted = false;
    std::uint64_t answers = 0;
    std::uint64_t forgeries = 0;  // failed validation where another's answer did not
    bool rests = false;           // asked after the others for now
};

/// `show classes`: in the order in which they are looked up.
struct ClassView {
    std::optional<Prefix> destination;  // none: the default
    ClassKind kind = ClassKind::none;
    std::optional<Prefix> source;  // none: any
};

/// A destination that was keyed with a secure verdict (config::Sticky).
struct StickyView {
    Address destination;
    std::uint32_t times = 0;
    std::int64_t last = 0;  // seconds of the wall clock
    bool binds = false;     // keyed often enough: clear text is denied where the class would allow it
};

/// A connection instance, for `show flows` beside the workers' records, and `explain`.
struct ConnectionView {
    Pair pair;
    std::string state;  // keying's: none, potential, pending, keyed, clear-text, deny, …
    ClassKind class_kind = ClassKind::none;
    std::string reason;       // row name, as in docs/states.md
    std::string reason_help;  // one line
    std::optional<Address> gateway;
    Verdict dnssec = Verdict::indeterminate;
    Duration age{};
    std::optional<Duration> next_look_in;
};

struct StoryView {
    Duration ago{};
    std::string row;
    std::string help;
    std::string detail;
};

/// `monitor`: a row was executed, or (`row` empty) an event had none.
struct TransitionView {
    std::optional<Pair> pair;  // outbound orientation; none: a peer's offer before it names one
    std::string from, to;      // states
    std::string row, help;
    std::string detail;
    std::string advice;  // what an operator can do; empty when nothing failed
    bool security = false;
};

/// `show limits`: a bound of the configuration, or of the program.
struct LimitView {
    std::string name;                   // the configuration's key, or words
    std::optional<std::uint64_t> use;   // now; none: it bounds a rate or each of many
    std::uint64_t bound = 0;            // 0: not known here
    std::optional<std::uint64_t> hits;  // since the start; none: not counted
    std::string beyond;                 // what becomes of one too many
};

/// `explain SRC DST [proto [port]]`.
struct ExplainView {
    Pair pair;
    std::string direction;  // outbound, inbound, through, own: as seen from here
    ClassKind class_kind = ClassKind::none;
    std::optional<Prefix> class_prefix;  // none: the default decides
    std::optional<Prefix> class_source;  // none: any
    std::string state;                   // of the instance; "none" when there is none
    std::string reason;
    std::string reason_help;
    std::string advice;        // what an operator can do; empty when nothing failed
    std::string what_happens;  // one sentence: what becomes of a datagram now
    std::string next;          // one sentence: what happens next, and when
    std::optional<Duration> next_in;
    std::optional<DnsView> dns;         // none: not asked, or forgotten
    std::vector<std::string> gateways;  // the walk, a line each
    std::optional<IkeView> ike;
    std::optional<TunnelView> tunnel;
    std::vector<StoryView> story;  // oldest first
};

/// A counter with its stable name, for `show status` and monitoring.
struct CounterView {
    std::string name;
    std::uint64_t value = 0;
};

/// Control's part of `show status`.
struct StatusView {
    std::uint64_t connections = 0;
    std::uint64_t pending = 0;
    std::uint64_t keyed = 0;
    std::uint64_t clear_text = 0;  // fallbacks of oe-permissive among them
    std::uint64_t clear_fallbacks = 0;
    std::uint64_t denied = 0;
    std::uint64_t tunnels = 0;
    std::uint64_t ike_sas = 0;
    std::uint64_t sa_pairs_refused = 0;    // the SA table was full
    std::uint64_t commands_unapplied = 0;  // sent, not yet acknowledged by their worker
    std::vector<std::string> alarms;
};

}  // namespace oegate::gateway
