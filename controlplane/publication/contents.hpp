// What a server's records of one type say about a claim: whom they name, with which
// keys. Made by the survey from answers, read by the verdicts and the rollover. Pure;
// what a wire brings is hostile.
#pragma once

#include <array>

#include "discovery/answer.hpp"
#include "publication/claims.hpp"

namespace oegate::publication {

/// One set of records as one server has it.
struct Contents {
    bool names_us = false;        // a record is about us: delegates to us, or is a key of this name
    bool delegates = false;       // a record delegates to us
    bool names_id = false;        // a delegation names the FQDN that we initiate as
    bool keyless = false;         // delegates to us without a key: the gateway's own name has it
    bool is_signed = false;       // the server holds an RRSIG over it, or AD came with it
    std::vector<PublicKey> keys;  // that come with our name
    std::string other;            // a gateway that it names and that is not us
    std::string malformed;        // the first record that breaks its format
    std::uint32_t ttl = 0;

    bool has(const PublicKey& key) const;
    /// What another gateway needs to find this key here: the key itself, or word of
    /// where it is.
    bool serves(const PublicKey& key) const { return keyless || has(key); }
};

inline constexpr std::array<discovery::RecordType, 3> kTypes{
    discovery::RecordType::ipseckey, discovery::RecordType::txt, discovery::RecordType::key};
std::string_view type_name(std::size_t type);  // an index of kTypes

/// Of one name at one server, indexed as kTypes.
using Name = std::array<Contents, 3>;

/// rdata as sent, of records of this type at the claim's owner.
Contents read_contents(const Ours& ours, const Claim& claim, discovery::RecordType type,
                       const std::vector<Bytes>& rdata);

/// Every set that gives keys of ours has this one, and there is at least one that does:
/// whoever asks here finds the key, whichever type he reads.
bool carries(const Name& name, const PublicKey& key);
/// Some set still has this key.
bool mentions(const Name& name, const PublicKey& key);

}  // namespace oegate::publication
