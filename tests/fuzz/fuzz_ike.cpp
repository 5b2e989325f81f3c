// IKE datagrams from strangers: the codec, what is inside SK under a known key, the
// choice of algorithms, and the AlgorithmIdentifier of AUTH. What was parsed and is
// written again must be parsed to the same.
#include <cstdint>
#include <cstdlib>

#include "ike/auth/algorithm_identifier.hpp"
#include "ike/crypto/sk.hpp"
#include "ike/wire/proposals.hpp"

namespace {

using namespace oegate;
using namespace oegate::ike;

void require(bool holds) {
    if (!holds) std::abort();
}

/// What does not come back from a round trip: skipped and encrypted payloads,
/// unknown attributes and selectors.
bool is_whole(const wire::Payload& payload) {
    if (std::holds_alternative<wire::Encrypted>(payload) || std::holds_alternative<wire::Skipped>(payload))
        return false;
    if (const auto* ts = std::get_if<wire::TrafficSelectors>(&payload)) return ts->num_unknown == 0;
    if (const auto* sa = std::get_if<wire::Sa>(&payload))
        for (const wire::Proposal& proposal : sa->proposals)
            for (const wire::Transform& transform : proposal.transforms)
                if (transform.unknown_attribute) return false;
    return true;
}

void use(const wire::Payloads& payloads) {
    const config::Ike config;
    for (const wire::Payload& payload : payloads.list) {
        if (const auto* sa = std::get_if<wire::Sa>(&payload)) {
            if (const auto choice = wire::choose_ike(*sa, config, 31))
                require(wire::check_ike_answer(*sa, choice->answer).has_value());
            if (const auto choice = wire::choose_esp(*sa, config, 31, false, 0x1000))
                require(wire::check_esp_answer(*sa, choice->answer).has_value());
        }
        if (const auto* id = std::get_if<wire::Identification>(&payload))
            if (const auto identity = id->identity()) require(!identity->text().empty());
        if (const auto* auth = std::get_if<wire::Authentication>(&payload))
            if (const auto scheme = parse_algorithm_identifier(auth->data)) require(!scheme->text().empty());
        if (const auto* ts = std::get_if<wire::TrafficSelectors>(&payload))
            for (const wire::TrafficSelector& selector : ts->selectors) require(!selector.text().empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView input(data, size);
    if (const auto message = wire::parse(input)) {
        use(message->payloads);
        bool whole = true;
        for (const wire::Payload& payload : message->payloads.list) whole = whole && is_whole(payload);
        if (whole) {
            const auto again = wire::parse(wire::serialise(message->header, message->payloads));
            require(again && again->payloads.list == message->payloads.list);
        }
        static const SkOpener opener{Secret(Bytes(20, 0x2a))};
        if (const auto inside = opener.open(input, *message)) use(*inside);
    } else {
        require(!message.error().text().empty());
    }
    // The chain inside SK, as if it had been authentic: the first byte is its type.
    if (!input.empty())
        if (const auto inside =
                wire::parse_chain(static_cast<wire::PayloadType>(input[0]), input.subspan(1), true))
            use(*inside);
    return 0;
}
