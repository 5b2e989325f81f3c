// The chain of trust from an anchor down to a zone (RFC 4035 §5): which names are zone
// cuts, which zones are signed, with which keys. Walks label by label; says which DNSKEY
// and DS RRsets it lacks and remembers what it established, each for no longer than its
// TTL and signatures allow, in a bounded cache. Used by own.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <variant>

#include "discovery/cache.hpp"
#include "discovery/validate/anchors.hpp"
#include "discovery/validate/denial.hpp"
#include "discovery/validator.hpp"
#include "discovery/wire.hpp"

namespace oegate::discovery::validate {

/// Names of which something is remembered.
inline constexpr std::size_t kMaxZones = 4096;
/// DNSKEY and DS answers that were brought and not yet used, and the largest of them.
inline constexpr std::size_t kMaxLearnt = 2048, kMaxChainMessage = 16384;
/// DS questions asked ahead of the walk, so that a deep name (ip6.arpa) does not cost a
/// round trip a label.
inline constexpr unsigned kAhead = 4;
/// A chain that cannot be had, or is bogus, is tried again so soon: the resolver may
/// recover, and forged answers must not poison for long (RFC 4035 §4.7).
inline constexpr Duration kRememberTrouble = 5s;
/// And what has a TTL of 0 serves at least the look-up that asked for it.
inline constexpr Duration kLeastLifetime = 10s;
/// The same notice about the same keys is news again after so long.
inline constexpr Duration kTellAgain = 24h;

class Chain {
  public:
    Chain(Anchors anchors, std::function<std::int64_t()> wall_seconds)
        : anchors_(std::move(anchors)), wall_seconds_(std::move(wall_seconds)) {}

    enum class State : std::uint8_t { secure, insecure, bogus, indeterminate, unreachable, wanting };
    struct Walk {
        State state = State::wanting;
        Name zone;                                     // secure: the zone that name lies in
        std::shared_ptr<const std::vector<Key>> keys;  // secure: its keys
        std::vector<Question> wanted;
        std::string why;
        std::optional<Question> suspect;  // bogus or unreachable: whose answer was at fault
    };
    /// From the anchor that is closest to name down to name itself, if that is a zone, or
    /// to the zone that it lies in.
    Walk walk(const Name& name, Work& work, Time now);

    /// nullopt: the answer could not be had.
    void learn(const Question& question, std::optional<ByteView> message, Time now);
    /// Its answer, and what was made of it, count no more.
    void forget(const Question& question);
    /// Nobody has a better one: it is no suspect for the rest of its time.
    void stands(const Question& question);

    /// What the operator should know of the anchors, since the last call.
    std::vector<Notice> take_notices() { return std::exchange(notices_, {}); }

    std::int64_t wall() const { return wall_seconds_(); }
    std::size_t num_zones() const { return zones_.size(); }

  private:
    /// What is known of a name below a secure zone.
    struct Zone {
        enum class Kind : std::uint8_t { secure, delegated, insecure, no_cut, bogus, unreachable };
        Kind kind = Kind::bogus;
        std::shared_ptr<const std::vector<Key>> keys;  // secure
        std::vector<Ds> ds;                            // delegated: DNSKEY not yet seen
        Duration lifetime{};
        std::string why;
        std::optional<Question> suspect;        // as in Walk
        std::vector<std::uint16_t> unanchored;  // an anchor's zone: keys for others to trust that it lacks
    };
    struct Parent {
        Name name;
        std::shared_ptr<const std::vector<Key>> keys;
    };

    /// nullopt: wants something first.
    std::optional<Zone> zone_at(const Name& name, const Parent* parent, Work& work, Time now);
    Zone establish(const Name& name, const Anchor& anchor, bool is_configured, Duration lifetime,
                   const Contents& contents, Work& work) const;
    void notice(const Name& zone, const std::vector<std::uint16_t>& unanchored, Time now);
    Zone classify(const Name& name, const Parent& parent, const Contents& contents, Work& work) const;
    Zone by_ds(const Rrset& rrset, const Checked& checked) const;
    Zone by_denial(const Name& name, const Parent& parent, const Contents& contents, Work& work) const;
    Zone remember(const Name& name, Zone zone, Time now);
    /// The contents of a learnt answer; Zone when there is nothing to read.
    std::variant<std::monostate, Contents, Zone> take(const Question& question, Time now);
    bool lacks(const Name& name, std::uint16_t type, Time now);
    std::vector<Question> wanted(const Name& from, const Name& to, bool ask_key, Time now);

    Anchors anchors_;
    std::function<std::int64_t()> wall_seconds_;
    Cache<Name, Zone> zones_{kMaxZones};
    Cache<Question, std::optional<Bytes>> learnt_{kMaxLearnt};
    struct Told {
        Time at;
        std::vector<std::uint16_t> tags;
    };
    std::map<Name, Told> told_;  // by zone of an anchor
    std::vector<Notice> notices_;
};

/// The NSEC and NSEC3 RRsets of a section that the keys of zone sign; lifetime becomes
/// the shortest of theirs. contents must outlive the result.
Denial denial_of(const Section& section, const Name& zone, const std::vector<Key>& keys, std::int64_t wall,
                 Work& work, Duration& lifetime, std::string& why);

}  // namespace oegate::discovery::validate
