// What strangers and peers may use up of us (keying.md, Bounds): half-open exchanges
// (RFC 7296 §2.6), channels, children, and what only lingers.
#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

namespace {
/// Ended IKE SAs that repeat their last answer, for who lost it.
constexpr std::size_t kMaxLingering = 1024;
}  // namespace

void Core::enter_half_open(IkeSa& sa) {
    sa.counted_half_open = true;
    half_open_.enter(sa.remote.address);
}

void Core::leave_half_open(IkeSa& sa) {
    if (sa.counted_half_open) half_open_.leave(sa.remote.address);
    sa.counted_half_open = false;
}

void Core::enter_channel(IkeSa& sa) {
    sa.counted_channel = true;
    by_peer_.insert({sa.peer, sa.established_at, sa.serial});
    if (!sa.configured && ours_alone(sa.own))
        emit(PeerKnown{sa.own, sa.peer, sa.local.address, sa.remote.address, sa.verdict});
    if (sa.opened_by_peer) channels_.enter(sa.remote.address);
}

void Core::leave_channel(IkeSa& sa) {
    if (!sa.counted_channel) return;
    sa.counted_channel = false;
    by_peer_.erase({sa.peer, sa.established_at, sa.serial});
    if (sa.opened_by_peer) channels_.leave(sa.remote.address);
}

bool Core::has_room(const Identity& peer) const {
    const bool total_ok = by_peer_.size() < settings.limits.ike_sas || !idle_.empty();
    const auto own = channels_of(peer);
    if (own.size() < settings.limits.ike_sas_per_peer) return total_ok;
    return std::any_of(own.begin(), own.end(), [&](Serial serial) {
        const auto found = sas_.find(serial);
        return found != sas_.end() && found->second->children.empty();
    });
}

bool Core::has_its_share(const Identity& peer) const {
    return channels_of(peer).size() >= settings.limits.ike_sas_per_peer;
}

Load Core::load() const {
    Load load;
    load.exchanges = num_exchanges;
    load.half_open = half_open_.total();
    load.half_open_most = half_open_.most();
    load.channels = by_peer_.size();
    for (auto first = by_peer_.begin(); first != by_peer_.end();) {
        const Identity& peer = std::get<Identity>(*first);
        auto end = std::find_if(first, by_peer_.end(),
                                [&](const auto& channel) { return !(std::get<Identity>(channel) == peer); });
        load.channels_most_of_peer =
            std::max(load.channels_most_of_peer, static_cast<std::size_t>(std::distance(first, end)));
        first = end;
    }
    load.channels_most_of_source = channels_.most();
    load.children_most_of_source = children_of_peers_.most();
    load.verifications = verifications_.total();
    load.verifications_most = verifications_.most();
    return load;
}

void Core::make_room(const IkeSa& newcomer, Time now) {
    const auto oust = [&](Serial serial) {
        IkeSa* sa = find(serial);
        if (sa == nullptr || sa->state != SaState::established) return false;
        Turn turn{*this, *sa, now};
        return raise(turn, SaEvent::ousted);
    };
    if (has_its_share(newcomer.peer)) {
        for (const Serial serial : channels_of(newcomer.peer)) {
            const IkeSa* sa = find(serial);
            if (sa == nullptr || !sa->children.empty() || !oust(serial)) continue;
            ++counters.channels_over_peer;
            break;
        }
    }
    if (by_peer_.size() < settings.limits.ike_sas) return;
    for (const auto& [due, serial] : idle_)  // changes when the turn ends
        if (oust(serial)) break;
}

void Core::linger(IkeSa& sa, Time until) {
    sa.remove_at = until;
    lingering_.push_back(sa.serial);
    while (!lingering_.empty()) {
        IkeSa* first = find(lingering_.front());
        if (first != nullptr && lingering_.size() <= kMaxLingering) break;
        if (first != nullptr) {
            ++counters.lingering_dropped;
            bury(*first);
        }
        lingering_.pop_front();
    }
}

bool Core::may_verify(const Address& remote) const {
    return verifications_.total() < settings.limits.verifications && !verifies_its_share(remote);
}

bool Core::verifies_its_share(const Address& remote) const {
    return verifications_.of(remote) >= settings.limits.verifications_per_source;
}

std::shared_ptr<void> Core::enter_verification(const Address& remote) {
    verifications_.enter(remote);
    return {nullptr, [weak = std::weak_ptr<Core*>(alive_), remote](std::nullptr_t) {
                if (const auto core = weak.lock()) (*core)->verifications_.leave(remote);
            }};
}

bool Core::too_many_children(const IkeSa& sa) {
    if (children_of_peers_.of(sa.remote.address) < settings.limits.children_per_source) return false;
    ++counters.children_over_share;
    return true;
}

void Core::enter_child(const IkeSa& sa, Child& child) {
    child.counted_under = sa.remote.address;
    children_of_peers_.enter(sa.remote.address);
}

void Core::leave_child(Child& child) {
    if (child.counted_under) children_of_peers_.leave(*child.counted_under);
    child.counted_under.reset();
}

void Core::enter_exchange(IkeSa& sa) {
    sa.counted_exchange = true;
    ++num_exchanges;
}

void Core::leave_exchange(IkeSa& sa) {
    if (sa.counted_exchange) --num_exchanges;
    sa.counted_exchange = false;
}

bool Core::wants_cookie(const Address& remote) const {
    return half_open_.total() >= settings.ike.half_open_total ||
           half_open_.of(remote) >= settings.ike.half_open_per_source;
}

/// A cookie proves an address and a key an identity, neither good will: who owns them
/// is bounded too.
bool Core::overfull(const Address& remote) const {
    return half_open_.total() >= std::max(settings.ike.half_open_total, 16u) * 8 ||
           half_open_.of(remote) >= settings.ike.half_open_per_source * 4;
}

bool Core::too_many_channels(const Address& remote) const {
    return channels_.of(remote) >= settings.limits.ike_sas_per_source;
}

}  // namespace oegate::ike::v2
