// One RRset against the keys of one zone (RFC 4035 §5.3), and keys against DS records
// (RFC 4034 §5). Used by chain and own. ldns canonicalises and verifies; here is what
// may be tried at all, and how often.
#pragma once

#include <string>

#include "base/clock.hpp"
#include "discovery/validate/section.hpp"

namespace oegate::discovery::validate {

/// RFC 4034 §2.1.
struct Key {
    std::uint16_t flags = 0;
    std::uint8_t protocol = 0;
    std::uint8_t algorithm = 0;
    std::uint16_t tag = 0;
    Bytes rdata;  // whole

    bool is_zone_key() const;     // RFC 4034 §2.1.1, §2.1.2
    bool is_entry_point() const;  // meant to be trusted by others: SEP (RFC 4034 §2.1.1)
    bool is_revoked() const;      // RFC 5011 §2.1
    /// A zone key, not revoked, of an algorithm and a size that are verified here.
    bool is_usable() const;
};
std::optional<Key> read_key(ByteView rdata);

/// RFC 4034 §5.1.
struct Ds {
    std::uint16_t tag = 0;
    std::uint8_t algorithm = 0;
    std::uint8_t digest_type = 0;
    Bytes digest;
};
std::optional<Ds> read_ds(ByteView rdata);

/// RFC 8624 §3.1: RSA with SHA-1, SHA-256 and SHA-512, ECDSA P-256 and P-384, Ed25519,
/// Ed448. A zone signed with others only is unsigned to us (RFC 4035 §5.2).
bool is_supported(std::uint8_t algorithm);
/// SHA-1, SHA-256, SHA-384.
bool is_supported_digest(std::uint8_t digest_type);
/// In bytes; 0: not supported.
std::size_t digest_len(std::uint8_t digest_type);

/// How much work one answer may cost. Hostile zones collide key tags (CVE-2023-50387)
/// and make denials dear to check (CVE-2023-50868).
struct Work {
    unsigned verifications = 64;
    unsigned digests = 64;
    unsigned hashes = 8192;  // SHA-1 rounds of NSEC3
};
/// Tries over one RRset; real zones need one, two while keys roll.
inline constexpr unsigned kMaxVerifications = 8;
/// RSA keys: shorter ones are within reach of factoring, longer ones RFC 3110 §2 and
/// RFC 5702 §2.1 do not know.
inline constexpr std::size_t kMinRsaBits = 1024, kMaxRsaBits = 4096;
/// Their exponents have 17 bits, some old ones 33. One as long as the modulus makes a
/// verification a hundred times as dear (RSA 3072: 6 ms), at the choice of the zone.
inline constexpr std::size_t kMaxExponentLen = 8;

struct Checked {
    bool good = false;
    /// min of TTL, original TTL and what is left of the signature (RFC 4035 §5.3.3).
    Duration lifetime{};
    /// Labels of the wildcard's closest encloser, when the RRset was made from one.
    std::optional<unsigned> expanded_from;
    std::string why;  // when not good
};

/// zone: whose keys they are; signatures by others do not count. wall: seconds since
/// the epoch.
Checked check(const Rrset& rrset, const Name& zone, const std::vector<Key>& keys, std::int64_t wall,
              Work& work);

bool matches(const Ds& ds, const Name& owner, const Key& key, Work& work);

}  // namespace oegate::discovery::validate
