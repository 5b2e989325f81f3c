// The Security Association payload: proposals, transforms, attributes (RFC 7296
// §3.3). Layout only; what is offered, chosen and accepted is in proposals.hpp.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "base/cursor.hpp"
#include "ike/wire/error.hpp"

namespace oegate::ike::wire {

struct Transform {
    TransformType type = TransformType::encr;
    std::uint16_t id = 0;
    std::uint16_t key_bits = 0;      // Key Length attribute; 0: not there
    bool unknown_attribute = false;  // never acceptable (RFC 7296 §3.3.6)
    bool operator==(const Transform&) const = default;
};

struct Proposal {
    std::uint8_t number = 1;
    ProtocolId protocol = ProtocolId::ike;
    Bytes spi;  // empty in IKE_SA_INIT; 8 bytes for an IKE rekey; 4 for ESP
    std::vector<Transform> transforms;
    bool operator==(const Proposal&) const = default;
};

struct Sa {
    static constexpr std::size_t kMaxProposals = 64;
    static constexpr std::size_t kMaxTransforms = 128;  // in one proposal

    std::vector<Proposal> proposals;

    static Parsed<Sa> parse(ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const Sa&) const = default;
};

}  // namespace oegate::ike::wire
