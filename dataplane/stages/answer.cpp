// answer: an ICMP error of ours about a datagram that came out of a tunnel goes back
// through the tunnel, in the SA that carries the return traffic of that datagram (RFC
// 4301 §6.2). Called by the loop; stages/icmp.cpp makes the errors.
#include "net/headers.hpp"
#include "stages/handoff.hpp"
#include "stages/icmp_quote.hpp"
#include "worker/foreign_sa.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

/// The SPD cache says whether there is such an SA: never is one made for this, and nothing
/// that was protected leaves in the clear.
void return_by(Worker& worker, const Pair& pair, rte_mbuf* answer, Burst& encrypt) {
    const FlowCache& flows = worker.security->flows;
    const std::uint32_t flow = flows.find(pair);
    if (flow == FlowCache::kNone || flows.entry(flow).state != FlowState::encrypt)
        return drop(worker, answer, Drop::icmp_no_sa);
    meta(answer).sa = flows.entry(flow).sa();
    if (is_elsewhere(meta(answer).sa)) return hand_over_to_sa(worker, answer);
    encrypt.push(answer);
}

}  // namespace

void find_way_back(Worker& worker, Burst& answers, Burst& encrypt) {
    for (rte_mbuf* answer : answers) {
        const Meta& m = meta(answer);
        const ByteView message{data(answer) + m.header_len,
                               static_cast<std::size_t>(rte_pktmbuf_data_len(answer) - m.header_len)};
        const auto about = quoted_pair(message, m.family);
        if (!about) {
            drop(worker, answer, Drop::icmp_no_sa);
            continue;
        }
        const Pair back = about->reversed();
        if (const unsigned to = owner(worker, back); to != worker.index)
            hand_over(worker, answer, to, Resume::answer);
        else
            return_by(worker, back, answer, encrypt);
    }
    answers.clear();
}

}  // namespace oegate
