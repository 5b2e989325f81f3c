// What left in the clear, by the reason that control gave for it: flows, datagrams and
// bytes. Written by the worker, read by control. The hot path counts in the flow's own
// entry only; FlowCache carries over from there, when a flow leaves *pass* and in a walk.
#pragma once

#include <array>

#include "contract/snapshot.hpp"
#include "worker/counters.hpp"

namespace oegate {

class ClearLedger {
  public:
    struct Tally {
        Counter flows;
        Counter datagrams;
        Counter bytes;
    };

    Tally& of(std::uint16_t reason) { return by_reason_[reason < kMaxReasons ? reason : 0]; }
    void add(std::uint16_t reason, std::uint64_t datagrams, std::uint64_t bytes) {
        Tally& tally = of(reason);
        tally.datagrams.add(datagrams);
        tally.bytes.add(bytes);
    }
    /// A datagram of a class that is always clear: it has no flow.
    void add_by_class(std::uint64_t bytes) {
        by_class_.datagrams.add();
        by_class_.bytes.add(bytes);
    }

    template <class Each>
    void for_each(Each&& each) const {
        for (std::uint16_t reason = 0; reason < kMaxReasons; ++reason) each(reason, by_reason_[reason]);
        each(ClearTotals::kByClass, by_class_);
    }

  private:
    std::array<Tally, kMaxReasons> by_reason_;
    Tally by_class_;
};

}  // namespace oegate
