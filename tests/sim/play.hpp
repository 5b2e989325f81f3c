// One seed's run: its plan (who is where, which classes, what DNS says, what goes wrong
// and when), its traffic, and the judgement at the end.
#pragma once

#include "keying/rows.hpp"
#include "world.hpp"

namespace oegate::sim {

struct Tally {
    std::uint64_t runs = 0, failed = 0, events = 0, clear = 0, esp = 0, ike = 0, delivered = 0, crossed = 0,
                  rekeys = 0, crashes = 0, shutdowns = 0, deaths = 0, partitions = 0, forged = 0,
                  gateways = 0, second = 0, encrypted_pairs = 0, clear_pairs = 0, silent_pairs = 0,
                  rollovers = 0, translated = 0;
    static constexpr std::size_t kMaxRows = 256;
    std::uint64_t rows[kMaxRows] = {};  // of keying, by index
    void add(const Tally& other);
};

/// What must come of a pair when nothing has been going wrong for a while.
enum class Outcome : std::uint8_t { encrypted, clear, nothing };

/// One side of a pair: the class that it has for the other, and whether its host is
/// delegated to its gateway securely.
struct Side {
    ClassKind kind = ClassKind::none;
    bool published = false;
    bool reachable = true;  // DNS says where its gateway is
};
Outcome expected(const Side& here, const Side& there);

/// The broken invariants; empty: none.
std::vector<std::string> play(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose,
                              Tally& tally);

}  // namespace oegate::sim
