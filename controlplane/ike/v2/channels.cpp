// Channel reuse and the wait for one IKE_SA_INIT per gateway.
#include "ike/v2/channels.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/ike_sa_init.hpp"

namespace oegate::ike::v2 {

namespace {

/// Never by address alone: identity, key and verdict too.
bool usable_channel(const IkeSa& sa, const Initiate& request) {
    return sa.state == SaState::established && sa.local.address == request.local &&
           sa.remote.address == request.gateway && sa.peer == request.peer && sa.verdict == request.verdict &&
           std::find(request.keys.begin(), request.keys.end(), sa.peer_key) != request.keys.end();
}

IkeSa* find_channel_for(Core& core, const Initiate& request) {
    IkeSa* best = nullptr;
    core.for_each([&](IkeSa& sa) {
        // The newest: the others are on their way out.
        if (usable_channel(sa, request) && (best == nullptr || sa.established_at >= best->established_at))
            best = &sa;
    });
    return best;
}

bool exchange_under_way(Core& core, const Address& local, const Address& gateway) {
    bool found = false;
    core.for_each([&](IkeSa& sa) {
        found |= sa.counted_exchange && sa.local.address == local && sa.remote.address == gateway;
    });
    return found;
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
            child.deadline = deadline;
            return;
        }
    }
    if (exchange_under_way(core, request.local, request.gateway)) {
        core.waiting[request.gateway].push_back({request, deadline});
        return;
    }
    const auto silent = core.silent_until.find(request.gateway);
    if (silent != core.silent_until.end()) {
        if (silent->second > now)
            return fail_request(
                core, request, Failure::silence,
                fmt::format("{} did not answer another pair a moment ago", request.gateway.text()));
        core.silent_until.erase(silent);
    }
    if (core.num_exchanges >= core.settings.ike.max_exchanges)
        return fail_request(
            core, request, Failure::too_many,
            fmt::format("{} exchanges are under way; see ike.max_exchanges", core.num_exchanges));
    start_ike_sa_init(core, request, deadline, now);
}

void serve_waiting(Core& core, const Address& gateway, Time now) {
    const auto found = core.waiting.find(gateway);
    if (found == core.waiting.end()) return;
    const auto queue = std::move(found->second);
    core.waiting.erase(found);
    for (const Waiting& item : queue) {
        Initiate request = item.request;
        request.fresh = false;  // whatever channel there is now is fresh
        initiate(core, request, item.deadline, now);
    }
}

void fail_waiting(Core& core, const IkeSa& sa, Failure failure, const std::string& detail, Time now) {
    const auto found = core.waiting.find(sa.remote.address);
    if (found == core.waiting.end()) return;
    const bool whole_gateway = failure == Failure::silence || failure == Failure::no_proposal;
    std::deque<Waiting> others;
    for (Waiting& item : std::exchange(found->second, {})) {
        const bool same_cause =
            whole_gateway || (item.request.peer == sa.peer && item.request.keys == sa.candidates &&
                              item.request.local == sa.local.address);
        if (same_cause)
            fail_request(core, item.request, failure, detail);
        else
            others.push_back(std::move(item));
    }
    core.waiting[sa.remote.address] = std::move(others);
    serve_waiting(core, sa.remote.address, now);
}

void expire_waiting(Core& core, Time now) {
    for (auto at = core.waiting.begin(); at != core.waiting.end();) {
        std::erase_if(at->second, [&](const Waiting& item) {
            if (item.deadline > now) return false;
            fail_request(core, item.request, Failure::silence,
                         fmt::format("the exchange with {} took too long", at->first.text()));
            return true;
        });
        at = at->second.empty() ? core.waiting.erase(at) : std::next(at);
    }
    std::erase_if(core.silent_until, [&](const auto& entry) { return entry.second <= now; });
}

Time first_waiting_deadline(const Core& core) {
    Time first = kNever;
    for (const auto& [gateway, queue] : core.waiting)
        for (const Waiting& item : queue) first = std::min(first, item.deadline);
    return first;
}

void forget(Core& core, ConnectionId connection, Time now) {
    for (auto at = core.waiting.begin(); at != core.waiting.end();) {
        std::erase_if(at->second, [&](const Waiting& item) { return item.request.connection == connection; });
        at = at->second.empty() ? core.waiting.erase(at) : std::next(at);
    }
    std::vector<Serial> affected;
    core.for_each([&](IkeSa& sa) {
        for (const ChildId id : sa.children) {
            const Child* child = core.find_child(id);
            if (child != nullptr && child->connection == connection && child->initiator && !child->announced)
                affected.push_back(sa.serial);
        }
    });
    for (const Serial serial : affected) {
        IkeSa* sa = core.find(serial);
        if (sa == nullptr) continue;
        Turn turn{core, *sa, now};
        for (const ChildId id : std::vector<ChildId>(sa->children)) {
            Child* child = core.find_child(id);
            if (child == nullptr || child->connection != connection || !child->initiator || child->announced)
                continue;
            child->failure_reported = true;  // nobody listens
            if (child->state == ChildState::waiting) {
                core.raise(turn, *child, ChildEvent::close_asked);
            } else if (child->first && (sa->state == SaState::pairing || sa->state == SaState::init_sent)) {
                // Nothing that the peer would have to be told of: others may go ahead.
                const Address gateway = sa->remote.address;
                core.bury(*child);
                core.bury(*sa);
                serve_waiting(core, gateway, now);
                break;
            }
        }
    }
}

}  // namespace oegate::ike::v2
