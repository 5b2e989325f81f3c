// A DNS message as a judge of signatures sees it: RRsets in canonical form (RFC 4034
// §6.2), each with the RRSIGs that claim to cover it. Read by validate/ from the bytes
// that came, names inside rdata uncompressed; records that cannot be read are left out
// (their RRset then fails its signature).
#pragma once

#include <optional>
#include <vector>

#include "discovery/validate/name.hpp"

namespace oegate::discovery::validate {

inline constexpr std::uint16_t kNs = 2, kCname = 5, kSoa = 6, kDname = 39, kDs = 43, kRrsig = 46, kNsec = 47,
                               kDnskey = 48, kNsec3 = 50;

/// RFC 4034 §3.1.
struct Signature {
    std::uint16_t covered = 0;
    std::uint8_t algorithm = 0;
    std::uint8_t labels = 0;
    std::uint32_t original_ttl = 0;
    std::uint32_t expiration = 0;  // seconds since the epoch, serial (§3.1.5)
    std::uint32_t inception = 0;
    std::uint16_t tag = 0;
    Name signer;
    Bytes rdata;  // whole
};

struct Rrset {
    Name owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 0;     // the smallest
    std::vector<Bytes> rdata;  // each once
    std::vector<Signature> signatures;
};

/// More signatures over one RRset are not looked at.
inline constexpr std::size_t kMaxSignatures = 32;

struct Section {
    std::vector<Rrset> rrsets;

    const Rrset* find(const Name& owner, std::uint16_t type) const;
};

struct Contents {
    unsigned rcode = 0;
    Section answer;
    Section authority;
};

/// nullopt: no message, or one that ends too early.
std::optional<Contents> read_contents(ByteView message);

/// Its mnemonic, for what is said to people.
std::string type_text(std::uint16_t type);

/// The name that a CNAME or DNAME leads to; nullopt unless there is exactly one.
std::optional<Name> target_of(const Rrset& alias);

}  // namespace oegate::discovery::validate
