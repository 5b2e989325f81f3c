// An outbound SA that another worker has: a tunnel of many flows lives on one worker,
// its flows on all of them. Flow entries and Meta::sa name it by an SaRef whose slot
// carries the worker above the 20 bits that a slot has, so that the hot path tells it
// from an SA of its own by one comparison, and so that no table here takes it for one.
//
// Control says such a policy when the SA's worker has applied the SA (WorkerShared::applied),
// and removes the SA when every worker has applied the policy that names another: between
// workers nothing else puts commands in order.
#pragma once

#include "contract/sa.hpp"

namespace oegate {

constexpr SaRef on_worker(SaRef ref, unsigned worker) {
    ref.slot |= (worker + 1) * Spi::kMaxSlots;
    return ref;
}
constexpr bool is_elsewhere(const SaRef& ref) {
    return ref.slot >= Spi::kMaxSlots && ref.slot != SaRef::kNone;
}
/// Of a reference that is_elsewhere.
constexpr unsigned worker_of(const SaRef& ref) {
    return ref.slot / Spi::kMaxSlots - 1;
}
/// As its worker names it.
constexpr SaRef at_home(SaRef ref) {
    ref.slot %= Spi::kMaxSlots;
    return ref;
}
static_assert(worker_of(on_worker({7, 3}, 15)) == 15 && at_home(on_worker({7, 3}, 15)).slot == 7);
static_assert(is_elsewhere(on_worker({Spi::kMaxSlots - 1, 0}, 0)) && !is_elsewhere({Spi::kMaxSlots - 1, 0}));

}  // namespace oegate
