// The judgement (keying.md, Rules that are easy to lose): one verdict over all
// types, precedence, self-only, weakest link. Called by discovery when the replies
// are in; pure, so that each rule is a test.
#pragma once

#include <array>
#include <map>

#include "config/config.hpp"
#include "discovery/answer.hpp"
#include "discovery/reply.hpp"

namespace oegate::discovery {

/// In the order in which the types count.
inline constexpr std::array<RecordType, 3> kTypes{RecordType::ipseckey, RecordType::txt, RecordType::key};
/// One reply a type, indexed as kTypes.
using Replies = std::array<Reply, 3>;

/// keying.md, Bounds. A gateway by name counts once for each of its addresses.
inline constexpr std::size_t kMaxGateways = 8;
inline constexpr std::size_t kMaxKeys = 8;  // per owner and per gateway
/// Names of gateways that are looked up for one owner, and addresses that count of each.
inline constexpr std::size_t kMaxNames = 4;
inline constexpr std::size_t kMaxAddresses = 4;

/// What the configuration decides about the judgement.
struct Rules {
    config::UnsignedRecords unsigned_records = config::UnsignedRecords::self_only;
    Duration longest = config::Dns{}.longest_ttl;
    /// How long a failure, bogus answers included, decides: timers.dns-failure. The one
    /// place; RFC 9520 §3.2 allows a second to five minutes, which is what the key takes.
    Duration failure = config::Timers{}.dns_failure;
    /// Families of which this gateway has an outside address.
    bool ipv4 = true, ipv6 = true;

    /// Of an answer that could not be had: `failure`, but soon again when a question was
    /// not even asked.
    Duration failed(const Replies& replies) const;
    /// The shortest that any of them holds.
    Duration shortest(const Replies& replies) const;
};

/// The address records of a gateway that DNS gives by name (RFC 4025 §2.3, type 3).
struct NameReplies {
    Reply a, aaaa;
};
using Names = std::map<std::string, NameReplies>;  // no final dot

/// The names whose addresses the judgement needs, strongest first: gateways of secure
/// IPSECKEY records. A TXT `=@FQDN` is an identity and is never resolved (keying.md).
std::vector<std::string> names_to_resolve(const Reply& ipseckey);

/// Candidates come sorted by precedence; equal ones in the order of the answer
/// (discovery shuffles them).
/// A gateway by name counts only when its record and its address are secure.
DelegationAnswer judge_delegation(const Address& owner, const Replies& replies, const Names& names = {},
                                  const Rules& rules = {});

/// Keys at an identity's own name: IPSECKEY without gateway or naming the identity,
/// TXT naming it, KEY. All are candidates (OE draft §5.4).
KeyAnswer judge_keys(const Identity& owner, const Replies& replies, const Rules& rules = {});

}  // namespace oegate::discovery
