#include "ike/wire/message.hpp"

namespace oegate::ike::wire {
namespace {

constexpr std::uint8_t kFlagInitiator = 0x08;  // RFC 7296 §3.1
constexpr std::uint8_t kFlagResponse = 0x20;
constexpr std::uint8_t kCritical = 0x80;  // RFC 7296 §3.2

/// The header and the type of the first payload.
struct Start {
    Header header;
    PayloadType first = PayloadType::none;
};

Parsed<Start> parse_start(ByteView datagram, bool any_version) {
    const auto wrong = [](Field field) { return fail(ParseError{field, PayloadType::none}); };
    Reader in(datagram);
    Start start;
    Header& header = start.header;
    header.spi_initiator = in.u64();
    header.spi_responder = in.u64();
    start.first = static_cast<PayloadType>(in.u8());
    const std::uint8_t version = in.u8();
    header.exchange = static_cast<ExchangeType>(in.u8());
    const std::uint8_t flags = in.u8();
    header.message_id = in.u32();
    const std::uint32_t length = in.u32();
    if (!in.ok()) return wrong(Field::header);
    header.major_version = version >> 4;
    header.minor_version = version & 15;
    header.initiator = flags & kFlagInitiator;
    header.response = flags & kFlagResponse;
    if (any_version) return start;
    if (header.major_version != 2) return wrong(Field::major_version);
    if (length != datagram.size()) return wrong(Field::message_length);
    // RFC 7296 §1.5 allows zero in an INVALID_SPI notification outside of an IKE SA.
    if (header.spi_initiator == 0 && header.exchange != ExchangeType::informational)
        return wrong(Field::spi_initiator);
    return start;
}

template <class T>
Parsed<Payload> widen(Parsed<T> parsed) {
    if (!parsed) return fail(parsed.error());
    return Payload(*std::move(parsed));
}

Parsed<Payload> parse_payload(PayloadType type, bool critical, ByteView body) {
    switch (type) {
        case PayloadType::sa:
            return widen(Sa::parse(body));
        case PayloadType::ke:
            return widen(KeyExchange::parse(body));
        case PayloadType::id_i:
        case PayloadType::id_r:
            return widen(Identification::parse(type, body));
        case PayloadType::auth:
            return widen(Authentication::parse(body));
        case PayloadType::nonce:
            return widen(Nonce::parse(body));
        case PayloadType::notify:
            return widen(Notify::parse(body));
        case PayloadType::delete_sa:
            return widen(Delete::parse(body));
        case PayloadType::vendor_id:
            return widen(VendorId::parse(body));
        case PayloadType::ts_i:
        case PayloadType::ts_r:
            return widen(TrafficSelectors::parse(type, body));
        case PayloadType::skf:
            return fail(ParseError{Field::fragment, type});
        case PayloadType::cert:
        case PayloadType::certreq:
        case PayloadType::cp:
        case PayloadType::eap:
            return Payload(Skipped{type, body.size()});
        default:
            break;
    }
    // RFC 7296 §2.5: the bit speaks of unknown types only.
    if (critical) return fail(ParseError{Field::critical, type});
    return Payload(Skipped{type, body.size()});
}

/// Those that an exchange may hold once: a second one is malformed, not a choice.
bool occurs_once(PayloadType type) {
    switch (type) {
        case PayloadType::sa:
        case PayloadType::ke:
        case PayloadType::id_i:
        case PayloadType::id_r:
        case PayloadType::auth:
        case PayloadType::nonce:
        case PayloadType::ts_i:
        case PayloadType::ts_r:
            return true;
        default:
            return false;
    }
}

bool holds(const Payloads& payloads, PayloadType type) {
    for (const Payload& payload : payloads.list)
        if (type_of(payload) == type) return true;
    return false;
}

/// base: offset of `bytes` in the datagram.
Parsed<Payloads> parse_payloads(PayloadType first, ByteView bytes, std::size_t base, bool inside_sk) {
    Payloads payloads;
    Reader in(bytes);
    PayloadType type = first;
    while (type != PayloadType::none) {
        const auto wrong = [type](Field field) { return fail(ParseError{field, type}); };
        if (payloads.list.size() == kMaxPayloads) return wrong(Field::num_payloads);
        const auto next = static_cast<PayloadType>(in.u8());
        const bool critical = in.u8() & kCritical;
        const std::size_t length = in.u16();
        if (!in.ok()) return wrong(Field::payload_header);
        if (length < kGenericHeaderLen) return wrong(Field::payload_length);
        const std::size_t offset = base + in.offset();
        const ByteView body = in.take(length - kGenericHeaderLen);
        if (!in.ok()) return wrong(Field::payload_length);
        if (type == PayloadType::sk) {
            if (inside_sk) return wrong(Field::nested);
            if (!in.done()) return wrong(Field::not_last);
            payloads.add(Encrypted{next, offset, {body.begin(), body.end()}});
            return payloads;  // `next` is inside
        }
        if (occurs_once(type) && holds(payloads, type)) return wrong(Field::duplicate);
        auto payload = parse_payload(type, critical, body);
        if (!payload) return fail(payload.error());
        payloads.list.push_back(*std::move(payload));
        type = next;
    }
    if (!in.done()) return fail(ParseError{Field::trailing, inside_sk ? PayloadType::sk : PayloadType::none});
    return payloads;
}

struct TypeOf {
    PayloadType operator()(const Sa&) const { return PayloadType::sa; }
    PayloadType operator()(const KeyExchange&) const { return PayloadType::ke; }
    PayloadType operator()(const Identification& id) const { return id.type; }
    PayloadType operator()(const Authentication&) const { return PayloadType::auth; }
    PayloadType operator()(const Nonce&) const { return PayloadType::nonce; }
    PayloadType operator()(const Notify&) const { return PayloadType::notify; }
    PayloadType operator()(const Delete&) const { return PayloadType::delete_sa; }
    PayloadType operator()(const VendorId&) const { return PayloadType::vendor_id; }
    PayloadType operator()(const TrafficSelectors& ts) const { return ts.type; }
    PayloadType operator()(const Encrypted&) const { return PayloadType::sk; }
    PayloadType operator()(const Skipped& skipped) const { return skipped.type; }
};

template <class T>
concept Serialisable = requires(const T& payload, Writer& out) { payload.serialise(out); };

}  // namespace

PayloadType type_of(const Payload& payload) {
    return std::visit(TypeOf{}, payload);
}

const Identification* Payloads::id(PayloadType type) const {
    for (const Payload& payload : list)
        if (const auto* id = std::get_if<Identification>(&payload); id && id->type == type) return id;
    return nullptr;
}

const TrafficSelectors* Payloads::ts(PayloadType type) const {
    for (const Payload& payload : list)
        if (const auto* ts = std::get_if<TrafficSelectors>(&payload); ts && ts->type == type) return ts;
    return nullptr;
}

const Notify* Payloads::notify(NotifyType type) const {
    for (const Notify* notify : notifies())
        if (notify->type == type) return notify;
    return nullptr;
}

std::vector<const Notify*> Payloads::notifies() const {
    std::vector<const Notify*> found;
    for (const Payload& payload : list)
        if (const auto* notify = std::get_if<Notify>(&payload)) found.push_back(notify);
    return found;
}

const Notify* Payloads::first_error() const {
    for (const Notify* notify : notifies())
        if (is_error(notify->type)) return notify;
    return nullptr;
}

std::vector<const Delete*> Payloads::deletes() const {
    std::vector<const Delete*> found;
    for (const Payload& payload : list)
        if (const auto* one = std::get_if<Delete>(&payload)) found.push_back(one);
    return found;
}

Parsed<Header> parse_header(ByteView datagram) {
    auto start = parse_start(datagram, false);
    if (!start) return fail(start.error());
    return start->header;
}

Parsed<Header> parse_header_any_version(ByteView datagram) {
    auto start = parse_start(datagram, true);
    if (!start) return fail(start.error());
    return start->header;
}

Parsed<Message> parse(ByteView datagram) {
    auto start = parse_start(datagram, false);
    if (!start) return fail(start.error());
    auto payloads = parse_payloads(start->first, datagram.subspan(kHeaderLen), kHeaderLen, false);
    if (!payloads) return fail(payloads.error());
    return Message{start->header, *std::move(payloads)};
}

Parsed<Payloads> parse_chain(PayloadType first, ByteView bytes, bool inside_sk) {
    return parse_payloads(first, bytes, 0, inside_sk);
}

Bytes serialise_chain(const Payloads& payloads, PayloadType& first) {
    Writer out;
    first = PayloadType::none;
    std::size_t next_field = 0;  // where the type of the coming payload goes
    for (const Payload& payload : payloads.list) {
        std::visit(
            [&]<class T>(const T& p) {
                if constexpr (Serialisable<T>) {
                    const PayloadType type = type_of(payload);
                    if (first == PayloadType::none)
                        first = type;
                    else
                        out.set_u8(next_field, static_cast<std::uint8_t>(type));
                    next_field = out.size();
                    out.u8(0).u8(0).u16(0);
                    p.serialise(out);
                    out.set_u16(next_field + 2, static_cast<std::uint16_t>(out.size() - next_field));
                }
            },
            payload);
    }
    return std::move(out).take();
}

void serialise_header(Writer& out, const Header& header, PayloadType first, std::uint32_t length) {
    out.u64(header.spi_initiator).u64(header.spi_responder);
    out.u8(static_cast<std::uint8_t>(first)).u8(0x20).u8(static_cast<std::uint8_t>(header.exchange));
    out.u8(static_cast<std::uint8_t>((header.initiator ? kFlagInitiator : 0) |
                                     (header.response ? kFlagResponse : 0)));
    out.u32(header.message_id).u32(length);
}

Bytes serialise(const Header& header, const Payloads& payloads) {
    PayloadType first = PayloadType::none;
    const Bytes chain = serialise_chain(payloads, first);
    Writer out;
    serialise_header(out, header, first, static_cast<std::uint32_t>(kHeaderLen + chain.size()));
    out.put(chain);
    return std::move(out).take();
}

}  // namespace oegate::ike::wire
