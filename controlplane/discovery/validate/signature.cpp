#include "discovery/validate/signature.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/cursor.hpp"
#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::uint16_t kZoneKey = 0x0100, kRevoked = 0x0080, kEntryPoint = 0x0001;
constexpr std::uint8_t kDnssecProtocol = 3;

bool is_rsa(std::uint8_t algorithm) {
    return algorithm == 5 || algorithm == 7 || algorithm == 8 || algorithm == 10;
}

/// RFC 3110 §2: bits of the modulus; 0 when there is none, or the exponent is too long.
std::size_t rsa_bits(ByteView key) {
    Reader in(key);
    std::size_t exponent_len = in.u8();
    if (exponent_len == 0) exponent_len = in.u16();
    in.skip(exponent_len);
    ByteView modulus = in.rest();
    if (!in.ok() || exponent_len > kMaxExponentLen) return 0;
    while (!modulus.empty() && modulus[0] == 0) modulus = modulus.subspan(1);
    return modulus.size() * 8;
}

/// RFC 4034 appendix B.
std::uint16_t tag_of(ByteView rdata) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < rdata.size(); ++i) sum += i % 2 == 0 ? rdata[i] * 256U : rdata[i];
    return static_cast<std::uint16_t>(sum + (sum >> 16));
}

/// A record of ldns out of its wire form: it knows the fields of DNSKEY and RRSIG.
ldns::Record record(const Name& owner, std::uint16_t type, ByteView rdata) {
    Bytes wire(owner.wire().begin(), owner.wire().end());
    Writer rest;
    rest.u16(type).u16(LDNS_RR_CLASS_IN).u32(0).u16(static_cast<std::uint16_t>(rdata.size())).put(rdata);
    append(wire, rest.view());
    ldns_rr* rr = nullptr;
    std::size_t at = 0;
    if (ldns_wire2rr(&rr, wire.data(), wire.size(), &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return nullptr;
    return ldns::Record(rr);
}

/// The RRset with its rdata as one field each: it is canonical already, and records
/// that ldns cannot read may be signed like any other.
ldns::Records records(const Rrset& rrset) {
    ldns::Records list(ldns_rr_list_new());
    for (const Bytes& rdata : rrset.rdata) {
        ldns_rr* rr = ldns_rr_new();
        ldns_rr_set_owner(rr, ldns_dname_new_frm_data(static_cast<std::uint16_t>(rrset.owner.wire().size()),
                                                      rrset.owner.wire().data()));
        ldns_rr_set_type(rr, static_cast<ldns_rr_type>(rrset.type));
        ldns_rr_set_class(rr, LDNS_RR_CLASS_IN);
        ldns_rr_push_rdf(rr, ldns_rdf_new_frm_data(LDNS_RDF_TYPE_UNKNOWN, rdata.size(), rdata.data()));
        ldns_rr_list_push_rr(list.get(), rr);
    }
    return list;
}

/// Serial arithmetic (RFC 4034 §3.1.5): b later than a.
std::int32_t from_to(std::uint32_t a, std::uint32_t b) {
    return static_cast<std::int32_t>(b - a);
}

class Check {
  public:
    Check(const Rrset& rrset, const Name& zone, const std::vector<Key>& keys, std::int64_t wall, Work& work)
        : rrset_(rrset), zone_(zone), keys_(keys), wall_(wall), work_(work) {}

    Checked run() {
        if (rrset_.signatures.empty()) return bad("is not signed");
        for (const Signature& signature : rrset_.signatures) {
            if (!may_be_tried(signature)) continue;
            if (verifies(signature)) return good(signature);
            if (out_of_work_) break;
        }
        return bad(trouble_);
    }

  private:
    std::uint32_t now() const { return static_cast<std::uint32_t>(wall_); }

    Checked bad(std::string_view why) const {
        Checked out;
        out.why = fmt::format("{} of {} {}", type_text(rrset_.type), rrset_.owner.text(), why);
        return out;
    }
    Checked good(const Signature& signature) const {
        Checked out;
        out.good = true;
        out.lifetime = std::min<Duration>(
            std::chrono::seconds(std::min(rrset_.ttl, signature.original_ttl)),
            std::chrono::seconds(std::max(from_to(now(), signature.expiration), std::int32_t{0})));
        if (signature.labels < own_labels()) out.expanded_from = signature.labels;
        return out;
    }
    /// As RRSIG counts them: without the asterisk of a wildcard (RFC 4034 §3.1.3).
    unsigned own_labels() const { return rrset_.owner.num_labels() - (rrset_.owner.is_wildcard() ? 1 : 0); }

    /// Whatever needs no arithmetic on keys (RFC 4035 §5.3.1).
    bool may_be_tried(const Signature& signature) {
        if (signature.signer != zone_) return false;
        if (signature.labels > own_labels() || signature.labels < zone_.num_labels()) return false;
        if (from_to(signature.inception, signature.expiration) < 0) return false;
        if (from_to(now(), signature.expiration) < 0)
            return note(fmt::format("has an expired signature by {}", zone_.text()));
        if (from_to(signature.inception, now()) < 0)
            return note(fmt::format("has a signature by {} that is not valid yet", zone_.text()));
        return true;
    }
    bool verifies(const Signature& signature) {
        ldns::Record rrsig;
        for (const Key& key : keys_) {
            if (key.tag != signature.tag || key.algorithm != signature.algorithm || !key.is_usable())
                continue;
            if (num_tried_ >= kMaxVerifications || work_.verifications == 0) {
                out_of_work_ = true;
                return note("needs too many tries of keys and signatures");
            }
            ++num_tried_;
            --work_.verifications;
            if (!rrsig) rrsig = record(rrset_.owner, kRrsig, signature.rdata);
            if (!list_) list_ = records(rrset_);
            const ldns::Record dnskey = record(zone_, kDnskey, key.rdata);
            if (!rrsig || !dnskey) continue;
            if (ldns_verify_rrsig_time(list_.get(), rrsig.get(), dnskey.get(),
                                       static_cast<std::time_t>(wall_)) == LDNS_STATUS_OK)
                return true;
            note(fmt::format("has a wrong signature by {}", zone_.text()));
        }
        return false;
    }
    bool note(std::string why) {
        trouble_ = std::move(why);
        return false;
    }

    const Rrset& rrset_;
    const Name& zone_;
    const std::vector<Key>& keys_;
    const std::int64_t wall_;
    Work& work_;
    unsigned num_tried_ = 0;
    bool out_of_work_ = false;
    ldns::Records list_;
    std::string trouble_ = "has no signature by a key of its zone";
};

}  // namespace

bool is_supported(std::uint8_t algorithm) {
    return is_rsa(algorithm) || (algorithm >= 13 && algorithm <= 16);
}

bool is_supported_digest(std::uint8_t digest_type) {
    return digest_len(digest_type) != 0;
}

std::size_t digest_len(std::uint8_t digest_type) {
    switch (digest_type) {
        case LDNS_SHA1:
            return 20;
        case LDNS_SHA256:
            return 32;
        case LDNS_SHA384:
            return 48;
        default:
            return 0;
    }
}

bool Key::is_zone_key() const {
    return (flags & kZoneKey) != 0 && protocol == kDnssecProtocol;
}
bool Key::is_entry_point() const {
    return (flags & kEntryPoint) != 0;
}
bool Key::is_revoked() const {
    return (flags & kRevoked) != 0;
}

bool Key::is_usable() const {
    if (!is_zone_key() || is_revoked() || !is_supported(algorithm)) return false;
    if (!is_rsa(algorithm)) return true;
    const std::size_t bits = rsa_bits(ByteView(rdata).subspan(4));
    return bits >= kMinRsaBits && bits <= kMaxRsaBits;
}

std::optional<Key> read_key(ByteView rdata) {
    Reader in(rdata);
    Key key;
    key.flags = in.u16();
    key.protocol = in.u8();
    key.algorithm = in.u8();
    if (!in.ok() || in.remaining() == 0) return std::nullopt;
    key.tag = tag_of(rdata);
    key.rdata.assign(rdata.begin(), rdata.end());
    return key;
}

std::optional<Ds> read_ds(ByteView rdata) {
    Reader in(rdata);
    Ds ds;
    ds.tag = in.u16();
    ds.algorithm = in.u8();
    ds.digest_type = in.u8();
    const ByteView digest = in.rest();
    if (!in.ok() || digest.empty()) return std::nullopt;
    ds.digest.assign(digest.begin(), digest.end());
    return ds;
}

Checked check(const Rrset& rrset, const Name& zone, const std::vector<Key>& keys, std::int64_t wall,
              Work& work) {
    return Check(rrset, zone, keys, wall, work).run();
}

bool matches(const Ds& ds, const Name& owner, const Key& key, Work& work) {
    if (ds.tag != key.tag || ds.algorithm != key.algorithm || !is_supported_digest(ds.digest_type) ||
        !key.is_usable() || work.digests == 0)
        return false;
    --work.digests;
    const ldns::Record dnskey = record(owner, kDnskey, key.rdata);
    if (!dnskey) return false;
    const ldns::Record made(ldns_key_rr2ds(dnskey.get(), static_cast<ldns_hash>(ds.digest_type)));
    if (!made || ldns_rr_rd_count(made.get()) < 4) return false;
    const ByteView digest = ldns::view(ldns_rr_rdf(made.get(), 3));
    return std::equal(digest.begin(), digest.end(), ds.digest.begin(), ds.digest.end());
}

}  // namespace oegate::discovery::validate
