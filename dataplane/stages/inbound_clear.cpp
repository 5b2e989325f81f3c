// Clear text from outside to inside, checked against the reverse pair (RFC 4301
// §5.2; architecture.md, Clear text from outside to inside). Called by the loop; it
// makes no entry, never keys, never holds.
#include "stages/keep_good.hpp"
#include "tables/classes.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// Without an entry, or with *pass*, the class of the outside host decides.
Drop by_class(ClassKind kind) {
    switch (kind) {
        case ClassKind::oe_paranoid:
        case ClassKind::configured:
            return Drop::clear_not_permitted;
        case ClassKind::deny:
            return Drop::class_deny;
        case ClassKind::none:
            return Drop::class_none;
        case ClassKind::always_clear_text:
        case ClassKind::oe_permissive:
        case ClassKind::oe_accept_only:
            return Drop::kCount;
    }
    return Drop::class_none;
}

/// The pair is in use (OE draft §3.2.7), though our side may be silent. The line is
/// written once a tick only.
void stamp(FlowCold& cold, Tick now) {
    if (now == 0) now = 1;
    if (cold.asked != now) cold.asked = now;
}

/// Drop::kCount: it may pass.
Drop verdict(Worker& worker, Meta& m) {
    FlowCache& flows = worker.security->flows;
    const Pair pair = m.pair.reversed();
    const std::uint32_t flow = flows.find(hash_of(worker, m), pair);  // a pair and its reverse hash alike
    const ClassKind kind = worker.classes->lookup(pair);
    if (flow == FlowCache::kNone) return by_class(kind);
    switch (flows.entry(flow).state) {
        case FlowState::encrypt: {
            // The peer may have sent it before its own SA was up, where the class permits clear text.
            const auto left =
                static_cast<std::int32_t>(flows.cold(flow).grace_until - to_tick(worker.now_ns));
            if (left > 0) return by_class(kind);
            if (worker.security->clear_text_tokens.take(worker.now_ns)) post(worker, Event(ClearText{pair}));
            return Drop::clear_while_encrypted;
        }
        case FlowState::deny:
            return Drop::clear_while_denied;
        case FlowState::hold:
            return by_class(kind) == Drop::kCount ? Drop::kCount : Drop::clear_while_held;
        case FlowState::pass:
            stamp(flows.cold(flow), to_tick(worker.now_ns));
            return by_class(kind);
        case FlowState::none:
            return by_class(kind);
    }
    return Drop::clear_not_permitted;
}

}  // namespace

void screen_inbound_clear(Worker& worker, Burst& burst) {
    keep_good(worker, burst, [&](unsigned i) { return verdict(worker, meta(burst[i])); });
}

}  // namespace oegate
