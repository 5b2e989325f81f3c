#include "discovery/validate/anchors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::size_t kMaxText = 1 << 20, kMaxRemarks = 16;
constexpr std::string_view kWhatToDo =
    "expected DS or DNSKEY records in text form, one a line, such as those of /usr/share/dns/root.key "
    "(Debian: package dns-root-data)";

/// The rdata as on the wire: what is behind its length.
Bytes rdata_of(const ldns_rr* rr) {
    Bytes out;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr); ++i) append(out, ldns::view(ldns_rr_rdf(rr, i)));
    return out;
}

/// Why this DS anchors nothing here; nullptr: it does.
const char* passed_over(const Ds& ds) {
    if (!is_supported(ds.algorithm)) return "is of an algorithm that is not verified here";
    if (!is_supported_digest(ds.digest_type)) return "has a digest that is not made here";
    return nullptr;
}

const char* passed_over(const Key& key) {
    if (key.is_revoked()) return "is revoked (RFC 5011)";
    if (!key.is_zone_key()) return "is no zone key (flags, protocol)";
    if (!is_supported(key.algorithm)) return "is of an algorithm that is not verified here";
    if (!key.is_usable()) return "has an RSA key of a size that is not used here";
    return nullptr;
}

/// unbound keeps a key that its zone has announced in its file at once, with its state as a
/// comment, but trusts it only after thirty days (RFC 5011 §2.4.1, §4): 2 valid, 3 missing.
bool is_waiting(std::string_view comment) {
    constexpr std::string_view kState = ";;state=";
    const std::size_t at = comment.find(kState);
    if (at == std::string_view::npos || at + kState.size() >= comment.size()) return false;
    const char state = comment[at + kState.size()];
    return state != '2' && state != '3';
}

/// One line into the anchors. Algorithms that are not verified here may stand beside
/// (RFC 4035 §5.2). The error is what is wrong; the value is why it was passed over.
class Line {
  public:
    explicit Line(std::string_view line)
        : record_(line.substr(0, line.find(';'))), comment_(line.substr(record_.size())) {}

    bool is_empty() const {
        return record_.find_first_not_of(" \t\r") == std::string::npos || record_[0] == '$';
    }
    Result<std::string, std::string> into(Anchors& anchors) const {
        if (record_.find('\0') != std::string::npos) return fail(std::string("a zero byte"));
        // ldns would make the root's of it, or take the class for the name.
        const std::string owner_text = record_.substr(0, record_.find_first_of(" \t\r"));
        if (owner_text.empty() || owner_text.back() != '.')
            return fail(std::string("it does not begin with the name of a zone and its final dot"));
        ldns_rr* rr = nullptr;
        const ldns_status status = ldns_rr_new_frm_str(&rr, record_.c_str(), 0, nullptr, nullptr);
        const ldns::Record owned(status == LDNS_STATUS_OK ? rr : nullptr);
        if (!owned) return fail(std::string(ldns_get_errorstr_by_id(status)));
        std::size_t at = 0;
        const ByteView wire = ldns::view(ldns_rr_owner(rr));
        const auto owner = Name::read(wire, at, wire.size());
        if (!owner || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN)
            return fail(std::string("it is not of class IN"));
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DS) return ds(rdata_of(rr), anchors, *owner);
        if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DNSKEY) return key(rdata_of(rr), anchors, *owner);
        return fail(std::string("neither a DS nor a DNSKEY record"));
    }

  private:
    Result<std::string, std::string> ds(const Bytes& rdata, Anchors& anchors, const Name& owner) const {
        auto ds = read_ds(rdata);
        if (!ds) return fail(std::string("the DS record has no digest"));
        const std::size_t want = digest_len(ds->digest_type);
        if (want != 0 && ds->digest.size() != want)
            return fail(fmt::format("the digest has {} bytes, digest type {} has {}", ds->digest.size(),
                                    ds->digest_type, want));
        const char* why = is_waiting(comment_) ? "is not trusted yet, or no more" : passed_over(*ds);
        if (why) return fmt::format("DS {} of {} {}", ds->tag, owner.text(), why);
        anchors[owner].ds.push_back(std::move(*ds));
        return std::string();
    }
    Result<std::string, std::string> key(const Bytes& rdata, Anchors& anchors, const Name& owner) const {
        auto key = read_key(rdata);
        if (!key) return fail(std::string("the DNSKEY record has no key"));
        const char* why = is_waiting(comment_) ? "is not trusted yet, or no more" : passed_over(*key);
        if (why) return fmt::format("DNSKEY {} of {} {}", key->tag, owner.text(), why);
        anchors[owner].keys.push_back(std::move(*key));
        return std::string();
    }

    const std::string record_;
    const std::string comment_;
};

}  // namespace

bool Anchor::names(const Name& zone, const Key& key, Work& work) const {
    return std::ranges::any_of(ds, [&](const Ds& d) { return matches(d, zone, key, work); }) ||
           std::ranges::any_of(keys, [&](const Key& trusted) { return trusted.rdata == key.rdata; });
}

std::vector<std::uint16_t> Anchor::tags() const {
    std::vector<std::uint16_t> all;
    for (const Ds& d : ds) all.push_back(d.tag);
    for (const Key& key : keys) all.push_back(key.tag);
    std::ranges::sort(all);
    all.erase(std::unique(all.begin(), all.end()), all.end());
    return all;
}

std::string to_text(const Anchors& anchors) {
    std::string text;
    for (const auto& [zone, anchor] : anchors) {
        if (!text.empty()) text += "; ";
        text += fmt::format("{} {}", zone.text(), fmt::join(anchor.tags(), " "));
    }
    return text;
}

Result<Anchors, std::string> read_anchors(std::string_view text, std::vector<std::string>* passed_over) {
    Anchors anchors;
    std::istringstream lines{std::string(text)};
    std::string text_of_line, first_passed_over;
    for (unsigned number = 1; std::getline(lines, text_of_line); ++number) {
        const Line line(text_of_line);
        if (line.is_empty()) continue;
        const auto why = line.into(anchors);
        if (!why) return fail(fmt::format("line {}: {}; {}", number, why.error(), kWhatToDo));
        if (why->empty()) continue;
        const std::string remark = fmt::format("line {}: {}", number, *why);
        if (first_passed_over.empty()) first_passed_over = remark + "; ";
        if (passed_over && passed_over->size() < kMaxRemarks) passed_over->push_back(remark);
    }
    if (anchors.empty()) return fail(fmt::format("no trust anchor; {}{}", first_passed_over, kWhatToDo));
    return anchors;
}

Result<Anchors, std::string> load_anchors(const std::string& path, std::vector<std::string>* passed_over) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(fmt::format("{}: {}; {}", path, std::strerror(errno), kWhatToDo));
    std::string text(kMaxText, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad()) return fail(fmt::format("{}: cannot be read; {}", path, kWhatToDo));
    auto anchors = read_anchors(text, passed_over);
    if (!anchors) return fail(fmt::format("{}: {}", path, anchors.error()));
    return anchors;
}

}  // namespace oegate::discovery::validate
