// DNS messages (RFC 1035 §4, RFC 6891): builds a question and takes an answer apart
// into owner, type, TTL and rdata bytes. Used by query and reply. The only includer
// of ldns (in the .cpp), which reads and writes names and builds the question. It
// judges nothing and looks into no rdata but that of SOA, RRSIG, NS, CNAME and DNAME.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace oegate::discovery {

/// Types that the wire itself must know; those of the records are RecordType.
inline constexpr std::uint16_t kTypeA = 1;
inline constexpr std::uint16_t kTypeCname = 5;
inline constexpr std::uint16_t kTypeSoa = 6;
inline constexpr std::uint16_t kTypeAaaa = 28;
inline constexpr std::uint16_t kTypeDname = 39;
inline constexpr std::uint16_t kTypeRrsig = 46;
inline constexpr std::uint16_t kTypeNs = 2;

inline constexpr unsigned kRcodeNoError = 0;
inline constexpr unsigned kRcodeFormErr = 1;
inline constexpr unsigned kRcodeServFail = 2;
inline constexpr unsigned kRcodeNxDomain = 3;
inline constexpr unsigned kRcodeBadVers = 16;

/// A domain name is text: lower case, with escapes (RFC 4343 §2.1) and final dot.
struct Question {
    std::string name;
    std::uint16_t type = 0;
    auto operator<=>(const Question&) const = default;
};

struct Rr {
    std::string owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;  // seconds; 0 when the top bit was set (RFC 2181 §8)
    Bytes rdata;            // as sent: names inside it may be compressed
    // Read out of rdata, each for its own type:
    std::string target;             // NS, CNAME, DNAME
    std::uint32_t soa_minimum = 0;  // SOA, seconds
    std::uint16_t covered = 0;      // RRSIG: the type that it signs
    std::uint32_t expiration = 0;   // RRSIG: seconds since the epoch, modulo 2^32
};

struct Message {
    std::uint16_t id = 0;
    unsigned opcode = 0;
    bool response = false;            // QR
    bool authoritative = false;       // AA
    bool truncated = false;           // TC
    bool authentic = false;           // AD
    unsigned rcode = 0;               // with the upper bits of EDNS (RFC 6891 §6.1.3)
    std::vector<Question> questions;  // those of class IN
    std::vector<Rr> answer;           // class IN
    std::vector<Rr> authority;        // class IN
};

enum class WireError : std::uint8_t { truncated, bad_name, bad_rdata, bad_edns, trailing_bytes };
std::string_view to_text(WireError error);

/// RD, EDNS0 with DO and 1232 bytes of UDP payload; AD asks for the judgement
/// (RFC 6840 §5.7), checking_disabled for the data without it (RFC 4035 §3.2.2).
/// plain: no EDNS at all, for a server that does not know it (RFC 6891 §6.2.2).
/// Empty when the name cannot stand in a question.
Bytes build_query(std::uint16_t id, const Question& question, bool checking_disabled, bool plain = false);

/// Never reads past the end, whatever the bytes are. The additional section is
/// walked for EDNS only.
Result<Message, WireError> parse_message(ByteView bytes);

/// The text form that all names here have; empty for what is no domain name.
std::string canonical_name(std::string_view text);

}  // namespace oegate::discovery
