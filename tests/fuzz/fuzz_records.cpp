// Sets of records of all three types, as a zone could hold them: the input is a list
// of rdata, each with its type and whether DNSSEC secures it. Bounds hold, self-only
// holds, and whatever else a name carries, one good record there still wins.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "base/cursor.hpp"
#include "discovery/delegation.hpp"
#include "discovery/gateways.hpp"
#include "discovery/records/ipseckey.hpp"
#include "discovery/records/key.hpp"
#include "discovery/records/txt.hpp"
#include "net/special_use.hpp"

namespace {

using namespace oegate;
using namespace oegate::discovery;

void require(bool holds) {
    if (!holds) std::abort();
}

const Address kOwner = Address::ipv4(192, 2, 0, 66), kGood = Address::ipv4(192, 1, 1, 5);

Bytes good_record() {
    Bytes rdata{0, 1, 2};
    append(rdata, kGood.wire());
    append(rdata, Bytes{1, 3, 0xc5});
    rdata.insert(rdata.end(), 255, 0x55);
    return rdata;
}

void check(const DelegationAnswer& answer, const Rules& rules) {
    require((answer.outcome == Outcome::usable) == !answer.candidates.empty());
    require(answer.candidates.size() <= kMaxGateways && answer.identities.size() <= kMaxGateways);
    require(answer.lifetime >= 1s && answer.lifetime <= rules.longest);
    require(answer.records.size() <= 32 && !answer.detail.empty() && answer.detail.size() < 2000);
    require(std::ranges::is_sorted(answer.candidates, {}, &Candidate::precedence));
    for (const Candidate& c : answer.candidates) {
        require(c.keys.size() <= kMaxKeys && !special_use(c.gateway));
        for (const PublicKey& key : c.keys) require(parse_rsa(key.data).has_value());
        require((c.verdict == Verdict::secure) == (answer.verdict == Verdict::secure));
        require(c.verdict != Verdict::bogus);
        const bool by_name = c.id.kind == Identity::Kind::name;
        require(by_name == !c.also.empty());
        if (c.verdict == Verdict::secure) continue;
        const bool any = rules.unsigned_records == config::UnsignedRecords::any;
        require(rules.unsigned_records != config::UnsignedRecords::refuse);
        require(!by_name);
        require(c.any_unsigned == (c.gateway != kOwner));
        require(!c.any_unsigned || (any && c.source == RecordType::txt));
    }
    for (const Candidate& c : answer.identities)
        require(c.verdict == Verdict::secure && c.gateway.is_unspecified());
    for (const SeenRecord& seen : answer.records) require(!seen.judgement.empty() && !seen.text.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Reader in(ByteView(data, size));
    const unsigned mode = in.u8();
    Rules rules;
    rules.unsigned_records = static_cast<config::UnsignedRecords>(mode % 3);
    Replies replies;
    for (std::size_t i = 0; i < 3; ++i) {
        replies[i].state = Reply::State::absent;
        replies[i].verdict = mode >> (2 + i) & 1 ? Verdict::secure : Verdict::insecure;
        replies[i].lifetime = 100s;
    }
    while (in.ok() && in.remaining() > 0) {
        const unsigned type = in.u8();
        const std::size_t len = std::min<std::size_t>(in.u16(), in.remaining());
        const ByteView rdata = in.take(len);
        Reply& reply = replies[type % 3];
        reply.state = Reply::State::records;
        if (reply.rdata.size() < 400) reply.rdata.emplace_back(rdata.begin(), rdata.end());
        if (const auto record = parse_ipseckey(rdata)) require(!text_of(*record).empty());
        if (const auto record = parse_txt(rdata)) {
            require(record->gateway.has_value() == record->name.empty());
            require(!text_of(*record).empty());
        }
        if (const auto key = parse_key(rdata)) require(parse_rsa(key->data).has_value());
    }

    // Each name that would be looked up leads to one good address and one of loopback.
    Names names;
    for (const std::string& name : names_to_resolve(replies[0])) {
        require(!name.empty() && replies[0].secure());
        Reply address{Reply::State::records, Verdict::secure, {{192, 1, 1, 6}, {127, 0, 0, 1}}, 50s, {}};
        names[name] = {address, {Reply::State::absent, Verdict::secure, {}, 50s, {}}};
        require(addresses_of(name, names).addresses.size() == 1);
    }
    require(names.size() <= kMaxNames);
    check(judge_delegation(kOwner, replies, names, rules), rules);
    check(judge_delegation(kOwner, replies, {}, rules), rules);
    const KeyAnswer keys = judge_keys(Identity::of(kOwner), replies, rules);
    require((keys.outcome == Outcome::usable) == !keys.keys.empty());
    require(keys.keys.size() <= kMaxKeys);

    // A good record beside them wins, in front and behind.
    for (const bool front : {true, false}) {
        Replies with = replies;
        with[0].state = Reply::State::records;
        with[0].verdict = Verdict::secure;
        with[0].rdata.insert(front ? with[0].rdata.begin() : with[0].rdata.end(), good_record());
        const DelegationAnswer answer = judge_delegation(kOwner, with, {}, rules);
        check(answer, rules);
        require(answer.outcome == Outcome::usable && answer.verdict == Verdict::secure);
    }
    return 0;
}
