// Proofs that something is not there, from the NSEC (RFC 4035 §5.4, RFC 6840 §4) or
// NSEC3 (RFC 5155 §8) records of one zone. Used by chain and own, which have checked
// the signatures of these records; no signature is looked at in here.
#pragma once

#include "discovery/validate/signature.hpp"

namespace oegate::discovery::validate {

/// More NSEC3 iterations make a denial prove nothing, as if the zone were unsigned
/// (RFC 9276 §3.2; the limit is the one that BIND, Knot and Unbound agreed on in 2021).
inline constexpr unsigned kMaxIterations = 150;

enum class Proof : std::uint8_t {
    none,      // these records do not prove it
    proven,    //
    insecure,  // an opt-out span (RFC 5155 §9.2) or too many iterations: unsigned names may hide
};

/// What a zone says of a name that may be a zone cut below it.
enum class Cut : std::uint8_t {
    unproven,
    none,      // no delegation there
    insecure,  // a delegation without DS, or one that may hide in an opt-out span
};

class Denial {
  public:
    Denial(Name zone, Work& work) : zone_(std::move(zone)), work_(&work) {}

    /// An RRset of type NSEC or NSEC3 whose signature by zone is good and that was not
    /// made from a wildcard; it must outlive this. Others, and what is malformed or of
    /// another hash, are passed over (RFC 5155 §8.1, §8.2).
    void add(const Rrset& rrset);

    /// The name has no such record, or there is no such name; wildcards included.
    Proof absent(const Name& name, std::uint16_t type) const;
    /// The name is not there at all, and no wildcard stands for it.
    bool no_such_name(const Name& name) const;
    /// Nothing between name and its ancestor with so many labels exists, so that the
    /// wildcard there was the one to expand.
    Proof no_closer(const Name& name, unsigned encloser_labels) const;
    Cut cut(const Name& name) const;

  private:
    struct Span {
        ByteView bitmap;
        bool has(std::uint16_t type) const;
        /// It speaks for the parent's side of a zone cut, or of a DNAME: says nothing
        /// of names below it (RFC 6840 §4.1).
        bool ends_zone() const { return (has(kNs) && !has(kSoa)) || has(kDname); }
        bool is_delegation() const { return has(kNs) && !has(kSoa); }
        /// The name is there, the type is not.
        bool lacks(std::uint16_t type) const;
    };
    struct Nsec : Span {
        Name owner, next;
    };
    struct Nsec3 : Span {
        Bytes owner, next;  // hashes
        bool opt_out = false;
    };
    /// RFC 5155 §8.3.
    struct Encloser {
        Name name;
        Name next_closer;
        bool opt_out = false;
    };

    void add_nsec(const Rrset& rrset);
    void add_nsec3(const Rrset& rrset);
    const Nsec* match(const Name& name) const;
    const Nsec* cover(const Name& name) const;
    Name encloser(const Nsec& cover, const Name& name) const;
    Proof absent_by_nsec(const Name& name, std::uint16_t type) const;

    std::optional<Bytes> hash(const Name& name) const;
    const Nsec3* match3(const Name& name) const;
    const Nsec3* cover3(const Name& name) const;
    std::optional<Encloser> encloser3(const Name& name) const;
    Proof absent_by_nsec3(const Name& name, std::uint16_t type) const;

    Name zone_;
    Work* work_;
    std::vector<Nsec> nsecs_;
    std::vector<Nsec3> nsec3s_;
    unsigned iterations_ = 0;
    Bytes salt_;
    bool too_dear_ = false;  // too many iterations
};

}  // namespace oegate::discovery::validate
