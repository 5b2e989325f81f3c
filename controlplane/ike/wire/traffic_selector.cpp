#include "ike/wire/traffic_selector.hpp"

#include <fmt/format.h>

namespace oegate::ike::wire {
namespace {

constexpr std::uint8_t kIpv4Range = 7;  // RFC 7296 §3.13.1
constexpr std::uint8_t kIpv6Range = 8;
constexpr std::size_t kSelectorHeaderLen = 8;

/// start | end. An IPv4-mapped address in an IPv6 range names nobody: it would pass
/// for IPv4 further in, and a mixed range would be half of each.
Parsed<void> parse_addresses(PayloadType type, ByteView bytes, TrafficSelector& selector) {
    const std::size_t len = bytes.size() / 2;
    const auto start = Address::from_wire(bytes.first(len));
    const auto end = Address::from_wire(bytes.last(len));
    const Family family = len == 4 ? Family::ipv4 : Family::ipv6;
    if (!start || !end || start->family() != family || end->family() != family || *end < *start)
        return fail(ParseError{Field::selector_addresses, type});
    selector.start = *start;
    selector.end = *end;
    return {};
}

/// RFC 7296 §3.13.1: 0-65535 is ANY, 65535-0 is OPAQUE; no other range runs backwards.
bool good_ports(std::uint16_t start, std::uint16_t end) {
    return start <= end || (start == 65535 && end == 0);
}

}  // namespace

bool TrafficSelector::contains(const Address& address) const {
    return address.family() == start.family() && start <= address && address <= end;
}

std::string TrafficSelector::text() const {
    std::string text = start == end ? start.text() : fmt::format("{}-{}", start.text(), end.text());
    if (!any_protocol_and_port()) text += fmt::format("[{}/{}-{}]", protocol, start_port, end_port);
    return text;
}

Parsed<TrafficSelectors> TrafficSelectors::parse(PayloadType type, ByteView body) {
    const auto wrong = [type](Field field) { return fail(ParseError{field, type}); };
    TrafficSelectors result;
    result.type = type;
    Reader in(body);
    const std::size_t num_selectors = in.u8();
    in.skip(3);
    if (!in.ok() || num_selectors == 0 || num_selectors > kMaxSelectors) return wrong(Field::num_selectors);
    for (std::size_t i = 0; i < num_selectors; ++i) {
        TrafficSelector selector;
        const std::uint8_t ts_type = in.u8();
        selector.protocol = in.u8();
        const std::size_t length = in.u16();
        if (!in.ok()) return wrong(Field::num_selectors);
        const ByteView rest = length < 4 ? ByteView() : in.take(length - 4);
        if (length < 4 || !in.ok()) return wrong(Field::selector_length);
        if (ts_type != kIpv4Range && ts_type != kIpv6Range) {
            ++result.num_unknown;
            continue;
        }
        if (length != kSelectorHeaderLen + (ts_type == kIpv4Range ? 8u : 32u))
            return wrong(Field::selector_length);
        Reader fields(rest);
        selector.start_port = fields.u16();
        selector.end_port = fields.u16();
        if (!good_ports(selector.start_port, selector.end_port)) return wrong(Field::selector_ports);
        if (auto parsed = parse_addresses(type, fields.rest(), selector); !parsed)
            return fail(parsed.error());
        result.selectors.push_back(selector);
    }
    if (!in.done()) return wrong(Field::num_selectors);
    return result;
}

void TrafficSelectors::serialise(Writer& out) const {
    out.u8(static_cast<std::uint8_t>(selectors.size())).zeros(3);
    for (const TrafficSelector& selector : selectors) {
        const bool ipv4 = selector.start.is_ipv4();
        out.u8(ipv4 ? kIpv4Range : kIpv6Range).u8(selector.protocol);
        out.u16(static_cast<std::uint16_t>(kSelectorHeaderLen + (ipv4 ? 8 : 32)));
        out.u16(selector.start_port).u16(selector.end_port);
        out.put(selector.start.wire()).put(selector.end.wire());
    }
}

}  // namespace oegate::ike::wire
