// The judgement (keying.md, Rules that are easy to lose): one verdict over all
// types, precedence, self-only, weakest link. Called by discovery when the replies
// are in; pure, so that each rule is a test.
#pragma once

#include <array>

#include "discovery/answer.hpp"
#include "discovery/reply.hpp"

namespace oegate::discovery {

/// In the order in which the types count.
inline constexpr std::array<RecordType, 3> kTypes{RecordType::ipseckey, RecordType::txt, RecordType::key};
/// One reply a type, indexed as kTypes.
using Replies = std::array<Reply, 3>;

inline constexpr std::size_t kMaxGateways = 8;
inline constexpr std::size_t kMaxKeys = 8;  // per owner and per gateway

/// Candidates come sorted by precedence; equal ones in the order of the answer
/// (discovery shuffles them).
DelegationAnswer judge_delegation(const Address& owner, const Replies& replies);

/// Keys at an identity's own name: IPSECKEY without gateway or naming the identity,
/// TXT naming it, KEY. All are candidates (OE draft §5.4).
KeyAnswer judge_keys(const Identity& owner, const Replies& replies);

}  // namespace oegate::discovery
