#include "manage/arguments.hpp"

namespace oegate::manage {

Response usage(std::string text) {
    return {Status::usage, nullptr, std::move(text)};
}

std::string quoted(const std::string& text) {
    return "\"" + text.substr(0, 60) + "\"";
}

std::optional<Address> address_argument(const std::string& text, const Reply& reply) {
    auto address = Address::parse(text);
    if (!address)
        reply(usage(quoted(text) + " is not an address, expected one such as 192.0.2.1 or 2001:db8::1"));
    return address;
}

std::optional<Pair> pair_argument(const std::vector<std::string>& arguments, const Reply& reply) {
    const auto source = address_argument(arguments[0], reply);
    if (!source) return std::nullopt;
    const auto destination = address_argument(arguments[1], reply);
    if (!destination) return std::nullopt;
    if (source->family() != destination->family()) {
        reply(usage("source and destination are of different families, expected both IPv4 or both IPv6"));
        return std::nullopt;
    }
    return Pair{*source, *destination};
}

std::optional<std::uint8_t> protocol_argument(const std::string& text) {
    struct Protocol {
        const char* name;
        std::uint8_t number;
    };
    // IANA protocol numbers.
    for (const Protocol& known : {Protocol{"icmp", 1}, Protocol{"tcp", 6}, Protocol{"udp", 17},
                                  Protocol{"icmpv6", 58}, Protocol{"sctp", 132}})
        if (text == known.name) return known.number;
    return number_argument<std::uint8_t>(text);
}

std::optional<std::uint64_t> size_argument(const std::string& text) {
    if (text.empty()) return std::nullopt;
    unsigned shift = 0;
    switch (text.back()) {
        case 'K':
            shift = 10;
            break;
        case 'M':
            shift = 20;
            break;
        case 'G':
            shift = 30;
            break;
        default:
            return number_argument<std::uint64_t>(text);
    }
    const auto number = number_argument<std::uint64_t>(text.substr(0, text.size() - 1));
    if (!number || *number > UINT64_MAX >> shift) return std::nullopt;
    return *number << shift;
}

std::optional<Option> option_argument(const std::string& text) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos) return std::nullopt;
    return Option{text.substr(0, equals), text.substr(equals + 1)};
}

}  // namespace oegate::manage
