// What a resolver, or whoever writes to its port, can send us: messages, the replies
// read from them, each record parser over the same bytes, and the two judgements.
#include <cstdint>
#include <cstdlib>

#include "discovery/delegation.hpp"
#include "discovery/records/ipseckey.hpp"
#include "discovery/records/key.hpp"
#include "discovery/records/txt.hpp"
#include "discovery/wire.hpp"

namespace {

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace oegate;
    using namespace oegate::discovery;
    const ByteView bytes(data, size);
    const Address owner = Address::ipv4(192, 2, 0, 66);

    const auto check = [](const DelegationAnswer& answer) {
        require((answer.outcome == Outcome::usable) == !answer.candidates.empty());
        require(answer.candidates.size() <= kMaxGateways && answer.identities.size() <= kMaxGateways);
        require(answer.lifetime >= 1s && answer.lifetime <= config::Dns{}.longest_ttl);
        for (const Candidate& c : answer.candidates) {
            require(c.keys.size() <= kMaxKeys);
            require(c.verdict == answer.verdict);
            for (const PublicKey& key : c.keys) require(key.algorithm == PublicKey::Algorithm::rsa);
        }
    };

    if (const auto message = parse_message(bytes))
        for (const Question& question : message->questions) {
            require(canonical_name(question.name) == question.name || canonical_name(question.name).empty());
            const Reply reply = read_reply(*message, question, true, 2'000'000'000, 24h);
            require((reply.state == Reply::State::records) == !reply.rdata.empty());
            check(judge_delegation(owner, {reply, reply, reply}));
            judge_keys(Identity::of(owner), {reply, reply, reply});
        }

    if (const auto record = parse_ipseckey(bytes)) require(!text_of(*record).empty());
    if (const auto record = parse_txt(bytes)) require(record->gateway.has_value() != !record->name.empty());
    if (const auto key = parse_key(bytes)) require(parse_rsa(key->data).has_value());

    for (const bool secure : {true, false}) {
        const Verdict verdict = secure ? Verdict::secure : Verdict::indeterminate;
        const Reply reply{Reply::State::records, verdict, {Bytes(data, data + size)}, 60s, {}};
        const Reply absent{Reply::State::absent, verdict, {}, 60s, {}};
        const DelegationAnswer answer = judge_delegation(owner, {reply, reply, reply});
        check(answer);
        if (!secure)  // self-only
            for (const Candidate& c : answer.candidates) require(c.gateway == owner);
        check(judge_delegation(owner, {absent, reply, absent}));
        judge_keys(Identity::of(owner), {reply, reply, reply});
    }
    return 0;
}
