#include "discovery/validate/section.hpp"

#include <algorithm>
#include <map>

#include "base/cursor.hpp"
#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::uint16_t kClassIn = 1;

std::optional<Signature> read_signature(ByteView rdata) {
    Reader fields(rdata);
    Signature out;
    out.covered = fields.u16();
    out.algorithm = fields.u8();
    out.labels = fields.u8();
    out.original_ttl = fields.u32();
    out.expiration = fields.u32();
    out.inception = fields.u32();
    out.tag = fields.u16();
    if (!fields.ok()) return std::nullopt;
    std::size_t at = fields.offset();
    auto signer = Name::read(rdata, at, rdata.size());  // never compressed (RFC 4034 §3.1.7)
    if (!signer) return std::nullopt;
    out.signer = std::move(*signer);
    out.rdata.assign(rdata.begin(), rdata.end());
    return out;
}

/// Uncompressed and in lower case for the types that may hold compressed names
/// (RFC 3597 §4) and that validation meets; as it came for all others.
std::optional<Bytes> canonical_rdata(std::uint16_t type, ByteView message, std::size_t at, std::size_t end) {
    Bytes out;
    const unsigned num_names = type == kSoa ? 2 : type == kNs || type == kCname || type == kDname ? 1 : 0;
    for (unsigned i = 0; i < num_names; ++i) {
        const auto name = Name::read(message, at, end);
        if (!name) return std::nullopt;
        append(out, name->wire());
    }
    if (num_names == 1 && at != end) return std::nullopt;
    append(out, message.subspan(at, end - at));
    return out;
}

class SectionReader {
  public:
    explicit SectionReader(Section& out) : out_(out) {}

    void take(const Name& owner, std::uint16_t type, std::uint32_t ttl, ByteView message, std::size_t at,
              std::size_t end) {
        if (type == kRrsig) {
            if (auto signature = read_signature(message.subspan(at, end - at)))
                signatures_.emplace_back(owner, std::move(*signature));
            return;
        }
        auto rdata = canonical_rdata(type, message, at, end);
        if (!rdata) return;
        const auto [index, is_new] = index_.emplace(std::pair(owner, type), out_.rrsets.size());
        if (is_new) out_.rrsets.push_back({owner, type, ttl, {}, {}});
        Rrset& rrset = out_.rrsets[index->second];
        rrset.ttl = std::min(rrset.ttl, ttl);
        rrset.rdata.push_back(std::move(*rdata));
    }
    void finish() {
        for (Rrset& rrset : out_.rrsets) {  // duplicates count once (RFC 4034 §6.3)
            std::sort(rrset.rdata.begin(), rrset.rdata.end());
            rrset.rdata.erase(std::unique(rrset.rdata.begin(), rrset.rdata.end()), rrset.rdata.end());
        }
        for (auto& [owner, signature] : signatures_) {
            const auto at = index_.find({owner, signature.covered});
            if (at == index_.end()) continue;
            auto& list = out_.rrsets[at->second].signatures;
            if (list.size() < kMaxSignatures) list.push_back(std::move(signature));
        }
    }

  private:
    Section& out_;
    std::map<std::pair<Name, std::uint16_t>, std::size_t> index_;
    std::vector<std::pair<Name, Signature>> signatures_;
};

bool read_section(ByteView message, std::size_t& at, unsigned count, Section& out) {
    SectionReader reader(out);
    for (unsigned i = 0; i < count; ++i) {
        const auto owner = Name::read(message, at, message.size());
        if (!owner) return false;
        Reader header(message.subspan(at));
        const std::uint16_t type = header.u16();
        const std::uint16_t rr_class = header.u16();
        const std::uint32_t ttl = header.u32();
        const std::size_t rdata_len = header.u16();
        if (!header.ok() || header.remaining() < rdata_len) return false;
        at += header.offset();
        if (rr_class == kClassIn)
            reader.take(*owner, type, ttl >> 31 ? 0 : ttl, message, at, at + rdata_len);  // RFC 2181 §8
        at += rdata_len;
    }
    reader.finish();
    return true;
}

}  // namespace

const Rrset* Section::find(const Name& owner, std::uint16_t type) const {
    const auto at = std::find_if(rrsets.begin(), rrsets.end(),
                                 [&](const Rrset& r) { return r.type == type && r.owner == owner; });
    return at == rrsets.end() ? nullptr : &*at;
}

std::optional<Contents> read_contents(ByteView message) {
    Reader header(message);
    header.skip(2);
    Contents out;
    out.rcode = header.u16() & 15;
    const unsigned num_questions = header.u16();
    const unsigned num_answers = header.u16();
    const unsigned num_authority = header.u16();
    header.skip(2);
    if (!header.ok()) return std::nullopt;
    std::size_t at = header.offset();
    for (unsigned i = 0; i < num_questions; ++i) {
        if (!Name::read(message, at, message.size()) || message.size() - at < 4) return std::nullopt;
        at += 4;
    }
    if (!read_section(message, at, num_answers, out.answer) ||
        !read_section(message, at, num_authority, out.authority))
        return std::nullopt;
    return out;
}

std::string type_text(std::uint16_t type) {
    const ldns::Text text(ldns_rr_type2str(static_cast<ldns_rr_type>(type)));
    return text ? std::string(text.get()) : std::to_string(type);
}

std::optional<Name> target_of(const Rrset& alias) {
    if (alias.rdata.size() != 1) return std::nullopt;
    std::size_t at = 0;
    return Name::read(alias.rdata[0], at, alias.rdata[0].size());
}

}  // namespace oegate::discovery::validate
