// `oegate explain`: the whole story of one pair, from what keying, discovery, IKE and the
// SAs know of it now. No side effects; rendering is manage/'s.
#include <algorithm>

#include "gateway/compose.hpp"
#include "net/special_use.hpp"

namespace oegate::gateway {
namespace {

std::string_view does_to_datagram(const std::string& state, FlowState policy, ClassKind kind) {
    if (policy == FlowState::encrypt || state == "keyed" || state == "expiring-keyed")
        return "is encrypted to the gateway";
    if (state == "clear-text" || state == "expiring-clear") return "is forwarded in the clear";
    if (state == "deny" || state == "expiring-deny") return "is dropped";
    if (state == "potential" || state == "pending")
        return policy == FlowState::pass   ? "is forwarded in the clear while keying goes on"
               : policy == FlowState::deny ? "is dropped while keying goes on"
                                           : "is held until keying comes to a conclusion";
    switch (kind) {
        case ClassKind::none:
        case ClassKind::deny:
        case ClassKind::configured:
            return "would be dropped";
        case ClassKind::always_clear_text:
        case ClassKind::oe_accept_only:
            return "would be forwarded in the clear";
        case ClassKind::oe_permissive:
        case ClassKind::oe_paranoid:
            return "would be held while DNS is asked who protects the destination";
    }
    return "?";
}

/// Classes are for what leaves by an outside interface.
std::string_view becomes_of(const ExplainView& v, const std::optional<keying::ConnectionStatus>& s) {
    if (v.direction == "own")
        return "is our own traffic: no class and no tunnel is asked, it goes in the clear";
    if (never_forwarded(v.pair.source)) return "is dropped: such a source is never forwarded (show drops)";
    if (never_forwarded(v.pair.destination))
        return "is dropped: such a destination is never forwarded (show drops)";
    if (v.direction == "inside") return "stays inside: no class is asked, the routes decide";
    return does_to_datagram(v.state, s ? s->policy : FlowState::none, v.class_kind);
}

std::string next_of(const keying::ConnectionStatus& s) {
    const std::string& state = s.state;
    const bool permissive = s.class_kind == ClassKind::oe_permissive;
    const std::string failure = permissive ? "clear text" : "deny";
    if (state == "potential") return "when DNS answers: keying, or " + failure;
    if (state == "pending")
        return "when a gateway answers: encrypt; when the last one has failed, or the hold timer ends: " +
               failure;
    if (state == "keyed") return "then it is closed unless it was used lately; rekeyed before it expires";
    if (state == "clear-text" || state == "deny")
        return s.class_kind == ClassKind::oe_permissive || s.class_kind == ClassKind::oe_paranoid
                   ? "then it is forgotten when unused; when its lifespan is over and it is in use, DNS is "
                     "asked again"
                   : "then it is forgotten when unused";
    if (state.starts_with("expiring")) return "the worker is asked whether the pair is in use";
    if (state == "expired") return "its last counts are awaited, then it is forgotten";
    return "";
}

}  // namespace

ExplainView Gateway::explain(const Pair& asked, Time now) const {
    const Impl& m = *impl_;
    ExplainView v;
    // What comes from outside belongs to the connection of the other direction.
    const bool inbound = !m.realm.inside(asked.source) && m.realm.inside(asked.destination);
    v.direction = m.realm.own(asked.source) || m.realm.own(asked.destination) ? "own"
                  : inbound                                                   ? "inbound"
                  : m.realm.inside(asked.destination)                         ? "inside"
                  : m.realm.inside(asked.source)                              ? "outbound"
                                                                              : "through";
    v.pair = inbound ? asked.reversed() : asked;
    const keying::ClassMatch match = m.realm.class_of(v.pair);
    v.class_kind = match.kind;
    v.class_prefix = match.prefix;
    v.class_source = match.source;
    v.state = "none";
    const auto s = m.keying.find(v.pair);
    if (s) {
        v.state = s->state;
        v.reason = s->reason_text;
        v.reason_help = reason_help(s->reason);
        v.advice = keying::advice(static_cast<keying::Story>(s->reason));
        v.next = next_of(*s);
        v.next_in = until(s->next_look, now);
        v.gateways = s->gateways;
        for (const keying::StoryLine& line : s->story) {
            const auto story = keying::story_of(line.row);
            v.story.push_back({now - line.at, line.row, std::string(keying::help(story)), line.text});
        }
    }
    v.what_happens = "A datagram of this pair " + std::string(becomes_of(v, s)) + ".";
    if (inbound && (v.state == "keyed" || v.state == "expiring-keyed"))
        v.what_happens += " In clear text from outside it is dropped.";
    if (const auto cached = m.discovery.cached(v.pair.destination, now))
        v.dns = dns_view(v.pair.destination, cached->answer, cached->left);
    else if (s && s->answer)
        v.dns = dns_view(v.pair.destination, *s->answer, Duration::zero());
    if (s && s->child)
        if (const auto child = m.sa.find(*s->child)) v.tunnel = tunnel_view(*child, now);
    const std::optional<Address> gateway = s ? s->gateway : std::nullopt;
    if (gateway)
        for (const ike::IkeSaStatus& sa : m.engine.status())
            if (sa.remote.address == *gateway) v.ike = ike_view(sa, now);
    if (!s) {
        // What became of the instance that was there, as far as it is remembered.
        for (const Impl::Recent& r : m.recent)
            if (r.what.pair == v.pair) {
                v.story.push_back({now - r.at, r.what.row, r.what.help, r.what.detail});
                if (!r.what.advice.empty()) v.advice = r.what.advice;
            }
        if (v.direction == "outbound") v.next = "nothing until a datagram arrives";
        if (v.direction == "through")
            v.next =
                "nothing: neither address is inside; from inside, source-check lets in only what has a way "
                "back";
    }
    return v;
}

}  // namespace oegate::gateway
