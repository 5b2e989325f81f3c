// Install, remove and expire, as commands to the owning worker.
#include "sa/sa.hpp"

#include <algorithm>

namespace oegate::sa {
namespace {

// RFC 4303 §3.3.3: without extended sequence numbers an SA ends before 2^32 packets.
constexpr std::uint64_t kMostPackets = 0xfff00000;

std::uint64_t part(std::uint64_t whole, std::uint64_t per_mille) {
    return whole / 1000 * per_mille + whole % 1000 * per_mille / 1000;
}

void wipe(SaKey& key) {
    zeroise({reinterpret_cast<std::uint8_t*>(&key), sizeof key});
}

}  // namespace

Sa::Child::~Child() {
    wipe(outbound_key);
}

Sa::Sa(const config::Config& config, const OwnerSeed& seed, Random& random, Outbox& outbox)
    : config_(config),
      seed_(seed),
      random_(random),
      outbox_(outbox),
      path_mtus_(config.dataplane.path_mtu_age) {
    for (unsigned i = 0; i < outbox.num_workers(); ++i)
        workers_.push_back(
            {Slots(config.dataplane.sas_per_worker), Slots(config.dataplane.sas_per_worker), {}});
}

Sa::~Sa() = default;

// ---- SPIs ----------------------------------------------------------------------

std::optional<std::uint32_t> Sa::allocate(const Pair& pair) {
    const unsigned worker = owner(seed_, pair.source, pair.destination, outbox_.num_workers());
    Slots& slots = workers_[worker].in;
    const auto slot = slots.take(random_);
    if (!slot) return std::nullopt;
    return Spi::make(slots.at(*slot).salt, worker, *slot);
}

void Sa::release(std::uint32_t spi) {
    if (Spi::worker(spi) >= workers_.size()) return;
    Slots& slots = workers_[Spi::worker(spi)].in;
    const Slots::Slot* slot = slots.find(Spi::slot(spi));
    if (slot != nullptr && slot->state == Slots::State::reserved && slot->salt == spi >> 24)
        slots.give_back(Spi::slot(spi));
}

// ---- limits --------------------------------------------------------------------

/// Soft at 85 to 90 per cent of hard, drawn anew for each SA; the side that started
/// the exchange draws from the lower half, so that both rarely rekey at once
/// (RFC 7296 §2.8). Inbound never asks for a rekey: the sender's limits do.
SaLimits Sa::limits(bool initiator, bool outbound, bool esn) {
    SaLimits l;
    const auto life = static_cast<std::uint64_t>(config_.ike.child_lifetime.count());
    if (!outbound) {
        l.hard_ns = life + static_cast<std::uint64_t>(config_.timers.old_inbound.count());
        return l;
    }
    const std::uint64_t soft = (initiator ? 850 : 875) + random_.below(25);
    const std::uint64_t packets = config_.ike.child_packets;
    l.hard_packets = esn ? packets : packets == 0 ? kMostPackets : std::min(packets, kMostPackets);
    l.soft_packets = part(l.hard_packets, soft);
    l.hard_bytes = config_.ike.child_bytes;
    l.soft_bytes = part(l.hard_bytes, soft);
    l.hard_ns = life;
    l.soft_ns = part(life, soft);
    return l;
}

// ---- install -------------------------------------------------------------------

bool Sa::install(ike::InstallChild install, Time now) {
    const unsigned worker = Spi::worker(install.spi_in);
    const std::uint32_t slot = Spi::slot(install.spi_in);
    const bool ours =
        worker < workers_.size() && !children_.contains(install.child) &&
        worker == owner(seed_, install.pair.source, install.pair.destination, outbox_.num_workers());
    Slots::Slot* s = ours ? workers_[worker].in.find(slot) : nullptr;
    if (s == nullptr || s->state != Slots::State::reserved || s->salt != install.spi_in >> 24) {
        wipe(install.inbound);
        wipe(install.outbound);
        return false;
    }
    s->state = Slots::State::installed;
    s->child = install.child;

    Child& child = children_[install.child];
    child.in = workers_[worker].in.ref(slot);
    child.outbound_key = install.outbound;
    child.has_key = true;
    child.status = {install.child,
                    install.pair,
                    install.local,
                    install.remote,
                    install.peer,
                    install.verdict,
                    install.spi_in,
                    install.spi_out,
                    install.inbound.suite,
                    install.esn,
                    install.udp,
                    worker,
                    install.initiator,
                    false,
                    false,
                    false,
                    now,
                    kNever,
                    kNever};
    by_pair_[install.pair].insert(install.child);

    InstallInbound inbound;
    inbound.ref = child.in;
    inbound.pair = install.pair.reversed();
    inbound.local = install.local;
    inbound.remote = install.remote;
    inbound.spi = install.spi_in;
    inbound.key = install.inbound;
    inbound.limits = limits(install.initiator, false, install.esn);
    inbound.esn = install.esn;
    inbound.udp = install.udp;
    inbound.replay_window = config_.dataplane.replay_window;
    inbound.report_first = !install.initiator;
    const std::uint64_t sequence = outbox_.post(worker, Command(inbound));
    workers_[worker].waiting.push_back({sequence, install.child, Direction::inbound, SaRef::kNone});
    wipe(inbound.key);
    wipe(install.inbound);
    wipe(install.outbound);
    return true;
}

std::optional<ike::ChildId> Sa::next_installed() {
    while (!installed_.empty()) {
        const ike::ChildId child = installed_.front();
        installed_.pop_front();
        if (children_.contains(child)) return child;
    }
    return std::nullopt;
}

std::optional<SaRef> Sa::use_outbound(ike::ChildId id, Time now) {
    const auto it = children_.find(id);
    if (it == children_.end()) return std::nullopt;
    Child& child = it->second;
    if (child.out.valid()) return child.out;
    if (!child.has_key || child.status.leaving) return std::nullopt;
    Slots& slots = workers_[child.status.worker].out;
    const auto slot = slots.take(random_);
    if (!slot) return std::nullopt;
    slots.at(*slot).state = Slots::State::installed;
    slots.at(*slot).child = id;
    child.out = slots.ref(*slot);
    child.status.in_use = true;

    InstallOutbound outbound;
    outbound.ref = child.out;
    outbound.pair = child.status.pair;
    outbound.local = child.status.local;
    outbound.remote = child.status.remote;
    outbound.spi = child.status.spi_out;
    outbound.key = child.outbound_key;
    outbound.limits = limits(child.status.initiator, true, child.status.esn);
    outbound.esn = child.status.esn;
    outbound.udp = child.status.udp;
    outbound.outer = {config_.dataplane.copy_dscp ? OuterPolicy::kCopyDscp : config_.dataplane.dscp,
                      config_.dataplane.copy_ecn, config_.dataplane.df};
    outbound.mtu = path_mtus_.find({outbound.local, outbound.remote});
    by_path_[{outbound.local, outbound.remote}].insert(id);
    child.status.rekey_at = now + Duration(outbound.limits.soft_ns);
    child.status.expires_at = now + Duration(outbound.limits.hard_ns);
    outbox_.post(child.status.worker, Command(outbound));
    wipe(outbound.key);
    wipe(child.outbound_key);
    child.has_key = false;  // an outbound SA is installed once: its nonces must never repeat (RFC 4106 §3.1)
    return child.out;
}

// ---- remove --------------------------------------------------------------------

void Sa::remove_outbound(Child& child) {
    if (!child.out.valid()) return;
    Worker& worker = workers_[child.status.worker];
    worker.out.at(child.out.slot).state = Slots::State::leaving;
    const std::uint64_t sequence =
        outbox_.post(child.status.worker, Command(RemoveSa{Direction::outbound, child.out}));
    worker.waiting.push_back({sequence, 0, Direction::outbound, child.out.slot});
    const auto path = by_path_.find({child.status.local, child.status.remote});
    path->second.erase(child.status.child);
    if (path->second.empty()) by_path_.erase(path);
    child.out = {};
    child.status.in_use = false;
    child.status.rekey_at = child.status.expires_at = kNever;
}

void Sa::remove_inbound(Child& child) {
    Worker& worker = workers_[child.status.worker];
    worker.in.at(child.in.slot).state = Slots::State::leaving;
    const std::uint64_t sequence =
        outbox_.post(child.status.worker, Command(RemoveSa{Direction::inbound, child.in}));
    worker.waiting.push_back({sequence, 0, Direction::inbound, child.in.slot});
}

void Sa::retire_outbound(const Pair& pair, ike::ChildId but) {
    const auto it = by_pair_.find(pair);
    if (it == by_pair_.end()) return;
    for (ike::ChildId id : it->second)
        if (id != but) remove_outbound(children_.at(id));
}

void Sa::remove(ike::ChildId id, bool keep_inbound, Time now) {
    const auto it = children_.find(id);
    if (it == children_.end()) return;
    Child& child = it->second;
    remove_outbound(child);
    wipe(child.outbound_key);
    child.has_key = false;
    child.status.leaving = true;
    if (keep_inbound) {
        if (child.inbound_until) return;
        child.inbound_until = now + config_.timers.old_inbound;
        leaving_.insert({*child.inbound_until, id});
        return;
    }
    if (child.inbound_until) leaving_.erase({*child.inbound_until, id});
    remove_inbound(child);
    const auto pair = by_pair_.find(child.status.pair);
    pair->second.erase(id);
    if (pair->second.empty()) by_pair_.erase(pair);
    children_.erase(it);
}

// ---- what workers say ----------------------------------------------------------

std::optional<SaRef> Sa::inbound(ike::ChildId child) const {
    const auto it = children_.find(child);
    return it == children_.end() ? std::nullopt : std::optional(it->second.in);
}

std::uint16_t Sa::interface_mtu(const Address& local) const {
    for (const config::Interface& i : config_.interfaces)
        for (const config::InterfaceAddress& a : i.addresses)
            if (a.address == local) return i.mtu;
    return config::Interface{}.mtu;
}

void Sa::tell_path(const Path& path, std::uint16_t mtu) {
    const auto it = by_path_.find(path);
    if (it == by_path_.end()) return;
    for (const ike::ChildId id : it->second) {
        const Child& child = children_.at(id);
        outbox_.post(child.status.worker, Command(SetPathMtu{child.out, mtu}));
    }
}

Sa::PathReport Sa::on_path_mtu(const PathMtu& report, Time now) {
    if (!config_.dataplane.path_mtu_icmp) return PathReport::off;
    const Path path{report.local, report.remote};
    const auto it = by_path_.find(path);
    if (it == by_path_.end()) return PathReport::unknown;
    const bool ours = std::ranges::any_of(
        it->second, [&](ike::ChildId id) { return children_.at(id).status.spi_out == report.spi; });
    if (!ours) return PathReport::unknown;
    const std::uint16_t known = path_mtus_.find(path);
    const auto mtu =
        believed_mtu(report.local.family(), report.mtu, known != 0 ? known : interface_mtu(report.local));
    if (!mtu) return PathReport::no_news;
    path_mtus_.set(path, *mtu, now);
    tell_path(path, *mtu);
    return PathReport::lowered;
}

std::uint16_t Sa::path_mtu(const Address& local, const Address& remote) const {
    return path_mtus_.find({local, remote});
}

std::optional<ike::ChildId> Sa::child_of(unsigned worker, Direction direction, SaRef ref) const {
    if (worker >= workers_.size()) return std::nullopt;
    const Slots& slots = direction == Direction::inbound ? workers_[worker].in : workers_[worker].out;
    const Slots::Slot* slot = slots.find(ref.slot);
    if (slot == nullptr || slot->state != Slots::State::installed || slot->generation != ref.generation)
        return std::nullopt;
    return slot->child;
}

void Sa::on_applied(unsigned worker, Time) {
    if (worker >= workers_.size()) return;
    Worker& w = workers_[worker];
    while (!w.waiting.empty() && w.waiting.front().sequence <= outbox_.applied(worker)) {
        const Worker::Wait wait = w.waiting.front();
        w.waiting.pop_front();
        if (wait.child == 0) {
            (wait.direction == Direction::inbound ? w.in : w.out).give_back(wait.slot);
        } else if (const auto it = children_.find(wait.child); it != children_.end()) {
            it->second.status.installed = true;
            installed_.push_back(wait.child);
        }
    }
}

void Sa::on_timer(Time now) {
    while (!leaving_.empty() && leaving_.begin()->first <= now) remove(leaving_.begin()->second, false, now);
    while (const auto path = path_mtus_.expire(now)) tell_path(*path, 0);
}

Time Sa::next_deadline() const {
    return std::min(leaving_.empty() ? kNever : leaving_.begin()->first, path_mtus_.next_deadline());
}

std::vector<ChildStatus> Sa::children() const {
    std::vector<ChildStatus> all;
    all.reserve(children_.size());
    for (const auto& [id, child] : children_) all.push_back(child.status);
    return all;
}

std::optional<ChildStatus> Sa::find(ike::ChildId child) const {
    const auto it = children_.find(child);
    return it == children_.end() ? std::nullopt : std::optional(it->second.status);
}

bool Sa::has_other(const Pair& pair, ike::ChildId but) const {
    const auto it = by_pair_.find(pair);
    return it != by_pair_.end() && std::ranges::any_of(it->second, [&](ike::ChildId id) {
               return id != but && !children_.at(id).status.leaving;
           });
}

}  // namespace oegate::sa
