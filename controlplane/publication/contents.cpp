#include "publication/contents.hpp"

#include <algorithm>

#include "discovery/records/ipseckey.hpp"
#include "discovery/records/key.hpp"
#include "discovery/records/txt.hpp"

namespace oegate::publication {
namespace {

using discovery::Refusal;

/// Strangers choose how many records there are.
constexpr std::size_t kMaxRecords = 64;

class Reading {
  public:
    Reading(const Ours& ours, const Claim& claim) : ours_(ours), claim_(claim) {}

    void ipseckey(ByteView rdata) {
        const auto record = discovery::parse_ipseckey(rdata);
        if (!record) return refuse(record.error());
        using Gateway = discovery::Ipseckey::Gateway;
        if (record->gateway_type == Gateway::none) return own_key(record->key);
        if (record->gateway_type == Gateway::name) {
            const std::string name = record->name.substr(0, record->name.size() - 1);
            return delegation(is_our_name(name), name, record->key);
        }
        delegation(is_our_address(record->gateway), record->gateway.text(), record->key);
    }
    void txt(ByteView rdata) {
        const auto record = discovery::parse_txt(rdata);
        if (!record) return refuse(record.error());
        if (record->gateway)
            return delegation(is_our_address(*record->gateway), record->gateway->text(), record->key);
        if (!ours_.initiates_as.empty() && record->name == ours_.initiates_as) out.names_id = true;
        delegation(is_our_name(record->name), "@" + record->name, record->key);
    }
    void key(ByteView rdata) {
        const auto key = discovery::parse_key(rdata);
        if (!key) return refuse(key.error());
        own_key(*key);
    }

    Contents out;

  private:
    bool is_our_address(const Address& a) const {
        return std::find(ours_.gateways.begin(), ours_.gateways.end(), a) != ours_.gateways.end();
    }
    bool is_our_name(const std::string& n) const {
        return n == ours_.initiates_as ||
               std::find(ours_.names.begin(), ours_.names.end(), n) != ours_.names.end();
    }
    void refuse(const Refusal& refusal) {
        if (refusal.kind == Refusal::Kind::malformed && out.malformed.empty()) out.malformed = refusal.why;
    }
    void add(const PublicKey& key) {
        out.names_us = true;
        if (!out.has(key)) out.keys.push_back(key);
    }
    /// A key without a gateway speaks of the name itself.
    void own_key(const std::optional<PublicKey>& key) {
        if (key && ours_.owns(claim_)) add(*key);
    }
    void delegation(bool to_us, const std::string& whom, const std::optional<PublicKey>& key) {
        if (!to_us) {
            if (out.other.empty()) out.other = whom;
            return;
        }
        out.names_us = out.delegates = true;
        if (key)
            add(*key);
        else if (claim_.kind == Claim::Kind::host)
            out.keyless = true;
    }

    const Ours& ours_;
    const Claim& claim_;
};

}  // namespace

bool Contents::has(const PublicKey& key) const {
    return std::find(keys.begin(), keys.end(), key) != keys.end();
}

std::string_view type_name(std::size_t type) {
    static constexpr std::array<std::string_view, 3> kNames{"IPSECKEY", "TXT", "KEY"};
    return kNames[type];
}

Contents read_contents(const Ours& ours, const Claim& claim, discovery::RecordType type,
                       const std::vector<Bytes>& rdata) {
    Reading reading(ours, claim);
    for (std::size_t i = 0; i < std::min(rdata.size(), kMaxRecords); ++i) {
        if (type == discovery::RecordType::ipseckey)
            reading.ipseckey(rdata[i]);
        else if (type == discovery::RecordType::txt)
            reading.txt(rdata[i]);
        else
            reading.key(rdata[i]);
    }
    return std::move(reading.out);
}

bool carries(const Name& name, const PublicKey& key) {
    const auto lacks = [&](const Contents& set) { return set.names_us && !set.serves(key); };
    const auto serves = [&](const Contents& set) { return set.names_us && set.serves(key); };
    return std::none_of(name.begin(), name.end(), lacks) && std::any_of(name.begin(), name.end(), serves);
}

bool mentions(const Name& name, const PublicKey& key) {
    return std::any_of(name.begin(), name.end(), [&](const Contents& set) { return set.has(key); });
}

}  // namespace oegate::publication
