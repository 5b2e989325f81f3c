#include "worker/mailbox.hpp"

#include <rte_ring.h>
#include <rte_ring_elem.h>
#include <rte_ring_peek_zc.h>

#include <algorithm>

#include "base/secret.hpp"
#include "stages/handoff.hpp"
#include "stages/resolve.hpp"
#include "worker/loop.hpp"
#include "worker/security.hpp"

namespace oegate {
namespace {

constexpr unsigned kCommandsPerLoop = 32;

/// Datagrams on their way may name the outbound SA that was in this slot.
bool ends_an_sa(const Command& command) {
    return command.kind == Command::Kind::install_outbound ||
           (command.kind == Command::Kind::remove_sa && command.remove_sa.direction == Direction::outbound);
}

/// Its answer, or the report of its failure, is said once.
bool may_answer(const Command& command) {
    switch (command.kind) {
        case Command::Kind::set_policy:
        case Command::Kind::remove_policy:
        case Command::Kind::install_inbound:
        case Command::Kind::install_outbound:
        case Command::Kind::query_use:
            return true;
        default:
            return false;
    }
}

/// False: this command, and so all behind it, stays in the ring until a later turn.
bool may_apply(Worker& worker, const Command& command) {
    if (may_answer(command) && !can_post(worker)) return false;
    return !ends_an_sa(command) || rings_passed(worker);
}

/// How many of them were applied.
unsigned apply_part(Worker& worker, Command* commands, unsigned count) {
    unsigned done = 0;
    for (; done < count && may_apply(worker, commands[done]); ++done) {
        const Command& command = commands[done];
        // What the commands before it let out of hold goes through the SA that it names.
        if (ends_an_sa(command)) send_released(worker);
        if (command.kind == Command::Kind::neighbour_changed) {
            neighbour_changed(worker, command.neighbour_changed);
        } else if (command.kind >= Command::Kind::measure_stages) {
            apply_observe(worker, command);
        } else {
            apply(worker, command);
        }
        worker.shared.applied.store(command.sequence, std::memory_order_release);
    }
    zeroise({reinterpret_cast<std::uint8_t*>(commands), done * sizeof(Command)});
    return done;
}

}  // namespace

bool apply_commands(Worker& worker) {
    rte_ring_zc_data place{};
    const unsigned count = rte_ring_dequeue_zc_burst_elem_start(worker.link.commands, sizeof(Command),
                                                                kCommandsPerLoop, &place, nullptr);
    if (count == 0) return false;
    const unsigned first = std::min(count, place.n1);
    unsigned done = apply_part(worker, static_cast<Command*>(place.ptr1), first);
    if (done == first) done += apply_part(worker, static_cast<Command*>(place.ptr2), count - first);
    rte_ring_dequeue_zc_elem_finish(worker.link.commands, done);
    return done != 0;
}

}  // namespace oegate
