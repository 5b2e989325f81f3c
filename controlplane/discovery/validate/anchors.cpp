#include "discovery/validate/anchors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "discovery/validate/ldns.hpp"

namespace oegate::discovery::validate {
namespace {

constexpr std::size_t kMaxText = 1 << 20;
constexpr std::string_view kWhatToDo =
    "expected DS or DNSKEY records in text form, one a line, such as those of /usr/share/dns/root.key "
    "(Debian: package dns-root-data)";

/// The rdata as on the wire: what is behind its length.
Bytes rdata_of(const ldns_rr* rr) {
    Bytes out;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr); ++i) append(out, ldns::view(ldns_rr_rdf(rr, i)));
    return out;
}

/// Takes what can anchor a zone; passes over algorithms that are not verified here,
/// which may stand beside (RFC 4035 §5.2). false: neither a DS nor a DNSKEY.
bool take(const ldns_rr* rr, Anchors& anchors) {
    std::size_t at = 0;
    const ByteView wire = ldns::view(ldns_rr_owner(rr));
    const auto owner = Name::read(wire, at, wire.size());
    if (!owner || ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN) return false;
    const Bytes rdata = rdata_of(rr);
    if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_DS) {
        const auto ds = read_ds(rdata);
        if (!ds) return false;
        if (is_supported(ds->algorithm) && is_supported_digest(ds->digest_type))
            anchors[*owner].ds.push_back(*ds);
        return true;
    }
    if (ldns_rr_get_type(rr) != LDNS_RR_TYPE_DNSKEY) return false;
    const auto key = read_key(rdata);
    if (!key) return false;
    if (key->is_usable()) anchors[*owner].keys.push_back(*key);
    return true;
}

}  // namespace

Result<Anchors, std::string> read_anchors(std::string_view text) {
    Anchors anchors;
    std::istringstream lines{std::string(text)};
    std::string line;
    for (unsigned number = 1; std::getline(lines, line); ++number) {
        line.erase(std::find(line.begin(), line.end(), ';'), line.end());
        if (line.find_first_not_of(" \t\r") == std::string::npos || line[0] == '$') continue;
        ldns_rr* rr = nullptr;
        const ldns_status status = line.find('\0') != std::string::npos
                                       ? LDNS_STATUS_SYNTAX_ERR
                                       : ldns_rr_new_frm_str(&rr, line.c_str(), 0, nullptr, nullptr);
        const ldns::Record owned(status == LDNS_STATUS_OK ? rr : nullptr);
        if (!owned)
            return fail(fmt::format("line {}: {}; {}", number, ldns_get_errorstr_by_id(status), kWhatToDo));
        if (!take(owned.get(), anchors))
            return fail(fmt::format("line {}: neither a DS nor a DNSKEY record; {}", number, kWhatToDo));
    }
    if (anchors.empty())
        return fail(fmt::format("no trust anchor of an algorithm that is verified here; {}", kWhatToDo));
    return anchors;
}

Result<Anchors, std::string> load_anchors(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(fmt::format("{}: {}; {}", path, std::strerror(errno), kWhatToDo));
    std::string text(kMaxText, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (file.bad()) return fail(fmt::format("{}: cannot be read; {}", path, kWhatToDo));
    auto anchors = read_anchors(text);
    if (!anchors) return fail(fmt::format("{}: {}", path, anchors.error()));
    return anchors;
}

}  // namespace oegate::discovery::validate
