#include "discovery/sift.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "discovery/records/ipseckey.hpp"
#include "discovery/records/key.hpp"
#include "discovery/records/txt.hpp"

namespace oegate::discovery {
namespace {

/// Strangers choose the number of records; what is shown of them is bounded.
constexpr std::size_t kMaxSeen = 32;
/// So is the number of delegations that are weighed at all, per type. A message of 64
/// KiB could carry thousands; nobody has that many gateways.
constexpr std::size_t kMaxWeighed = 512;

class Sieve {
  public:
    Sieve(Sifted& out, std::vector<SeenRecord>& seen) : out_(out), seen_(seen) {}

    void ipseckey(ByteView rdata);
    void txt(ByteView rdata);
    void key(ByteView rdata);

  private:
    std::size_t note(std::string text, std::string judgement) {
        if (seen_.size() >= kMaxSeen) return kMaxSeen;
        seen_.push_back({out_.type, std::move(text), std::move(judgement)});
        return seen_.size() - 1;
    }
    void refuse(ByteView rdata, const Refusal& refusal) {
        const bool broken = refusal.kind == Refusal::Kind::malformed;
        if (broken && out_.malformed.empty()) out_.malformed = refusal.why;
        note(fmt::format("\\# {} {}", rdata.size(),
                         to_hex(rdata.first(std::min<std::size_t>(16, rdata.size())))),
             (broken ? "malformed: " : "ignored: ") + refusal.why);
    }

    Sifted& out_;
    std::vector<SeenRecord>& seen_;
};

void Sieve::ipseckey(ByteView rdata) {
    const auto record = parse_ipseckey(rdata);
    if (!record) return refuse(rdata, record.error());
    if (record->gateway_type == Ipseckey::Gateway::none) {
        if (!record->key) {
            note(text_of(*record), "ignored: neither gateway nor key");
        } else if (record->unusable_key) {
            note(text_of(*record), "ignored: " + record->unusable_key->why);
        } else {
            add_key(out_.own_keys, *record->key);
            note(text_of(*record), "key of this name, no delegation");
        }
        return;
    }
    if (out_.delegations.size() >= kMaxWeighed) return;
    Delegation delegation{record->precedence, std::nullopt, {}, record->key, record->unusable_key};
    if (record->gateway_type == Ipseckey::Gateway::name)
        delegation.name = record->name.substr(0, record->name.size() - 1);
    else
        delegation.gateway = record->gateway;
    delegation.seen = note(text_of(*record), "");
    out_.delegations.push_back(std::move(delegation));
}

void Sieve::txt(ByteView rdata) {
    auto record = parse_txt(rdata);
    if (!record) return refuse(rdata, record.error());
    if (out_.delegations.size() >= kMaxWeighed) return;
    const std::size_t seen = note(text_of(*record), "");
    out_.delegations.push_back({record->precedence, record->gateway, std::move(record->name),
                                std::move(record->key), std::move(record->unusable_key), seen});
}

void Sieve::key(ByteView rdata) {
    const auto key = parse_key(rdata);
    if (!key) return refuse(rdata, key.error());
    add_key(out_.own_keys, *key);
    note(short_text(*key), "key of this name, no delegation");
}

}  // namespace

Sifted sift(RecordType type, const Reply& reply, std::vector<SeenRecord>& seen) {
    Sifted out;
    out.type = type;
    out.verdict = reply.verdict;
    Sieve sieve(out, seen);
    for (const Bytes& rdata : reply.rdata) switch (type) {
            case RecordType::ipseckey:
                sieve.ipseckey(rdata);
                break;
            case RecordType::txt:
                sieve.txt(rdata);
                break;
            case RecordType::key:
                sieve.key(rdata);
                break;
        }
    return out;
}

std::string_view to_text(RecordType type) {
    switch (type) {
        case RecordType::ipseckey:
            return "IPSECKEY";
        case RecordType::txt:
            return "TXT";
        case RecordType::key:
            return "KEY";
    }
    return "?";
}

void add_key(std::vector<PublicKey>& keys, const PublicKey& key) {
    if (keys.size() < kMaxKeys && std::find(keys.begin(), keys.end(), key) == keys.end()) keys.push_back(key);
}

}  // namespace oegate::discovery
