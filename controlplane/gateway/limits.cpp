// `show limits`, the control plane's part: every bound of the configuration and of the
// program with what is there now, how often it was hit, and what becomes of one more.
// Where a bound is each source's own, use is that of the source that has most. The data
// plane's are the daemon's (daemon/limits.cpp).
#include <algorithm>

#include "gateway/compose.hpp"

namespace oegate::gateway {

std::vector<LimitView> Gateway::limits() const {
    const Impl& m = *impl_;
    const config::Config& c = m.config;
    const keying::Counters k = m.keying.counters();
    const discovery::Counters& d = m.discovery.counters();
    const discovery::Load asked = m.discovery.load();
    const ike::Counters& e = m.engine.counters();
    const ike::Load load = m.engine.load();
    const auto rows = [&](keying::Story s) { return k.stories[static_cast<std::size_t>(s)]; };
    const std::uint64_t pending_hits = rows(keying::Story::n_limit) + rows(keying::Story::f_defer);
    const std::uint64_t offer_hits = rows(keying::Story::r_budget);
    const std::uint64_t channel_hits = e.channels_ousted + e.channels_refused;
    return {
        {"limits.connections", k.connections, c.limits.connections, rows(keying::Story::n_full),
         "a new pair goes by its class, without keying (n.full); who has many, from three quarters on"},
        {"limits.pending-total", k.pending, c.limits.pending_total, pending_hits - k.pending_over_share,
         "a new pair goes as if keying had failed (n.limit)"},
        {"limits.pending-per-source", k.pending_most, c.limits.pending_per_source, k.pending_over_share,
         "the same, for pairs of this host"},
        {"limits.peer-lookups", k.offers, c.limits.peer_lookups, offer_hits - k.offers_over_share,
         "the peer is refused (r.budget)"},
        {"limits.peer-lookups-per-source", k.offers_most, c.limits.peer_lookups_per_source,
         k.offers_over_share, "the same, for peers of this network"},
        {"limits.ike-sas", load.channels, c.limits.ike_sas,
         channel_hits - std::min(channel_hits, e.channels_over_peer),
         "an IKE SA without tunnels gives way, or the new one is refused"},
        {"limits.ike-sas-per-peer", load.channels_most_of_peer, c.limits.ike_sas_per_peer,
         e.channels_over_peer, "the same, among those with this identity"},
        {"limits.ike-sas-per-source", load.channels_most_of_source, c.limits.ike_sas_per_source,
         e.channels_over_share, "IKE_SA_INIT of this network is dropped"},
        {"limits.children-per-source", load.children_most_of_source, c.limits.children_per_source,
         e.children_over_share, "the SA pair is refused (NO_ADDITIONAL_SAS)"},
        {"limits.verifications", load.verifications, c.limits.verifications,
         e.verifications_put_off - e.verifications_over_share, "put off until the peer asks again"},
        {"limits.verifications-per-source", load.verifications_most, c.limits.verifications_per_source,
         e.verifications_over_share, "the same, for peers of this network"},
        {"ike.half-open-total", load.half_open, c.ike.half_open_total, e.cookies_sent - e.cookies_for_share,
         "a cookie is asked for"},
        {"ike.half-open-per-source", load.half_open_most, c.ike.half_open_per_source, e.cookies_for_share,
         "the same, of peers of this network"},
        {"half-open with a cookie", load.half_open, std::max(c.ike.half_open_total, 16u) * 8u,
         e.half_open_dropped - e.half_open_over_share, "IKE_SA_INIT is dropped"},
        {"half-open with a cookie, per source", load.half_open_most, c.ike.half_open_per_source * 4u,
         e.half_open_over_share, "the same, for peers of this network"},
        {"ike.max-exchanges", load.exchanges, c.ike.max_exchanges, e.exchanges_refused,
         "the exchange fails (g.limit)"},
        {"dns.max-queries", asked.in_flight, c.dns.max_queries, d.queued, "the question waits its turn"},
        {"dns.max-waiting, in questions", asked.waiting, asked.max_waiting, d.refused,
         "the longest line loses its last question (p.dnsfail)"},
        {"dns.per-source", asked.most, c.dns.per_source, d.over_share, "the look-up fails (p.dnsfail)"},
        {"dns.cache-entries", asked.cached, c.dns.cache_entries, d.evicted, "the oldest answer gives way"},
        {"sticky.entries", k.sticky, c.sticky.entries, k.sticky_ousted,
         "the destination keyed longest ago is forgotten"},
        {"log records between two turns", m.logs.size(), kMaxLogs, m.logs_lost, "lines of log are lost"},
        {"monitor lines between two turns", m.transitions.size(), kMaxTransitions, m.transitions_lost,
         "lines of monitor are lost"},
    };
}

}  // namespace oegate::gateway
