#include "ike/auth/algorithm_identifier.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/cursor.hpp"

namespace oegate::ike {
namespace {

// DER tags
constexpr std::uint8_t kInteger = 0x02;
constexpr std::uint8_t kNull = 0x05;
constexpr std::uint8_t kOid = 0x06;
constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t context(unsigned n) {
    return static_cast<std::uint8_t>(0xa0 + n);
}

// 1.2.840.113549.1.1.x
constexpr std::array<std::uint8_t, 8> kPkcs1{0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01};
constexpr std::uint8_t kMgf1 = 8;
constexpr std::uint8_t kRsassaPss = 10;
constexpr std::array<std::uint8_t, 5> kSha1Oid{0x2b, 0x0e, 0x03, 0x02, 0x1a};
// 2.16.840.1.101.3.4.2.x
constexpr std::array<std::uint8_t, 8> kNistHash{0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02};

struct HashNumbers {
    HashId hash;
    std::uint8_t pkcs1;  // xWithRSAEncryption
    std::uint8_t nist;   // last arc of the hash's own OID; 0: SHA-1
    unsigned len;
};
constexpr std::array kHashes{
    HashNumbers{HashId::sha1, 5, 0, 20},
    HashNumbers{HashId::sha2_256, 11, 1, 32},
    HashNumbers{HashId::sha2_384, 12, 2, 48},
    HashNumbers{HashId::sha2_512, 13, 3, 64},
};

const HashNumbers& numbers_of(HashId hash) {
    for (const HashNumbers& numbers : kHashes)
        if (numbers.hash == hash) return numbers;
    return kHashes[1];
}

bool same(ByteView a, ByteView b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

Bytes with(ByteView prefix, std::uint8_t last) {
    Bytes bytes(prefix.begin(), prefix.end());
    bytes.push_back(last);
    return bytes;
}

/// Everything here is shorter than 128 bytes: one length byte.
Bytes tlv(std::uint8_t tag, ByteView value) {
    Bytes out{tag, static_cast<std::uint8_t>(value.size())};
    append(out, value);
    return out;
}
Bytes join(std::initializer_list<Bytes> parts) {
    Bytes out;
    for (const Bytes& part : parts) append(out, part);
    return out;
}

/// The value of the next element if it has this tag; else in fails.
Reader element(Reader& in, std::uint8_t tag) {
    if (in.u8() != tag) {
        in.skip(SIZE_MAX);
        return Reader({});
    }
    const std::size_t len = in.u8();
    if (len >= 128) in.skip(SIZE_MAX);  // long form: nothing here needs it
    return Reader(in.take(len));
}

bool next_is(const Reader& in, std::uint8_t tag) {
    return Reader(in).u8() == tag;
}

/// Absent, or NULL: both are found (RFC 4055 §2.1 asks verifiers for both).
bool null_or_absent(Reader& in) {
    if (in.done()) return true;
    const Reader null = element(in, kNull);
    return in.done() && null.done();
}

/// SEQUENCE { hash OID, NULL or absent }
std::optional<HashId> parse_hash(Reader& in) {
    Reader sequence = element(in, kSequence);
    const ByteView oid = element(sequence, kOid).rest();
    if (!sequence.ok() || !null_or_absent(sequence)) return std::nullopt;
    for (const HashNumbers& numbers : kHashes) {
        const bool found = numbers.nist == 0 ? same(oid, kSha1Oid) : same(oid, with(kNistHash, numbers.nist));
        if (found) return numbers.hash;
    }
    return std::nullopt;
}

std::optional<unsigned> parse_integer(Reader& in) {
    Reader value = element(in, kInteger);
    const std::size_t len = value.remaining();
    if (!in.ok() || len < 1 || len > 2) return std::nullopt;
    const std::uint8_t first = value.u8();
    if (first & 0x80) return std::nullopt;  // negative
    if (len == 1) return first;
    const std::uint8_t second = value.u8();
    if (first == 0 && !(second & 0x80)) return std::nullopt;  // not the shortest form
    return static_cast<unsigned>(first << 8 | second);
}

/// RSASSA-PSS-params (RFC 4055 §3.1); all four fields have defaults.
std::optional<SignatureScheme> parse_pss(Reader& in) {
    Reader params = element(in, kSequence);
    if (!in.done()) return std::nullopt;
    SignatureScheme scheme{HashId::sha1, RsaPadding::pss, 20};
    std::optional<HashId> mgf_hash = HashId::sha1;
    if (next_is(params, context(0))) {
        Reader field = element(params, context(0));
        const auto hash = parse_hash(field);
        if (!hash || !field.done()) return std::nullopt;
        scheme.hash = *hash;
    }
    if (next_is(params, context(1))) {
        Reader field = element(params, context(1));
        Reader mgf = element(field, kSequence);
        if (!same(element(mgf, kOid).rest(), with(kPkcs1, kMgf1))) return std::nullopt;
        mgf_hash = parse_hash(mgf);
        if (!mgf.done() || !field.done()) return std::nullopt;
    }
    if (next_is(params, context(2))) {
        Reader field = element(params, context(2));
        const auto salt_len = parse_integer(field);
        if (!salt_len || !field.done()) return std::nullopt;
        scheme.pss_salt_len = *salt_len;
    }
    if (next_is(params, context(3))) {  // trailerField: 1 is the only one
        Reader field = element(params, context(3));
        if (parse_integer(field) != 1u || !field.done()) return std::nullopt;
    }
    if (!params.done() || mgf_hash != scheme.hash) return std::nullopt;
    return scheme;
}

}  // namespace

std::string SignatureScheme::text() const {
    const unsigned len = numbers_of(hash).len;
    return fmt::format("rsa-{}-sha{}", padding == RsaPadding::pss ? "pss" : "pkcs1",
                       hash == HashId::sha1 ? 1 : len * 8);
}

Bytes algorithm_identifier(const SignatureScheme& scheme) {
    const HashNumbers& numbers = numbers_of(scheme.hash);
    const Bytes null = tlv(kNull, {});
    if (scheme.padding == RsaPadding::pkcs1_v1_5)
        return tlv(kSequence, join({tlv(kOid, with(kPkcs1, numbers.pkcs1)), null}));
    const Bytes hash = tlv(kSequence, join({tlv(kOid, with(kNistHash, numbers.nist)), null}));
    const Bytes mgf = tlv(kSequence, join({tlv(kOid, with(kPkcs1, kMgf1)), hash}));
    const Bytes salt_len = tlv(kInteger, Bytes{static_cast<std::uint8_t>(numbers.len)});
    const Bytes params = join({tlv(context(0), hash), tlv(context(1), mgf), tlv(context(2), salt_len)});
    return tlv(kSequence, join({tlv(kOid, with(kPkcs1, kRsassaPss)), tlv(kSequence, params)}));
}

std::optional<SignatureScheme> parse_algorithm_identifier(ByteView der) {
    Reader in(der);
    Reader sequence = element(in, kSequence);
    if (!in.done()) return std::nullopt;
    const ByteView oid = element(sequence, kOid).rest();
    if (!sequence.ok()) return std::nullopt;
    if (same(oid, with(kPkcs1, kRsassaPss))) return parse_pss(sequence);
    for (const HashNumbers& numbers : kHashes)
        if (same(oid, with(kPkcs1, numbers.pkcs1)) && null_or_absent(sequence))
            return SignatureScheme{numbers.hash, RsaPadding::pkcs1_v1_5, 0};
    return std::nullopt;
}

}  // namespace oegate::ike
