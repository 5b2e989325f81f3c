#include "worker/mailbox.hpp"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include "base/secret.hpp"
#include "stages/resolve.hpp"
#include "worker/security.hpp"

namespace oegate {
namespace {

constexpr unsigned kCommandsPerLoop = 32;

void apply_part(Worker& worker, Command* commands, unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        if (commands[i].kind == Command::Kind::neighbour_changed) {
            neighbour_changed(worker, commands[i].neighbour_changed);
        } else if (commands[i].kind >= Command::Kind::measure_stages) {
            apply_observe(worker, commands[i]);
        } else {
            apply(worker, commands[i]);
        }
        worker.shared.applied.store(commands[i].sequence, std::memory_order_release);
    }
    zeroise({reinterpret_cast<std::uint8_t*>(commands), count * sizeof(Command)});
}

}  // namespace

bool apply_commands(Worker& worker) {
    rte_ring_zc_data place{};
    const unsigned count = rte_ring_dequeue_zc_burst_elem_start(worker.link.commands, sizeof(Command),
                                                                kCommandsPerLoop, &place, nullptr);
    if (count == 0) return false;
    const unsigned first = std::min(count, place.n1);
    apply_part(worker, static_cast<Command*>(place.ptr1), first);
    apply_part(worker, static_cast<Command*>(place.ptr2), count - first);
    rte_ring_dequeue_zc_elem_finish(worker.link.commands, count);
    return true;
}

}  // namespace oegate
