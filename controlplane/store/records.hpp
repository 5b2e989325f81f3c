// What survives a restart, as plain records: peers that hold SAs with us, and
// destinations that are encrypted or denied (stickiness). Pure; the file is file.hpp's.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "contract/words.hpp"
#include "net/identity.hpp"

namespace oegate::store {

/// Times are seconds since the epoch.
struct PeerRecord {
    Identity own;
    Identity peer;
    Address local;
    Address remote;
    Verdict verdict = Verdict::indeterminate;
    std::int64_t since = 0;
    bool operator==(const PeerRecord&) const = default;
};

struct StickyRecord {
    Address destination;
    std::uint32_t times = 0;  // keyed with a secure verdict
    std::int64_t last = 0;    // when it was keyed last
    bool operator==(const StickyRecord&) const = default;
};

struct Contents {
    std::vector<PeerRecord> peers;
    std::vector<StickyRecord> sticky;
};

struct PutPeer {
    PeerRecord record;
};
struct RemovePeer {
    Identity own;
    Identity peer;
};
struct PutSticky {
    StickyRecord record;
};
struct RemoveSticky {
    Address destination;
};
using Action = std::variant<PutPeer, RemovePeer, PutSticky, RemoveSticky>;

}  // namespace oegate::store
