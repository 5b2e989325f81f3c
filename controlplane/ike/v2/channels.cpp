// Channel reuse and the wait for one IKE_SA_INIT per gateway.
#include "ike/v2/channels.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_sa_init.hpp"

namespace oegate::ike::v2 {

namespace {

/// Never by address alone: identity, key and verdict too. Nor one that knows us by a former
/// key: the peer looks for that beside each new pair's source (r.source).
bool usable_channel(const Core& core, const IkeSa& sa, const Initiate& request) {
    return sa.own_key == core.key_number && sa.state == SaState::established &&
           sa.local.address == request.local && sa.remote.address == request.gateway &&
           sa.verdict == request.verdict && sa.configured == request.configured &&
           (sa.peer == request.peer ||
            std::find(request.also.begin(), request.also.end(), sa.peer) != request.also.end()) &&
           std::find(request.keys.begin(), request.keys.end(), sa.peer_key) != request.keys.end();
}

IkeSa* find_channel_for(Core& core, const Initiate& request) {
    IkeSa* best = nullptr;
    for (const Serial serial : core.sas_with(request.gateway)) {
        IkeSa* sa = core.find(serial);
        // The newest: the others are on their way out.
        if (sa != nullptr && usable_channel(core, *sa, request) &&
            (best == nullptr || sa->established_at >= best->established_at))
            best = sa;
    }
    return best;
}

bool exchange_under_way(Core& core, const Address& local, const Address& gateway) {
    const auto serials = core.sas_with(gateway);
    return std::any_of(serials.begin(), serials.end(), [&](Serial serial) {
        const IkeSa* sa = core.find(serial);
        return sa != nullptr && sa->counted_exchange && sa->local.address == local;
    });
}

void fail_request(Core& core, const Initiate& request, Failure failure, std::string detail) {
    core.emit(InitiateFailed{request.connection, failure, std::move(detail)});
}

}  // namespace

void initiate(Core& core, const Initiate& request, Time deadline, Time now) {
    if (core.shutting_down) return fail_request(core, request, Failure::shutdown, "shutting down");
    if (!request.fresh) {
        if (IkeSa* sa = find_channel_for(core, request)) {
            Turn turn{core, *sa, now};
            Child& child = queue_child(turn, request.pair, request.connection, std::nullopt);
            core.set_deadline(child, deadline);
            return;
        }
    }
    if (exchange_under_way(core, request.local, request.gateway)) {
        core.waiting.add({request, deadline});
        return;
    }
    if (core.silent.has(request.gateway, now))
        return fail_request(
            core, request, Failure::silence,
            fmt::format("{} did not answer another pair a moment ago", request.gateway.text()));
    if (core.num_exchanges >= core.settings.ike.max_exchanges) {
        ++core.counters.exchanges_refused;
        return fail_request(
            core, request, Failure::too_many,
            fmt::format("{} exchanges are under way; see ike.max-exchanges", core.num_exchanges));
    }
    if (!core.has_room(request.peer)) {
        ++core.counters.channels_refused;
        if (core.has_its_share(request.peer)) ++core.counters.channels_over_peer;
        return fail_request(core, request, Failure::too_many,
                            fmt::format("no room for another IKE SA with {}; see limits.ike-sas and "
                                        "limits.ike-sas-per-peer",
                                        request.peer.text()));
    }
    start_ike_sa_init(core, request, deadline, now);
}

void greet(Core& core, const Greet& request, Time now) {
    const auto skip = [&](std::string why) {
        core.emit(GreetEnded{request.peer, request.remote, false, std::move(why)});
    };
    core.lose_peer(request.own, request.peer);
    if (core.shutting_down) return skip("shutting down");
    if (!core.channels_of(request.peer).empty()) return skip("it has come itself");
    if (exchange_under_way(core, request.local, request.remote) || core.silent.has(request.remote, now) ||
        core.num_exchanges >= core.settings.ike.max_exchanges || !core.has_room(request.peer))
        return skip("other exchanges come first");
    start_greeting(core, request, now);
}

void serve_waiting(Core& core, const Address& gateway, Time now) {
    for (Waiting& item : core.waiting.take(gateway)) {
        item.request.fresh = false;  // whatever channel there is now is fresh
        initiate(core, item.request, item.deadline, now);
    }
}

void fail_waiting(Core& core, const IkeSa& sa, Failure failure, const std::string& detail, Time now) {
    const bool whole_gateway = failure == Failure::silence || failure == Failure::no_proposal;
    for (Waiting& item : core.waiting.take(sa.remote.address)) {
        const bool same_cause =
            whole_gateway || (item.request.peer == sa.peer && item.request.keys == sa.candidates &&
                              item.request.local == sa.local.address);
        if (same_cause)
            fail_request(core, item.request, failure, detail);
        else
            core.waiting.add(std::move(item));
    }
    serve_waiting(core, sa.remote.address, now);
}

void expire_waiting(Core& core, Time now) {
    for (const Waiting& item : core.waiting.take_due(now))
        fail_request(core, item.request, Failure::silence,
                     fmt::format("the exchange with {} took too long", item.request.gateway.text()));
    core.silent.expire(now);
}

namespace {

/// The exchange that this child rides on, or the child alone.
void forget(Core& core, Child& child, Time now) {
    IkeSa* sa = core.find(child.sa);
    if (sa == nullptr) return;
    Turn turn{core, *sa, now};
    child.failure_reported = true;  // nobody listens
    if (child.state == ChildState::waiting) {
        core.raise(turn, child, ChildEvent::close_asked);
    } else if (child.first && (sa->state == SaState::pairing || sa->state == SaState::init_sent)) {
        // Nothing that the peer would have to be told of: others may go ahead.
        const Address gateway = sa->remote.address;
        core.bury(child);
        core.bury(*sa);
        serve_waiting(core, gateway, now);
    }
}

}  // namespace

void forget(Core& core, ConnectionId connection, Time now) {
    core.waiting.take(connection);
    for (const ChildId id : core.children_for(connection)) {
        Child* child = core.find_child(id);
        if (child != nullptr && child->initiator && !child->announced) forget(core, *child, now);
    }
}

}  // namespace oegate::ike::v2
