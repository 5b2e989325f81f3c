// Windows and retransmission (RFC 7296 §2.1-2.3).
#include "ike/v2/window.hpp"

#include <algorithm>

#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/informational.hpp"
#include "ike/v2/invalid_spi.hpp"
#include "ike/v2/rekey_ike_sa.hpp"

namespace oegate::ike::v2 {

namespace {

void transmit(Turn& turn, Bytes bytes, std::uint32_t id) {
    OutWindow& out = turn.sa.out;
    out.request = Request{id, std::move(bytes), 1, turn.core.settings.timers.retransmit,
                          turn.now + turn.core.settings.timers.retransmit};
    send_datagram(turn, turn.sa.local, turn.sa.remote, out.request->bytes);
}

void begin(Turn& turn, const Task& task) {
    switch (task.kind) {
        case Task::Kind::create_child:
            return begin_child(turn, task);
        case Task::Kind::rekey_ike:
            return begin_ike_rekey(turn, task);
        case Task::Kind::delete_child:
            return send_child_delete(turn, task);
        case Task::Kind::delete_ike:
            return send_ike_delete(turn);
        case Task::Kind::liveness:
            return send_liveness(turn);
        case Task::Kind::invalid_spi:
            return send_invalid_spi(turn, task);
    }
}

}  // namespace

void send_datagram(Turn& turn, const Endpoint& local, const Endpoint& remote, Bytes bytes) {
    turn.core.emit(SendDatagram{local, remote, std::move(bytes)});
}

void send_request(Turn& turn, wire::ExchangeType exchange, const wire::Payloads& payloads) {
    IkeSa& sa = turn.sa;
    const wire::Header header{.spi_initiator = sa.spi_i,
                              .spi_responder = sa.spi_r,
                              .exchange = exchange,
                              .initiator = sa.initiator,
                              .response = false,
                              .message_id = sa.out.next_id};
    Bytes bytes = sa.sealer->seal(header, payloads);
    if (bytes.empty()) {
        // Only when the crypto library fails; the retransmission timer then ends the SA.
        turn.core.notice(Notice::Level::warning, sa.remote, "the crypto library cannot encrypt IKE messages",
                         turn.now);
    }
    transmit(turn, std::move(bytes), sa.out.next_id++);
}

void send_plain_request(Turn& turn, Bytes message) {
    transmit(turn, std::move(message), 0);
    turn.sa.out.next_id = 1;
}

void answer(Turn& turn, const wire::Payloads& payloads) {
    IkeSa& sa = turn.sa;
    const wire::Header header{.spi_initiator = sa.spi_i,
                              .spi_responder = sa.spi_r,
                              .exchange = sa.in.exchange,
                              .initiator = sa.initiator,
                              .response = true,
                              .message_id = sa.in.expected - 1};
    sa.in.answer = sa.sealer->seal(header, payloads);
    sa.in.busy = false;
    repeat_answer(turn);
}

void answer(Turn& turn, wire::NotifyType type) {
    wire::Payloads payloads;
    payloads.add(wire::Notify::of(type));
    answer(turn, payloads);
}

void repeat_answer(Turn& turn) {
    const InWindow& in = turn.sa.in;
    if (!in.answer.empty()) send_datagram(turn, in.local, in.remote, in.answer);
}

void request_done(Turn& turn) {
    turn.sa.out.request.reset();
    turn.sa.out.active.reset();
    turn.sa.out.taken_back.clear();
    start_next(turn);
}

void request_postponed(Turn& turn, Time not_before) {
    OutWindow& out = turn.sa.out;
    out.request.reset();
    if (out.active) {
        Task again = *out.active;
        again.not_before = not_before;
        out.queue.push_front(again);
        out.active.reset();
    }
    start_next(turn);
}

void enqueue(Turn& turn, Task task) {
    turn.sa.out.queue.push_back(task);
    start_next(turn);
}

void start_next(Turn& turn) {
    OutWindow& out = turn.sa.out;
    // While one side rekeys this IKE SA its children stay as they are (RFC 7296
    // §2.25.2): what waits goes on with the successor.
    const auto blocked = [&](const Task& task) {
        const bool about_children = task.kind != Task::Kind::delete_ike && task.kind != Task::Kind::liveness;
        return about_children &&
               (turn.sa.rival != 0 || turn.sa.successor != 0 || turn.sa.state != SaState::established);
    };
    out.wake = kNever;
    while (!out.active && !out.request && !turn.sa.buried) {
        const auto next = std::find_if(out.queue.begin(), out.queue.end(), [&](const Task& task) {
            return task.not_before <= turn.now && !blocked(task);
        });
        if (next == out.queue.end()) {
            for (const Task& task : out.queue)
                if (task.not_before > turn.now) out.wake = std::min(out.wake, task.not_before);
            return;
        }
        out.active = *next;
        out.queue.erase(next);
        const Task task = *out.active;
        begin(turn, task);
    }
}

bool retransmit(Turn& turn) {
    OutWindow& out = turn.sa.out;
    if (!out.request || out.request->next > turn.now) return true;
    if (turn.sa.authenticated() && out.request->num_sent >= kMaxTransmissions) return false;
    ++out.request->num_sent;
    out.request->wait *= 2;
    out.request->next = turn.now + out.request->wait;
    send_datagram(turn, turn.sa.local, turn.sa.remote, out.request->bytes);
    return true;
}

}  // namespace oegate::ike::v2
