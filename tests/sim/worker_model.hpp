// A model of the workers of one gateway: the SPD cache of OE draft §3.1 with hold,
// first and last, SAs with their limits, and the events that control gets. It checks
// what a worker could not: that no command asks for what the specification forbids.
// With a Fault it is a broken worker, for the tests of the invariants.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "contract/command.hpp"
#include "contract/event.hpp"
#include "invariant.hpp"
#include "keying/realm.hpp"
#include "net/owner.hpp"
#include "packet.hpp"

namespace oegate::sim {

class WorkerModel {
  public:
    struct Out {
        std::function<void(const Event&)> event;
        std::function<void(Packet)> send;
        std::function<void(const Pair&, std::uint64_t datagram, bool encrypted)> deliver;
        std::function<void(Invariant, const std::string&)> violation;
    };
    WorkerModel(const config::Config& config, const keying::Realm& realm, const OwnerSeed& seed,
                unsigned num_workers, Out out, Fault fault = Fault::none)
        : config_(config),
          realm_(realm),
          seed_(seed),
          num_workers_(num_workers),
          out_(std::move(out)),
          fault_(fault) {}

    void apply(unsigned worker, const Command& command, Time now);
    /// A host behind us sends a datagram that is routed outside.
    void from_inside(const Pair& pair, std::uint64_t datagram, Time now);
    void from_outside(const Clear& packet, Time now);
    void from_outside(const Esp& packet, Time now);
    void on_timer(Time now);
    Time next_deadline() const;
    /// After every event. commands_under_way: control has said more than is obeyed yet.
    /// calm_since: nobody has been losing or cutting anything for so long.
    void check(Time now, bool commands_under_way, Time calm_since);
    /// DNS has been tampered with, or its records broken, or it changed its mind in the
    /// middle of a look-up: a permissive pair may be denied.
    void may_deny_permissive() { may_deny_ = true; }
    /// Its memory of inbound SAs is gone, and control does not know.
    void lose_inbound() { in_.clear(), changed_ = true; }
    /// Orderly shutdown: what is held then has nowhere to go.
    void closing() { closing_ = true; }

    struct Flow {
        FlowState state = FlowState::none;
        ClassKind class_kind = ClassKind::none;
        std::uint16_t reason = 0;
        SaRef outbound;
        std::vector<std::uint64_t> held;  // first, last
        Time held_since = kNever;
        Time asked = kNever;
        Time tracked_ask = kNever, tracked_since = kNever;  // in to_ask_ and held_
        Time used = kNever;
        Time clear_until;  // grace for clear text of a fresh tunnel
        std::uint64_t packets = 0;
    };
    struct Sa {
        SaRef ref;
        Pair pair;
        Address local, remote;
        std::uint32_t spi = 0;
        SaKey key;
        SaLimits limits;
        UdpPorts udp;
        Time installed;
        Time used = kNever;
        bool soft = false;
        bool first_reported = true;
        std::uint64_t sequence = 0;
        std::set<std::uint64_t> seen;
    };
    const Flow* flow(const Pair& pair) const {
        const auto it = flows_.find(pair);
        return it == flows_.end() ? nullptr : &it->second;
    }
    const Sa* outbound(const Pair& pair) const;
    /// The live inbound SA with this SPI.
    const Sa* inbound(std::uint32_t spi) const;
    std::size_t num_sas() const { return in_.size() + out_sas_.size(); }
    std::size_t num_flows() const { return flows_.size(); }
    const std::map<Pair, Flow>& flows() const { return flows_; }
    std::uint64_t bad_icv() const { return bad_icv_; }

  private:
    unsigned owner_of(const Pair& pair) const {
        return owner(seed_, pair.source, pair.destination, num_workers_);
    }
    void forward(const Pair& pair, Flow& flow, std::uint64_t datagram, Time now);
    void release(const Pair& pair, Flow& flow, Time now);
    bool clear_allowed(const Pair& outbound) const;
    void track(const Pair& pair, Flow& flow);
    void untrack(const Pair& pair, Flow& flow);
    void miss(const Pair& pair, Flow& flow, bool repeated, Time now);
    void violate(Invariant i, const std::string& what) const { out_.violation(i, what); }
    void count_sas(bool commands_under_way, Time now);
    template <class E>
    void report(unsigned worker, const E& e) {
        Event event(e);
        event.worker = static_cast<std::uint8_t>(worker);
        out_.event(event);
    }

    const config::Config& config_;
    const keying::Realm& realm_;
    OwnerSeed seed_;
    unsigned num_workers_;
    Out out_;
    Fault fault_;
    bool may_deny_ = false;
    bool closing_ = false;
    bool changed_ = true;  // SAs since the last check
    std::uint64_t bad_icv_ = 0;
    std::map<std::pair<Pair, Address>, Time> rivals_;  // several inbound SAs with one gateway, since when
    using Key = std::pair<unsigned, std::uint32_t>;    // worker, slot
    std::map<Pair, Flow> flows_;
    // Of flows that hold something: when to ask again, and since when.
    std::set<std::pair<Time, Pair>> to_ask_;
    std::set<std::pair<Time, Pair>> held_;
    std::map<Key, Sa> in_;
    std::map<Key, Sa> out_sas_;
};

}  // namespace oegate::sim
