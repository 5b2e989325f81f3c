// Takes the replies of all types apart, record by record, into delegations, keys of
// the name itself, and what is ignored or broken. Shared by the two judgements.
#pragma once

#include "discovery/delegation.hpp"
#include "discovery/records/rdata.hpp"

namespace oegate::discovery {

/// A delegation, whichever type carried it.
struct Delegation {
    unsigned precedence = 0;
    std::optional<Address> gateway;
    std::string name;  // instead of an address; lower case, no final dot
    std::optional<PublicKey> key;
    std::optional<Refusal> unusable_key;
    std::size_t seen = 0;  // index of its SeenRecord
};

struct Sifted {
    RecordType type = RecordType::ipseckey;
    Verdict verdict = Verdict::indeterminate;  // of its reply
    std::vector<Delegation> delegations;
    std::vector<PublicKey> own_keys;  // of the name itself
    std::string malformed;            // the first one's reason; empty: none

    bool secure() const { return verdict == Verdict::secure; }
};

/// Appends to seen, with the judgement of what is settled here already.
Sifted sift(RecordType type, const Reply& reply, std::vector<SeenRecord>& seen);

std::string_view to_text(RecordType type);

/// Keeps at most kMaxKeys, each once.
void add_key(std::vector<PublicKey>& keys, const PublicKey& key);

}  // namespace oegate::discovery
