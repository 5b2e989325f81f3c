// An IKE SA whose two sides have authenticated each other: its place among the channels,
// its lifetimes, and what INITIAL_CONTACT on it ends.
#include <algorithm>

#include <fmt/format.h>

#include "contract/verdict.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_auth.hpp"

namespace oegate::ike::v2 {

void set_lifetimes(Core& core, IkeSa& sa, Time now) {
    const Duration life = core.settings.ike.ike_lifetime;
    const auto percent = (sa.initiator ? 80 : 90) + core.random.below(8);
    sa.rekey_at = now + life / 100 * static_cast<std::int64_t>(percent);
    sa.expires = now + life;
}

void establish(Turn& turn) {
    IkeSa& sa = turn.sa;
    Core& core = turn.core;
    sa.established_at = sa.last_heard = turn.now;
    sa.give_up = sa.late = kNever;
    core.leave_half_open(sa);
    core.leave_exchange(sa);
    core.make_room(sa, turn.now);
    core.enter_channel(sa);
    core.silent.forget(sa.remote.address);
    core.lost_peers.remove({sa.own, sa.peer});
    set_lifetimes(core, sa, turn.now);
    sa.dh.reset();
    sa.candidates.clear();
    sa.auth_payloads = {};
    sa.init_request = sa.init_answer = Bytes();  // the peer chose their size
    core.notice(Notice::Level::info, sa.remote,
                fmt::format("IKE SA with {} established, {}, {}", sa.peer.text(), sa.suite.text(),
                            to_text(sa.verdict)),
                turn.now);
}

bool is_only_channel(Core& core, const IkeSa& sa) {
    for (const Serial serial : core.channels_of(sa.peer)) {
        const IkeSa* other = core.find(serial);
        if (other != nullptr && other != &sa && other->own == sa.own && other->state == SaState::established)
            return false;
    }
    return true;
}

/// INITIAL_CONTACT (RFC 7296 §2.4): the peer has lost what it knew of us. Believed
/// for its exact identity and SAs older than this exchange, never over a stronger verdict
/// or a configured tunnel. Under a name, which gateways may share, only of this address.
void honour_initial_contact(Turn& turn) {
    const IkeSa& fresh = turn.sa;
    for (const Serial serial : turn.core.channels_of(fresh.peer)) {
        IkeSa* other = turn.core.find(serial);
        if (other == nullptr || other == &fresh || other->state != SaState::established) continue;
        if (other->own != fresh.own || other->established_at >= fresh.created) continue;
        if (other->configured || strength(other->verdict) > strength(fresh.verdict)) continue;
        if (fresh.peer.kind == Identity::Kind::name && other->remote.address != fresh.remote.address)
            continue;
        Turn later{turn.core, *other, turn.now};
        turn.core.raise(later, SaEvent::peer_restarted);
    }
}

}  // namespace oegate::ike::v2
