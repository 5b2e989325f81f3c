// Peers over restarts: what the store must keep of them, and what they are told at the
// next start (OE draft §9.3; RFC 7296 §2.4, INITIAL_CONTACT).
#include "contract/verdict.hpp"
#include "gateway/compose.hpp"

namespace oegate::gateway {
namespace {

constexpr std::size_t kMaxStores = 65536;  // between two drains
/// No SA that a peer may still hold lives so long; an older record is of no use.
constexpr std::int64_t kLongestLife = 7 * 24 * 3600;

}  // namespace

std::int64_t Gateway::Impl::wall_now() const {
    return wall_seconds ? wall_seconds() : 0;
}

void Gateway::Impl::keep(store::Action action) {
    if (!keep_state) return;
    if (stores.size() >= kMaxStores) {
        ++stores_lost;
        return;
    }
    stores.push_back(std::move(action));
}

void Gateway::Impl::remember_peers(const std::vector<store::PeerRecord>& peers) {
    const std::int64_t wall = wall_now();
    for (const store::PeerRecord& peer : peers) {
        const bool is_configured = realm.peer_of(peer.peer).has_value();
        const bool is_ours =
            peer.own.kind == Identity::Kind::address && realm.own(peer.own.address) && realm.own(peer.local);
        const bool is_old = wall != 0 && wall - peer.since > kLongestLife;
        if (is_configured || !is_ours || is_old || realm.refused_gateway(peer.remote) != nullptr) {
            keep(store::RemovePeer{peer.own, peer.peer});
            continue;
        }
        engine.expect_stale(peer.own, peer.peer);
        greeter.add(peer);
    }
}

void Gateway::Impl::greet_some(Time now) {
    while (const auto peer = greeter.next(now))
        greetings[discovery.look_up_keys(peer->peer, now, {peer->remote, false})] = *peer;
}

bool Gateway::Impl::greet(const discovery::KeysDone& done, Time now) {
    const auto node = greetings.extract(done.lookup);
    if (!node) return false;
    const store::PeerRecord& peer = node.mapped();
    // What was said by a peer of a strong verdict is not said to one of a weaker.
    if (done.answer.outcome != discovery::Outcome::usable || done.answer.keys.empty() ||
        strength(done.answer.verdict) < strength(peer.verdict)) {
        log(config::LogLevel::info, false,
            peer.peer.text() +
                " is not told of this restart before it is keyed with: DNS does not give its key" +
                (done.answer.detail.empty() ? "" : ": " + done.answer.detail),
            {{"peer", peer.remote.text()}});
        greeter.ended();
        return true;
    }
    engine.greet({peer.own, peer.peer, peer.local, peer.remote, done.answer.keys, done.answer.verdict}, now);
    return true;
}

void Gateway::Impl::carry(ike::GreetEnded& e, Time) {
    greeter.ended();
    if (e.established)
        log(config::LogLevel::info, false, e.peer.text() + " was told that SAs of before this start are void",
            {{"peer", e.remote.text()}});
    else
        log(config::LogLevel::info, false,
            e.peer.text() + " is not told of this restart before it is keyed with: " + e.detail,
            {{"peer", e.remote.text()}});
}

void Gateway::Impl::carry(ike::PeerKnown& e, Time) {
    keep(store::PutPeer{{e.own, e.peer, e.local, e.remote, e.verdict, wall_now()}});
}

void Gateway::Impl::carry(ike::PeerForgotten& e, Time) {
    keep(store::RemovePeer{e.own, e.peer});
}

}  // namespace oegate::gateway
