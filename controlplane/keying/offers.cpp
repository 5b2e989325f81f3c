// The responder (§3.3): may this stranger's key be believed, and may it speak for
// the address that it proposes? Both are questions to DNS, asked only after its
// IKE_AUTH decrypted, within a budget per /32 or /64. Of a peer in the configuration
// nothing is asked: the configuration is the answer, and its classes are all it gets.
#include "keying/machine.hpp"
#include "net/special_use.hpp"

namespace oegate::keying {
namespace {

Prefix budget_of(const Address& peer) {
    return {peer, peer.is_ipv4() ? 32u : 64u};
}

/// OE draft §5.3, §7: an end node that calls itself by a name and initiates for itself
/// needs no delegation. A translator on the way could give it anybody's address.
bool speaks_from(const ike::WantAuthorization& q) {
    return q.peer.kind == Identity::Kind::name && q.remote == q.pair.source && !q.nat;
}

}  // namespace

Offer& Keying::Impl::create_offer(const Address& peer) {
    Offer o;
    o.id = next_id++;
    o.source = budget_of(peer);
    ++offers_by_source[o.source];
    return offers.emplace(o.id, std::move(o)).first->second;
}

void Keying::Impl::erase_offer(ConnectionId id) {
    const auto it = offers.find(id);
    if (it == offers.end()) return;
    Offer& o = it->second;
    if (--offers_by_source[o.source] == 0) offers_by_source.erase(o.source);
    if (o.keys) key_offers.erase(o.keys->sa);
    if (o.authorization) source_offers.erase(o.authorization->child);
    offers.erase(it);
}

bool Keying::Impl::offer_limit_reached(const Address& peer) const {
    const auto it = offers_by_source.find(budget_of(peer));
    return offers.size() >= config.limits.peer_lookups ||
           (it != offers_by_source.end() && it->second >= config.limits.peer_lookups_per_source);
}

/// The one function that changes an offer's state.
bool Keying::Impl::step_offer(Offer& o, Event event, Facts facts, Time now) {
    const Pair pair = o.authorization ? o.authorization->pair.reversed() : Pair{};
    const Row* row = find_row(o.state, event, facts);
    if (row == nullptr) {
        refuse_event(pair, o.state, event, o.detail);
        return false;
    }
    const State from = o.state;
    if (row->to == To::waiting) o.state = State::waiting;
    if (row->to == To::answered) o.state = State::answered;
    count(*row);
    if (row->story == Story::r_budget && offers_by_source[o.source] > config.limits.peer_lookups_per_source)
        ++counts.offers_over_share;  // this one is among them
    const Address& remote = o.authorization ? o.authorization->remote : o.keys->remote;
    if (row->run != Run::nothing) say(pair, from, o.state, *row, o.detail, remote, now);
    if (Connection* c = o.authorization && row->run != Run::nothing ? of_pair(pair) : nullptr) {
        tell(*c, row->story, o.detail, now);
    }
    switch (row->run) {
        case Run::ask_peer_keys:
            actions.push_back(LookUpKeys{o.id, o.keys->peer, o.keys->remote});
            break;
        case Run::give_keys:
            actions.push_back(AnswerPeerKeys{o.keys->sa, std::move(o.found), o.verdict,
                                             realm.peer_of(o.keys->peer).has_value()});
            break;
        case Run::give_no_keys:
            actions.push_back(AnswerPeerKeys{o.keys->sa, {}, o.verdict});
            break;
        case Run::ask_source:
            actions.push_back(LookUpDelegation{o.id, o.authorization->pair.source, o.authorization->remote});
            break;
        case Run::allow:
            authorized[o.authorization->child] = {
                row->story, o.verdict, o.answer,
                o.answer ? now + std::max(o.answer->lifetime, Duration::zero()) : now, now};
            actions.push_back(AnswerAuthorization{o.authorization->child, true});
            break;
        case Run::refuse:
            actions.push_back(AnswerAuthorization{o.authorization->child, false});
            break;
        default:
            break;
    }
    if (o.state == State::answered) erase_offer(o.id);
    return true;
}

/// Children that were let in and never came to be are forgotten when room is wanted; one
/// that is still to come is not, or its verdict would be the key's alone.
bool Keying::Impl::authorized_full(Time now) {
    if (authorized.size() < config.limits.pending_total) return false;
    std::erase_if(authorized,
                  [&](const auto& a) { return now - a.second.since >= 2 * config.timers.half_open; });
    return authorized.size() >= config.limits.pending_total;
}

/// Of the pair: whatever the identity, since under a weaker verdict anybody may have claimed
/// it. Of the host's other pairs: by somebody who does not have this key.
bool Keying::Impl::held_stronger(const Pair& pair, Verdict verdict, const PublicKey& key) const {
    if (verdict == Verdict::secure) return false;
    const Address& host = pair.destination;
    for (auto it = by_far_host.lower_bound({host, 0}); it != by_far_host.end() && it->first == host; ++it) {
        const Connection& c = connections.at(it->second);
        for (const Child& child : c.children)
            if (!child.lost && !child.deleting && strength(child.info.verdict) > strength(verdict) &&
                (c.pair == pair || child.info.key != key))
                return true;
    }
    return false;
}

/// An unsigned record counts where it names the queried address itself, and any TXT
/// where the administrator said so (dns.unsigned-records); never an IPSECKEY of another
/// (RFC 4025 §4.1.2).
bool Keying::Impl::believes(const discovery::Candidate& candidate, const Address& owner,
                            Verdict chain) const {
    if (chain == Verdict::secure) return true;
    if (chain == Verdict::bogus) return false;
    if (candidate.gateway == owner) return true;
    return candidate.any_unsigned && candidate.source == discovery::RecordType::txt &&
           config.dns.unsigned_records == config::UnsignedRecords::any;
}

/// r.configured: such a peer has what its classes say and nothing else, never OE.
Facts Keying::Impl::configured_facts(const ike::WantAuthorization& q) const {
    const auto peer = realm.peer_of(q.peer);
    if (!peer) return 0;
    const ClassMatch match = realm.class_of(q.pair.reversed());
    const bool covered = match.kind == ClassKind::configured && match.peer == peer &&
                         realm.inside(q.pair.destination) && !realm.inside(q.pair.source) &&
                         !realm.own(q.pair.source);
    return kConfigured | (covered ? kCovered : 0);
}

Facts Keying::Impl::facts_of(const ike::WantAuthorization& q) const {
    Facts f = configured_facts(q);
    const auto set = [&f](Facts bit, bool on) { f |= on ? bit : 0; };
    const ClassMatch match = realm.class_of(q.pair.reversed());
    const ClassKind kind = match.kind;
    set(kClaim, realm.inside(q.pair.source) || realm.own(q.pair.source) || special_use(q.pair.source) ||
                    kind == ClassKind::configured);
    const bool allowed = kind == ClassKind::oe_permissive || kind == ClassKind::oe_paranoid ||
                         kind == ClassKind::oe_accept_only;
    set(kClassOk, allowed && realm.inside(q.pair.destination));
    set(kWeaker, held_stronger(q.pair.reversed(), q.verdict, q.key));
    set(kInsecure, match.require_secure && q.verdict != Verdict::secure);
    // An undelegated source is believed only when it is the IKE source itself.
    set(kSelf, q.peer.kind == Identity::Kind::address && q.peer.address == q.pair.source &&
                   q.remote == q.pair.source);
    return f;
}

void Keying::Impl::answer_keys(Offer& o, const discovery::KeyAnswer& answer, Time now) {
    if (!o.keys) {
        ++counts.stray_answers;
        return;
    }
    const bool found = answer.outcome == discovery::Outcome::usable && !answer.keys.empty();
    o.detail = "identity " + o.keys->peer.text() + " at " + o.keys->remote.text() + ": " + answer.detail;
    o.verdict = answer.verdict;
    if (found) o.found = answer.keys;
    step_offer(o, found ? Event::keys_found : Event::keys_missing, 0, now);
}

/// r.source: the record must name this identity and this key, and be secure unless the
/// source is the gateway itself (keying.md, self-only).
void Keying::Impl::answer_source(Offer& o, const discovery::DelegationAnswer& answer, Time now) {
    if (!o.authorization) {
        ++counts.stray_answers;
        return;
    }
    const ike::WantAuthorization& q = *o.authorization;
    Verdict chain = Verdict::bogus;
    bool named = false;
    std::vector<discovery::Candidate> named_by_dns = answer.identities;  // believed only when secure
    if (answer.outcome == discovery::Outcome::usable)
        named_by_dns.insert(named_by_dns.end(), answer.candidates.begin(), answer.candidates.end());
    if (answer.outcome != discovery::Outcome::bogus)
        for (const discovery::Candidate& candidate : named_by_dns) {
            const bool key =
                candidate.keys.empty() || std::ranges::find(candidate.keys, q.key) != candidate.keys.end();
            const Verdict v = weakest(weakest(candidate.verdict, answer.verdict), q.verdict);
            const bool same =
                candidate.id == q.peer || std::ranges::find(candidate.also, q.peer) != candidate.also.end();
            if (!same || !key || !believes(candidate, q.pair.source, v)) continue;
            named = true;
            if (strength(v) >= strength(chain)) chain = v;
        }
    o.detail = q.peer.text() + " for " + q.pair.source.text() + ": " + answer.detail;
    const bool own_source = !named && speaks_from(q) && answer.outcome == discovery::Outcome::none;
    if (own_source) chain = Verdict::indeterminate;  // anybody with a name and this address
    o.verdict = chain;
    // What was honest when it asked may have been keyed by another peer meanwhile.
    ike::WantAuthorization again = q;
    again.verdict = chain;
    const Facts now_known = named || own_source ? facts_of(again) : 0;
    if ((now_known & kWeaker) != 0) o.detail += "; the pair is held under a stronger verdict";
    if ((now_known & kInsecure) != 0) o.detail += "; the class requires what DNSSEC secures";
    const bool honest = (now_known & (kWeaker | kInsecure)) == 0;
    o.answer = answer;
    step_offer(o, named && honest ? Event::source_named : Event::source_unnamed,
               own_source && honest ? kOwnSource : 0, now);
}

// ---- the public side -----------------------------------------------------------

void Keying::on_want_peer_keys(const ike::WantPeerKeys& question, Time now) {
    Impl& m = *impl_;
    if (m.closing) {
        m.actions.push_back(AnswerPeerKeys{question.sa, {}, Verdict::indeterminate});
        return;
    }
    if (const auto it = m.key_offers.find(question.sa); it != m.key_offers.end()) {
        m.step_offer(m.offers.at(it->second), Event::want_keys, 0, now);
        return;
    }
    Facts facts = m.offer_limit_reached(question.remote) ? kLimit : 0;
    Offer& o = m.create_offer(question.remote);
    o.keys = question;
    if (const auto peer = m.realm.peer_of(question.peer)) {
        facts |= kConfigured;
        o.found = m.realm.peers()[*peer].keys;
        o.verdict = Verdict::secure;
    }
    o.detail = "identity " + question.peer.text() + " at " + question.remote.text();
    m.key_offers[question.sa] = o.id;
    m.step_offer(o, Event::want_keys, facts, now);
}

void Keying::on_want_authorization(const ike::WantAuthorization& question, Time now) {
    Impl& m = *impl_;
    if (m.closing) {
        m.actions.push_back(AnswerAuthorization{question.child, false});
        return;
    }
    if (const auto it = m.source_offers.find(question.child); it != m.source_offers.end()) {
        m.step_offer(m.offers.at(it->second), Event::want_source, 0, now);
        return;
    }
    const bool limit = m.offer_limit_reached(question.remote) || m.authorized_full(now);
    const Facts facts = m.facts_of(question) | (limit ? kLimit : 0);
    Offer& o = m.create_offer(question.remote);
    o.authorization = question;
    o.verdict = question.verdict;
    o.detail = question.peer.text() + " for " + question.pair.source.text() + " to " +
               question.pair.destination.text();
    m.source_offers[question.child] = o.id;
    m.step_offer(o, Event::want_source, facts, now);
}

}  // namespace oegate::keying
