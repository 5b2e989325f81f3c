// What is asked for and answered for a child (RFC 7296 §1.3, §2.9).
#include "ike/v2/child_offer.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace oegate::ike::v2 {

namespace {

/// The one host that a list means: its first host entry, if an entry without
/// protocol or port allows all of that host's traffic.
std::optional<Address> one_host(const wire::TrafficSelectors* list) {
    if (list == nullptr) return std::nullopt;
    for (const auto& specific : list->selectors) {
        if (specific.start != specific.end) continue;
        for (const auto& wide : list->selectors)
            if (wide.any_protocol_and_port() && wide.contains(specific.start)) return specific.start;
    }
    return std::nullopt;
}

bool is_exactly(const wire::TrafficSelectors* list, const Address& host) {
    return list != nullptr && list->num_unknown == 0 && list->selectors.size() == 1 &&
           list->selectors.front().is_host(host) && list->selectors.front().any_protocol_and_port();
}

std::string describe(const wire::TrafficSelectors* list) {
    if (list == nullptr) return "nothing";
    std::string text;
    for (const auto& selector : list->selectors) {
        if (!text.empty()) text += ", ";
        text += selector.text();
    }
    return text.empty() ? "nothing" : text;
}

}  // namespace

std::optional<Pair> narrow_to_pair(const wire::Payloads& payloads) {
    const auto source = one_host(payloads.ts(wire::PayloadType::ts_i));
    const auto destination = one_host(payloads.ts(wire::PayloadType::ts_r));
    if (!source || !destination || source->family() != destination->family()) return std::nullopt;
    return Pair{*source, *destination};
}

void add_selectors(wire::Payloads& payloads, const Pair& pair) {
    payloads.add(
        wire::TrafficSelectors{wire::PayloadType::ts_i, {wire::TrafficSelector::host(pair.source)}, 0});
    payloads.add(
        wire::TrafficSelectors{wire::PayloadType::ts_r, {wire::TrafficSelector::host(pair.destination)}, 0});
}

Failure failure_of(wire::NotifyType type) {
    switch (type) {
        case wire::NotifyType::no_additional_sas:
            return Failure::full;
        case wire::NotifyType::authentication_failed:
            return Failure::refused;
        default:
            return Failure::child_refused;
    }
}

ChildEvent judge_answer(Turn& turn, Child& child, const wire::Payloads& payloads) {
    const auto* sa = payloads.find<wire::Sa>();
    if (sa == nullptr) {
        turn.detail = "answer without an SA payload";
        return ChildEvent::declined;
    }
    const auto choice = wire::check_esp_answer(child.offer, *sa);
    if (!choice) {
        turn.detail = fmt::format("the peer accepted a proposal that we did not make ({})",
                                  wire::to_text(choice.error()));
        return ChildEvent::unacceptable;
    }
    child.suite = choice->suite;
    turn.core.set_spi_out(child, choice->spi);
    const auto* ts_i = payloads.ts(wire::PayloadType::ts_i);
    const auto* ts_r = payloads.ts(wire::PayloadType::ts_r);
    if (!is_exactly(ts_i, child.pair.source) || !is_exactly(ts_r, child.pair.destination)) {
        turn.detail = fmt::format(
            "asked for {}, the peer's selectors are {} -> {}; a pair is never narrowed "
            "or widened",
            child.pair.text(), describe(ts_i), describe(ts_r));
        return ChildEvent::unacceptable;
    }
    if (payloads.notify(wire::NotifyType::use_transport_mode) != nullptr) {
        turn.detail = "the peer answered with transport mode; only tunnel mode was offered";
        return ChildEvent::unacceptable;
    }
    if (child.first) return ChildEvent::accepted;
    const auto* nonce = payloads.find<wire::Nonce>();
    const auto* ke = payloads.find<wire::KeyExchange>();
    if (nonce == nullptr || !child.suite.group || ke == nullptr || dh_group(ke->group) != child.group ||
        *child.suite.group != child.group || ke->data.size() != public_value_len(child.group)) {
        turn.detail = "answer without the nonce or the key exchange that perfect forward secrecy needs";
        return ChildEvent::unacceptable;
    }
    child.nr = nonce->data;
    child.peer_public = ke->data;
    return ChildEvent::accepted;
}

ChildEvent judge_refusal(Turn& turn, const Child& child, const wire::Notify& refusal) {
    turn.notify = refusal.type;
    turn.detail = fmt::format("{} answered {}", turn.sa.peer.text(), wire::to_text(refusal.type));
    if (refusal.type == wire::NotifyType::temporary_failure) return ChildEvent::retry;
    if (refusal.type == wire::NotifyType::invalid_ke_payload && !child.first) {
        const auto wanted = dh_group(refusal.u16().value_or(0));
        const auto& ours = turn.core.settings.ike.groups;
        if (wanted && *wanted != child.group && std::find(ours.begin(), ours.end(), *wanted) != ours.end())
            return ChildEvent::group_wanted;
    }
    return ChildEvent::declined;
}

wire::NotifyType accept_offer(Turn& turn, Child& child) {
    const bool first = child.first;
    const auto group = child.peer_public.empty()
                           ? std::optional<std::uint16_t>()
                           : std::optional<std::uint16_t>(static_cast<std::uint16_t>(child.group));
    const auto choice = wire::choose_esp(child.offer, turn.core.settings.ike, group, first, child.spi_in);
    if (!choice) {
        turn.detail = "no ESP proposal in common (ours: ike.suites and ike.esn)";
        return wire::NotifyType::no_proposal_chosen;
    }
    child.suite = choice->suite;
    turn.core.set_spi_out(child, choice->spi);
    child.answer = choice->answer;
    if (child.suite.group && (!group || *child.suite.group != child.group))
        return wire::NotifyType::invalid_ke_payload;
    return wire::NotifyType::none;
}

}  // namespace oegate::ike::v2
