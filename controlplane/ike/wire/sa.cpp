#include "ike/wire/sa.hpp"

namespace oegate::ike::wire {
namespace {

constexpr std::size_t kProposalHeaderLen = 8;
constexpr std::size_t kTransformHeaderLen = 8;
constexpr std::uint8_t kMoreProposals = 2;   // RFC 7296 §3.3.1
constexpr std::uint8_t kMoreTransforms = 3;  // RFC 7296 §3.3.2
constexpr std::uint16_t kAttributeFormat = 0x8000;

auto wrong(Field field) {
    return fail(ParseError{field, PayloadType::sa});
}

/// RFC 7296 §3.3.5. Key Length is the only attribute; another makes its transform
/// unacceptable, not the message malformed.
Parsed<void> parse_attributes(Reader& in, Transform& transform) {
    while (in.remaining() > 0) {
        const std::uint16_t type = in.u16();
        const std::uint16_t value_or_len = in.u16();
        const bool short_form = type & kAttributeFormat;
        if (!short_form) in.skip(value_or_len);
        if (!in.ok()) return wrong(Field::attribute);
        if ((type & ~kAttributeFormat) != kAttributeKeyLength) {
            transform.unknown_attribute = true;
        } else {
            if (!short_form || value_or_len == 0 || transform.key_bits != 0) return wrong(Field::attribute);
            transform.key_bits = value_or_len;
        }
    }
    return {};
}

Parsed<void> parse_transforms(Reader& in, std::size_t num_transforms, Proposal& proposal) {
    if (num_transforms > Sa::kMaxTransforms) return wrong(Field::num_transforms);
    for (std::size_t i = 0; i < num_transforms; ++i) {
        const std::uint8_t last = in.u8();
        in.skip(1);
        const std::uint16_t length = in.u16();
        Transform transform;
        transform.type = static_cast<TransformType>(in.u8());
        in.skip(1);
        transform.id = in.u16();
        if (!in.ok()) return wrong(Field::transform_header);
        if (last != (i + 1 < num_transforms ? kMoreTransforms : 0)) return wrong(Field::transform_last);
        if (length < kTransformHeaderLen) return wrong(Field::transform_length);
        Reader attributes(in.take(length - kTransformHeaderLen));
        if (!in.ok()) return wrong(Field::transform_length);
        if (auto parsed = parse_attributes(attributes, transform); !parsed) return parsed;
        proposal.transforms.push_back(transform);
    }
    if (!in.done()) return wrong(Field::num_transforms);
    return {};
}

/// Zero in IKE_SA_INIT, else 8 for IKE; 4 for ESP and AH (RFC 7296 §3.3.1). Protocols
/// that we do not know may have any.
bool good_spi_size(ProtocolId protocol, std::size_t size) {
    switch (protocol) {
        case ProtocolId::ike:
            return size == 0 || size == 8;
        case ProtocolId::ah:
        case ProtocolId::esp:
            return size == 4;
        default:
            return true;
    }
}

/// The body behind last, reserved and length.
Parsed<Proposal> parse_proposal(Reader in) {
    Proposal proposal;
    proposal.number = in.u8();
    proposal.protocol = static_cast<ProtocolId>(in.u8());
    const std::size_t spi_size = in.u8();
    const std::size_t num_transforms = in.u8();
    if (!in.ok()) return wrong(Field::proposal_header);
    const ByteView spi = in.take(spi_size);
    if (!in.ok() || !good_spi_size(proposal.protocol, spi_size)) return wrong(Field::spi_size);
    proposal.spi.assign(spi.begin(), spi.end());
    if (auto parsed = parse_transforms(in, num_transforms, proposal); !parsed) return fail(parsed.error());
    return proposal;
}

void write_transform(Writer& out, const Transform& transform, bool last) {
    out.u8(last ? 0 : kMoreTransforms).u8(0).u16(kTransformHeaderLen + (transform.key_bits ? 4 : 0));
    out.u8(static_cast<std::uint8_t>(transform.type)).u8(0).u16(transform.id);
    if (transform.key_bits) out.u16(kAttributeFormat | kAttributeKeyLength).u16(transform.key_bits);
}

}  // namespace

Parsed<Sa> Sa::parse(ByteView body) {
    Sa sa;
    Reader in(body);
    for (bool more = true; more;) {
        if (sa.proposals.size() == kMaxProposals) return wrong(Field::num_proposals);
        const std::uint8_t last = in.u8();
        in.skip(1);
        const std::uint16_t length = in.u16();
        if (!in.ok()) return wrong(sa.proposals.empty() ? Field::num_proposals : Field::proposal_header);
        if (last != 0 && last != kMoreProposals) return wrong(Field::proposal_last);
        if (length < kProposalHeaderLen) return wrong(Field::proposal_length);
        const ByteView rest = in.take(length - 4u);
        if (!in.ok()) return wrong(Field::proposal_length);
        auto proposal = parse_proposal(Reader(rest));
        if (!proposal) return fail(proposal.error());
        // RFC 7296 §3.3.1: each one more than the one before. An answer holds one
        // proposal under the number of the offered one.
        const bool in_order =
            sa.proposals.empty() ? proposal->number != 0 : proposal->number == sa.proposals.back().number + 1;
        if (!in_order) return wrong(Field::proposal_number);
        sa.proposals.push_back(*std::move(proposal));
        more = last == kMoreProposals;
    }
    if (!in.done()) return wrong(Field::proposal_last);
    return sa;
}

void Sa::serialise(Writer& out) const {
    for (std::size_t i = 0; i < proposals.size(); ++i) {
        const Proposal& proposal = proposals[i];
        const std::size_t start = out.size();
        out.u8(i + 1 < proposals.size() ? kMoreProposals : 0).u8(0).u16(0);
        out.u8(proposal.number).u8(static_cast<std::uint8_t>(proposal.protocol));
        out.u8(static_cast<std::uint8_t>(proposal.spi.size()));
        out.u8(static_cast<std::uint8_t>(proposal.transforms.size()));
        out.put(proposal.spi);
        for (std::size_t t = 0; t < proposal.transforms.size(); ++t)
            write_transform(out, proposal.transforms[t], t + 1 == proposal.transforms.size());
        out.set_u16(start + 2, static_cast<std::uint16_t>(out.size() - start));
    }
}

}  // namespace oegate::ike::wire
