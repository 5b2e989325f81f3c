// What an operator sees: plain structs made from the parts' own status, without side
// effects. Rendering is manage/'s; limits and `explain` have files of their own.
#include <algorithm>

#include "gateway/compose.hpp"

namespace oegate::gateway {
namespace {

std::string_view to_text(discovery::Outcome outcome) {
    using enum discovery::Outcome;
    switch (outcome) {
        case usable:
            return "usable";
        case none:
            return "none";
        case unusable:
            return "unusable";
        case failed:
            return "failed";
        case bogus:
            return "bogus";
        case malformed:
            return "malformed";
    }
    return "?";
}

std::string_view to_text(discovery::RecordType type) {
    switch (type) {
        case discovery::RecordType::txt:
            return "TXT";
        case discovery::RecordType::key:
            return "KEY";
        case discovery::RecordType::ipseckey:
            return "IPSECKEY";
    }
    return "?";
}

}  // namespace

std::optional<Duration> until(Time at, Time now) {
    if (at == kNever) return std::nullopt;
    return std::max(at - now, Duration::zero());
}

DnsView dns_view(const Address& owner, const discovery::DelegationAnswer& answer, Duration left) {
    DnsView v{owner, std::string(to_text(answer.outcome)), answer.verdict, left, answer.detail, {}};
    for (const auto& r : answer.records)
        v.records.push_back({std::string(to_text(r.type)), r.text, r.judgement});
    return v;
}

IkeView ike_view(const ike::IkeSaStatus& s, Time now) {
    return {s.id,
            s.local.address,
            s.local.port,
            s.remote.address,
            s.remote.port,
            s.spi_initiator,
            s.spi_responder,
            s.initiator,
            s.state,
            s.suite,
            s.peer.text(),
            s.verdict,
            now - s.created,
            s.num_children};
}

TunnelView tunnel_view(const sa::ChildStatus& s, Time now) {
    TunnelView v;
    v.pair = s.pair;
    v.local = s.local;
    v.gateway = s.remote;
    v.spi_in = s.spi_in;
    v.spi_out = s.spi_out;
    v.worker = s.worker;
    v.suite = oegate::to_text(s.suite);
    v.identity = s.peer.text();
    v.dnssec = s.verdict;
    v.initiator = s.initiator;
    v.in_use = s.in_use;
    v.state = s.leaving ? "old" : s.in_use ? "in use" : s.installed ? "waiting" : "installing";
    v.age = now - s.created;
    v.rekey_in = until(s.rekey_at, now);
    v.expires_in = until(s.expires_at, now);
    v.child = s.child;
    return v;
}

std::string_view reason_text(std::uint16_t reason) {
    return keying::reason_text(reason);
}
std::string_view reason_help(std::uint16_t reason) {
    return keying::help(static_cast<keying::Story>(reason));
}

StatusView Gateway::status() const {
    const Impl& m = *impl_;
    StatusView v;
    const keying::Counters counters = m.keying.counters();
    v.connections = counters.connections;
    v.pending = counters.pending;
    v.keyed = counters.keyed;
    v.clear_text = counters.clear_text;
    v.clear_fallbacks = counters.clear_fallbacks;
    v.denied = counters.denied;
    for (const sa::ChildStatus& child : m.sa.children()) v.tunnels += child.in_use ? 1 : 0;
    v.ike_sas = m.engine.status().size();
    v.sa_pairs_refused = m.no_slot;
    v.commands_unapplied = m.outbox.unapplied();
    if (m.key_log_on) v.alarms.push_back("keys are written to a file (--insecure-key-log)");
    const auto count = [&](keying::Story s) { return counters.stories[static_cast<std::size_t>(s)]; };
    if (count(keying::Story::p_bogus) > 0)
        v.alarms.push_back("bogus DNS answers: " + std::to_string(count(keying::Story::p_bogus)));
    if (m.config.dns.unsigned_records == config::UnsignedRecords::any)
        v.alarms.push_back(
            "TXT records count though DNSSEC does not secure them (dns.unsigned-records: any)");
    if (m.no_slot > 0)
        v.alarms.push_back("SA table full: " + std::to_string(m.no_slot) + " SA pairs refused");
    if (m.realm.identities().empty()) v.alarms.push_back("no outside address: nothing can be keyed");
    return v;
}

std::vector<TunnelView> Gateway::tunnels(Time now) const {
    std::vector<TunnelView> all;
    for (const sa::ChildStatus& child : impl_->sa.children()) all.push_back(tunnel_view(child, now));
    return all;
}

std::vector<IkeView> Gateway::ike(Time now) const {
    std::vector<IkeView> all;
    for (const ike::IkeSaStatus& s : impl_->engine.status()) all.push_back(ike_view(s, now));
    return all;
}

std::vector<DnsView> Gateway::dns(Time now) const {
    std::vector<DnsView> all;
    for (const discovery::CachedAnswer& c : impl_->discovery.cached(now))
        all.push_back(dns_view(c.owner, c.answer, c.left));
    return all;
}

std::vector<ResolverView> Gateway::resolvers(Time now) const {
    std::vector<ResolverView> all;
    for (const discovery::ResolverStatus& r : impl_->discovery.resolvers(now))
        all.push_back({r.address, r.port, r.trusted, r.answers, r.forgeries, r.rests});
    return all;
}

std::vector<ConnectionView> Gateway::connections(Time now) const {
    std::vector<ConnectionView> all;
    for (const keying::ConnectionStatus& s : impl_->keying.connections())
        all.push_back({s.pair, s.state, s.class_kind, s.reason_text, std::string(reason_help(s.reason)),
                       s.gateway, s.verdict, now - s.created, until(s.next_look, now)});
    return all;
}

std::vector<ClassRule> Gateway::class_rules() const {
    std::vector<ClassRule> all;
    for (const config::Class& c : impl_->config.classes)
        for (const Prefix& p : c.destinations) {
            if (c.sources.empty()) all.push_back({p, c.kind});
            for (const Prefix& source : c.sources)
                if (source.family() == p.family()) all.push_back({p, c.kind, source});
        }
    return all;
}

std::vector<ClassView> Gateway::classes() const {
    std::vector<ClassRule> rules = class_rules();
    std::ranges::stable_sort(rules, [](const ClassRule& a, const ClassRule& b) {
        const auto source = [](const ClassRule& r) { return r.source ? 1 + r.source->length() : 0; };
        return a.destination.length() != b.destination.length()
                   ? a.destination.length() > b.destination.length()
                   : source(a) > source(b);
    });
    std::vector<ClassView> all;
    for (const ClassRule& r : rules) all.push_back({r.destination, r.kind, r.source});
    all.push_back({std::nullopt, impl_->config.default_class});
    return all;
}

void Gateway::Impl::show_transition(const keying::Transition& a, Time now) {
    TransitionView v;
    if (!(a.pair == Pair{})) v.pair = a.pair;
    v.from = a.from;
    v.to = a.to;
    v.row = a.row;
    v.help = a.row.empty() ? "no row for this event: refused" : keying::help(keying::story_of(a.row));
    v.detail = a.detail;
    v.advice = a.advice;
    v.security = a.security;
    if (is_monitored && transitions.size() < kMaxTransitions)
        transitions.push_back(v);
    else if (is_monitored)
        ++transitions_lost;
    if (recent.size() >= kMaxRecent) recent.pop_front();
    recent.push_back({now, std::move(v)});
}

std::vector<StickyView> Gateway::sticky() const {
    std::vector<StickyView> all;
    for (const keying::StickyEntry& e : impl_->keying.sticky())
        all.push_back({e.destination, e.times, e.last, e.times >= impl_->config.sticky.after});
    return all;
}

std::vector<CounterView> Gateway::counters() const {
    const Impl& m = *impl_;
    const keying::Counters k = m.keying.counters();
    const discovery::Counters& d = m.discovery.counters();
    std::vector<CounterView> all;
    for (std::size_t i = 0; i < keying::kNumStories; ++i)
        if (k.stories[i] > 0)
            all.push_back(
                {"row " + std::string(keying::to_text(static_cast<keying::Story>(i))), k.stories[i]});
    all.push_back({"keying events without a row", k.refused_events});
    all.push_back({"keying stray answers", k.stray_answers});
    all.push_back({"keying offers", k.offers});
    all.push_back({"keying sticky destinations", k.sticky});
    all.push_back({"keying transitions not logged", k.repeated});
    all.push_back({"dns lookups", d.lookups});
    all.push_back({"dns cache hits", d.cache_hits});
    all.push_back({"dns queries sent", d.sent});
    all.push_back({"dns answers", d.received});
    all.push_back({"dns answers mismatched", d.mismatched});
    all.push_back({"dns questions merged", d.merged});
    all.push_back({"dns asked again over TCP", d.tcp});
    all.push_back({"dns asked again without EDNS", d.plain});
    all.push_back({"dns asked again after SERVFAIL", d.servfail});
    all.push_back({"dns asked again before bogus", d.confirmations});
    all.push_back({"dns questions for own validation", d.chain});
    all.push_back({"dns answers bogus from one resolver only", d.forged});
    all.push_back({"dns keys of anchor zones that no anchor covers", d.unanchored});
    all.push_back({"dns lookups decided early", d.early});
    all.push_back({"dns questions refused", d.refused});
    all.push_back({"dns lookups over their source's share", d.over_share});
    all.push_back({"dns answers evicted", d.evicted});
    const discovery::Load load = m.discovery.load();
    all.push_back({"dns lookups open", load.lookups});
    all.push_back({"dns queries in flight", load.in_flight});
    all.push_back({"dns questions waiting", load.waiting});
    all.push_back({"dns sources", load.sources});
    all.push_back({"dns answers to be verified", load.to_judge});
    all.push_back({"dns answers cached", load.cached});
    const ike::Counters& e = m.engine.counters();
    all.push_back({"ike malformed messages", e.malformed});
    all.push_back({"ike unprotected errors ignored", e.unprotected});
    all.push_back({"ike integrity failures", e.bad_icv});
    all.push_back({"ike unknown SPIs", e.unknown_spi});
    all.push_back({"ike message IDs out of window", e.out_of_window});
    all.push_back({"ike requests repeated", e.repeated});
    all.push_back({"ike proposals refused", e.refused_requests});
    all.push_back({"ike cookies sent", e.cookies_sent});
    all.push_back({"ike half-open dropped", e.half_open_dropped});
    all.push_back({"ike half-open expired", e.half_open_expired});
    all.push_back({"ike verifications put off", e.verifications_put_off});
    all.push_back({"ike unknown SPIs answered", e.invalid_spi_answered});
    all.push_back({"ike unknown ESP SPIs told", e.esp_spis_told});
    all.push_back({"ike unknown ESP SPIs not told", e.esp_spis_untold});
    all.push_back({"ike SA pairs that the peer lost", e.children_lost_by_peer});
    all.push_back({"ike SPIs unknown to the peer and us", e.invalid_spi_of_none});
    all.push_back({"ike SAs that gave way", e.channels_ousted});
    all.push_back({"ike SAs refused", e.channels_refused});
    all.push_back({"ike SAs over their source's share", e.channels_over_share});
    all.push_back({"ike SA pairs over their source's share", e.children_over_share});
    all.push_back({"ike repeated answers dropped", e.lingering_dropped});
    all.push_back({"ike notices suppressed", e.notices_suppressed});
    all.push_back({"ike events without a row", e.num_refused});
    all.push_back({"selector mismatches", m.selector_mismatches});
    all.push_back({"stale worker events", m.stale_events});
    all.push_back({"sa pairs without slot", m.no_slot});
    all.push_back({"log records lost", m.logs_lost});
    all.push_back({"state records lost", m.stores_lost});
    return all;
}

}  // namespace oegate::gateway
