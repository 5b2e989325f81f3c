// The worker's half of the contract, packet by packet.
#include "worker_model.hpp"

#include "keying/rows.hpp"

namespace oegate::sim {
namespace {

/// A hold is at most the hold timer, and what a ring and a busy control add to it.
constexpr Duration kHoldSlack = 5s;
/// Rivals settle when the loser's delete is through, or its channel is found dead (32 s of
/// retransmissions, after a probe), and its inbound SA has outstayed. Never by expiry alone.
constexpr Duration kSettleSlack = 45s;

std::uint64_t age(Time since, Time now) {
    return since == kNever ? kNeverUsed : static_cast<std::uint64_t>((now - since).count());
}

bool permits_clear(ClassKind kind) {
    return kind == ClassKind::oe_permissive || kind == ClassKind::always_clear_text ||
           kind == ClassKind::oe_accept_only;
}

}  // namespace

bool WorkerModel::clear_allowed(const Pair& outbound) const {
    return permits_clear(realm_.class_of(outbound).kind);
}

void WorkerModel::untrack(const Pair& pair, Flow& flow) {
    if (flow.tracked_since == kNever) return;
    to_ask_.erase({flow.tracked_ask, pair});
    held_.erase({flow.tracked_since, pair});
    flow.tracked_ask = flow.tracked_since = kNever;
}

/// After each change of a flow.
void WorkerModel::track(const Pair& pair, Flow& flow) {
    untrack(pair, flow);
    if (flow.state != FlowState::hold || flow.held.empty()) return;
    flow.tracked_ask = flow.asked == kNever ? kNever : flow.asked + 1s;
    flow.tracked_since = flow.held_since;
    to_ask_.emplace(flow.tracked_ask, pair);
    held_.emplace(flow.tracked_since, pair);
}

void WorkerModel::apply(unsigned worker, const Command& command, Time now) {
    const auto wrong_owner = [&](const Pair& pair) {
        if (owner_of(pair) != worker)
            violate(Invariant::contract, "command for " + pair.text() + " went to another worker");
    };
    switch (command.kind) {
        case Command::Kind::set_policy: {
            const SetPolicy& set = command.set_policy;
            wrong_owner(set.pair);
            Flow& flow = flows_[set.pair];
            if (fault_ == Fault::stay_in_hold && flow.state == FlowState::hold) break;
            if (set.state == FlowState::pass && !clear_allowed(set.pair))
                violate(Invariant::clear, "pass for a pair whose class forbids it, " + set.pair.text());
            const ClassKind kind = realm_.class_of(set.pair).kind;
            if (set.state == FlowState::deny && permits_clear(kind) && !may_deny_ &&
                static_cast<keying::Story>(set.reason) != keying::Story::f_sticky)
                violate(Invariant::held, "a pair that may go in the clear is denied, " + set.pair.text() +
                                             ", " + std::string(keying::reason_text(set.reason)));
            if (set.state == FlowState::encrypt) {
                const auto it = out_sas_.find({worker, set.outbound.slot});
                if (it == out_sas_.end() || it->second.ref != set.outbound || it->second.pair != set.pair)
                    violate(Invariant::contract,
                            "encrypt without an installed outbound SA for " + set.pair.text());
                if (flow.state != FlowState::encrypt)
                    flow.clear_until = now + std::chrono::milliseconds(set.grace_ms);
            }
            if (flow.state != FlowState::hold && set.state == FlowState::hold) flow.held_since = now;
            flow.state = set.state;
            flow.class_kind = set.class_kind;
            flow.reason = set.reason;
            flow.outbound = set.outbound;
            if (set.state != FlowState::hold) release(set.pair, flow, now);
            track(set.pair, flow);
            break;
        }
        case Command::Kind::remove_policy: {
            const Pair pair = command.remove_policy.pair;
            wrong_owner(pair);
            UseReport report_;
            report_.pair = pair;
            report_.removed = true;
            if (const auto it = flows_.find(pair); it != flows_.end()) {
                report_.packets = it->second.packets;
                if (!it->second.held.empty() && !closing_)
                    violate(Invariant::held, "held datagrams of " + pair.text() + " died with their entry");
                untrack(pair, it->second);
                if (fault_ != Fault::keep_flows) flows_.erase(it);
            }
            report(worker, report_);
            break;
        }
        case Command::Kind::install_outbound: {
            const InstallOutbound& i = command.install_outbound;
            wrong_owner(i.pair);
            if (out_sas_.contains({worker, i.ref.slot}) && fault_ != Fault::keep_outbound)
                violate(Invariant::contract, "outbound slot is taken");
            Sa& sa = out_sas_[{worker, i.ref.slot}] = {};
            sa.ref = i.ref, sa.pair = i.pair, sa.local = i.local, sa.remote = i.remote, sa.spi = i.spi,
            sa.key = i.key, sa.limits = i.limits, sa.installed = now, sa.udp = i.udp;
            changed_ = true;
            break;
        }
        case Command::Kind::install_inbound: {
            const InstallInbound& i = command.install_inbound;
            wrong_owner(i.pair);
            if (in_.contains({worker, i.ref.slot}) && fault_ != Fault::keep_inbound)
                violate(Invariant::contract, "inbound slot is taken");
            if (Spi::worker(i.spi) != worker || Spi::slot(i.spi) != i.ref.slot)
                violate(Invariant::contract, "SPI does not name its worker and slot");
            Sa& sa = in_[{worker, i.ref.slot}] = {};
            sa.ref = i.ref, sa.pair = i.pair, sa.local = i.local, sa.remote = i.remote, sa.spi = i.spi,
            sa.key = i.key, sa.limits = i.limits, sa.installed = now, sa.first_reported = !i.report_first;
            if (fault_ == Fault::wrong_key) sa.key.key[0] ^= 1;
            changed_ = true;
            break;
        }
        case Command::Kind::remove_sa: {
            const bool inbound = command.remove_sa.direction == Direction::inbound;
            auto& table = inbound ? in_ : out_sas_;
            const auto it = table.find({worker, command.remove_sa.ref.slot});
            if (it == table.end() || it->second.ref != command.remove_sa.ref)
                break;  // a hard expiry has removed it already
            if (!inbound)
                if (const Flow* f = flow(it->second.pair);
                    f != nullptr && f->state == FlowState::encrypt && f->outbound == it->second.ref)
                    violate(Invariant::contract,
                            "outbound SA removed though its pair uses it: " + it->second.pair.text());
            if (fault_ != (inbound ? Fault::keep_inbound : Fault::keep_outbound)) table.erase(it);
            changed_ = true;
            break;
        }
        case Command::Kind::query_use: {
            UseReport r;
            r.pair = command.query_use.pair;
            if (const Flow* f = flow(r.pair)) {
                r.state = f->state;
                r.outbound_age_ns = age(f->used, now);
                r.packets = f->packets;
            }
            const auto it = in_.find({worker, command.query_use.inbound.slot});
            if (it != in_.end() && it->second.ref == command.query_use.inbound)
                r.inbound_age_ns = age(it->second.used, now);
            report(worker, r);
            break;
        }
        case Command::Kind::set_path_mtu:  // datagrams of the model have no size
        case Command::Kind::neighbour_changed:
        case Command::Kind::snapshot:
        case Command::Kind::measure_stages:
        case Command::Kind::start_trace:
        case Command::Kind::stop_trace:
        case Command::Kind::start_capture:
        case Command::Kind::stop_capture:
            break;
    }
}

void WorkerModel::miss(const Pair& pair, Flow& flow, bool repeated, Time now) {
    flow.asked = now;
    Miss m;
    m.pair = pair;
    m.class_kind = realm_.class_of(pair).kind;
    m.repeated = repeated;
    track(pair, flow);
    report(owner_of(pair), m);
}

void WorkerModel::from_inside(const Pair& pair, std::uint64_t datagram, Time now) {
    const ClassKind kind = realm_.class_of(pair).kind;
    auto it = flows_.find(pair);
    if (it == flows_.end()) {
        if (kind == ClassKind::deny || kind == ClassKind::none) return;
        if (kind == ClassKind::always_clear_text) {
            out_.send(Clear{pair, datagram});
            return;
        }
        it = flows_.emplace(pair, Flow{}).first;
        it->second.state = FlowState::hold;
        it->second.held_since = now;
        it->second.held = {datagram};
        it->second.used = now;
        miss(pair, it->second, false, now);
        return;
    }
    Flow& flow = it->second;
    flow.used = now;
    ++flow.packets;
    if (flow.state == FlowState::hold || flow.state == FlowState::none) {
        if (flow.held.size() < 2)
            flow.held.push_back(datagram);
        else
            flow.held[1] = datagram;
        track(pair, flow);
        if (now - flow.asked >= 1s || flow.asked == kNever) miss(pair, flow, true, now);
        return;
    }
    forward(pair, flow, datagram, now);
}

void WorkerModel::forward(const Pair& pair, Flow& flow, std::uint64_t datagram, Time now) {
    if (flow.state == FlowState::pass || fault_ == Fault::leak) {
        out_.send(Clear{pair, datagram});
        return;
    }
    if (flow.state != FlowState::encrypt) return;  // deny
    const auto it = out_sas_.find({owner_of(pair), flow.outbound.slot});
    if (it == out_sas_.end() || it->second.ref != flow.outbound) {
        violate(Invariant::contract, "datagram of an encrypted pair has no SA: " + pair.text());
        return;
    }
    Sa& sa = it->second;
    sa.used = now;
    out_.send(Esp{sa.local, sa.remote, sa.spi, sa.key, ++sa.sequence, pair, datagram, false, sa.udp});
}

/// What was held gets its answer now, first before last; the wire is watched meanwhile.
void WorkerModel::release(const Pair& pair, Flow& flow, Time now) {
    std::vector<std::uint64_t> held = std::move(flow.held);
    flow.held.clear();
    if (held.empty()) return;
    const std::vector<std::uint64_t> due =
        flow.state == FlowState::deny ? std::vector<std::uint64_t>{} : held;
    std::vector<std::uint64_t> sent;
    const auto send = out_.send;
    out_.send = [&](Packet packet) {
        if (const auto* clear = std::get_if<Clear>(&packet)) sent.push_back(clear->datagram);
        if (const auto* esp = std::get_if<Esp>(&packet)) sent.push_back(esp->datagram);
        send(std::move(packet));
    };
    if (fault_ == Fault::swap_held) std::swap(held.front(), held.back());
    if (fault_ != Fault::lose_held)
        for (std::uint64_t datagram : held) forward(pair, flow, datagram, now);
    out_.send = send;
    if (sent != due && fault_ != Fault::leak)
        violate(Invariant::held, "held datagrams of " + pair.text() + " did not all leave in their order");
}

void WorkerModel::from_outside(const Clear& packet, Time now) {
    const Pair pair = packet.pair.reversed();
    const auto it = flows_.find(pair);
    if (it != flows_.end() && it->second.state == FlowState::encrypt && now >= it->second.clear_until) {
        ClearText event;
        event.pair = pair;
        report(owner_of(pair), event);
        return;
    }
    if (it != flows_.end() && it->second.state == FlowState::deny) return;
    if (!clear_allowed(pair)) return;
    if (it != flows_.end() && it->second.state == FlowState::pass) it->second.used = now;
    out_.deliver(packet.pair, packet.datagram, false);
}

void WorkerModel::from_outside(const Esp& packet, Time now) {
    const Key key{Spi::worker(packet.spi), Spi::slot(packet.spi)};
    const auto it = in_.find(key);
    if (it == in_.end() || it->second.spi != packet.spi) {
        UnknownSpi event;
        event.remote = packet.local;
        event.local = packet.remote;
        event.spi = packet.spi;
        report(key.first % num_workers_, event);
        return;
    }
    Sa& sa = it->second;
    if (packet.forged || !same_key(sa.key, packet.key)) {
        ++bad_icv_;
        return;
    }
    if (sa.pair != packet.pair) {
        violate(Invariant::contract, "an SA carries another pair than its own: " + packet.pair.text());
        return;
    }
    if (!sa.seen.insert(packet.sequence).second) return;  // replayed
    sa.used = now;
    if (!sa.first_reported) {
        sa.first_reported = true;
        report(key.first, FirstEsp{sa.pair, sa.ref});
    }
    out_.deliver(packet.pair, packet.datagram, true);
}

void WorkerModel::on_timer(Time now) {
    for (auto* table : {&in_, &out_sas_})
        for (auto it = table->begin(); it != table->end();) {
            Sa& sa = it->second;
            const Direction direction = table == &in_ ? Direction::inbound : Direction::outbound;
            if (sa.limits.hard_ns != 0 && now - sa.installed >= Duration(sa.limits.hard_ns)) {
                if (direction == Direction::outbound)
                    if (const auto f = flows_.find(sa.pair); f != flows_.end() &&
                                                             f->second.state == FlowState::encrypt &&
                                                             f->second.outbound == sa.ref) {
                        f->second.state = FlowState::hold;  // §3.1.5
                        f->second.held_since = now;
                    }
                report(it->first.first, SaExpired{sa.pair, sa.ref, direction, true});
                it = table->erase(it);
                changed_ = true;
                continue;
            }
            if (!sa.soft && sa.limits.soft_ns != 0 && now - sa.installed >= Duration(sa.limits.soft_ns)) {
                sa.soft = true;
                report(it->first.first, SaExpired{sa.pair, sa.ref, direction, false});
            }
            ++it;
        }
    // A hold that nobody answered is asked for again while datagrams wait.
    while (!to_ask_.empty() && to_ask_.begin()->first <= now) {
        const Pair pair = to_ask_.begin()->second;
        miss(pair, flows_.at(pair), true, now);
    }
}

Time WorkerModel::next_deadline() const {
    Time next = kNever;
    for (const auto* table : {&in_, &out_sas_})
        for (const auto& [key, sa] : *table) {
            if (sa.limits.hard_ns != 0) next = std::min(next, sa.installed + Duration(sa.limits.hard_ns));
            if (sa.limits.soft_ns != 0 && !sa.soft)
                next = std::min(next, sa.installed + Duration(sa.limits.soft_ns));
        }
    if (!to_ask_.empty()) next = std::min(next, to_ask_.begin()->first);
    return next;
}

void WorkerModel::count_sas(bool commands_under_way, Time now) {
    std::map<std::pair<Pair, Address>, unsigned> num_inbound;
    for (const auto& [key, sa] : in_) ++num_inbound[{sa.pair.reversed(), sa.remote}];
    std::erase_if(rivals_, [&](const auto& r) {
        const auto it = num_inbound.find(r.first);
        return it == num_inbound.end() || it->second < 2;
    });
    for (const auto& [with, num] : num_inbound)
        if (num > 1) rivals_.emplace(with, now);
    if (commands_under_way) return;
    std::map<Pair, unsigned> num_outbound;
    for (const auto& [key, sa] : out_sas_)
        if (++num_outbound[sa.pair] > 1)
            violate(Invariant::one_outbound, "two outbound SAs for " + sa.pair.text());
    changed_ = false;
}

void WorkerModel::check(Time now, bool commands_under_way, Time calm_since) {
    for (const auto& [since, pair] : held_) {
        if (now - since <= config_.timers.hold + kHoldSlack) break;
        violate(Invariant::hold_bound, "held beyond the bound: " + pair.text());
    }
    if (changed_) count_sas(commands_under_way, now);
    for (const auto& [with, since] : rivals_)
        if (now - std::max(since, calm_since) > config_.timers.old_inbound + kSettleSlack)
            violate(Invariant::settled, "several inbound SAs with " + with.second.text() + " for " +
                                            with.first.text() + " for too long");
}

const WorkerModel::Sa* WorkerModel::outbound(const Pair& pair) const {
    const Flow* f = flow(pair);
    if (f == nullptr || f->state != FlowState::encrypt) return nullptr;
    const auto it = out_sas_.find({owner_of(pair), f->outbound.slot});
    return it == out_sas_.end() || it->second.ref != f->outbound ? nullptr : &it->second;
}

const WorkerModel::Sa* WorkerModel::inbound(std::uint32_t spi) const {
    const auto it = in_.find({Spi::worker(spi), Spi::slot(spi)});
    return it == in_.end() || it->second.spi != spi ? nullptr : &it->second;
}

}  // namespace oegate::sim
