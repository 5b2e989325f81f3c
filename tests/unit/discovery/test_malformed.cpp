// Bad input, one row a variant, through whole look-ups: what comes of the record
// alone, the line that the log and `show dns` give for it, that a good record beside it
// still wins, and that another look-up at the same time does not notice.
#include <algorithm>

#include "discovery/records/rsa.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kBob = Address::ipv4(192, 2, 0, 66), kCarol = Address::ipv4(192, 2, 0, 67);
const Address kSgB = Address::ipv4(192, 1, 1, 5);
const PublicKey kB = rsa_of(2);
const ByteView kWire = kSgB.wire();

struct Row {
    const char* what;
    std::uint16_t type;
    Bytes rdata;
    Outcome alone;  // malformed or unusable
    const char* why;
};

Bytes cut(Bytes bytes, std::size_t len) {
    bytes.resize(len);
    return bytes;
}
Bytes key_with(Bytes exponent, Bytes modulus) {
    Bytes key{static_cast<std::uint8_t>(exponent.size())};
    append(key, exponent);
    append(key, modulus);
    return key;
}
Bytes modulus_of(std::size_t len) {
    Bytes modulus(len, 0x55);
    modulus.front() = 0xc5;
    return modulus;
}
Bytes with_key(ByteView key) {
    return ipseckey(10, 1, 2, kWire, key);
}
Bytes ours(const std::string& rest) {
    return txt("X-IPsec-Server" + rest);
}
Bytes key_rdata(ByteView key, unsigned protocol = 4, unsigned algorithm = 1) {
    return key_record({PublicKey::Algorithm::rsa, Bytes(key.begin(), key.end())}, protocol, algorithm);
}

const std::string kKeyText = to_base64(kB.data);
constexpr auto kMalformed = Outcome::malformed, kIgnored = Outcome::unusable;

const std::vector<Row>& rows() {
    static const std::vector<Row> all{
        // IPSECKEY (RFC 4025 §2)
        {"empty", kIpseckey, {}, kMalformed, "shorter than its fixed fields"},
        {"two bytes", kIpseckey, {10, 1}, kMalformed, "shorter than its fixed fields"},
        {"IPv4 gateway cut off", kIpseckey, {10, 1, 2, 192, 1, 1}, kMalformed, "gateway address cut off"},
        {"IPv6 gateway cut off",
         kIpseckey,
         {10, 2, 2, 0x20, 1, 0xd, 0xb8},
         kMalformed,
         "gateway address cut off"},
        {"IPv6 type, IPv4 address", kIpseckey, ipseckey(10, 2, 0, kWire, {}), kMalformed,
         "gateway address cut off"},
        {"IPv4 type, IPv6 address", kIpseckey, ipseckey(10, 1, 0, Address::parse("2001:db8::5")->wire(), {}),
         kMalformed, "algorithm 0 (no key) with a key"},
        {"IPv4 type, IPv6 address and key", kIpseckey,
         ipseckey(10, 1, 2, Address::parse("2001:db8::5")->wire(), kB.data), kMalformed, "RSA "},
        {"IPv4-mapped gateway", kIpseckey, ipseckey(10, 2, 2, kSgB.bytes(), kB.data), kIgnored,
         "IPv4-mapped address"},
        {"unknown gateway type", kIpseckey, ipseckey(10, 4, 2, kWire, kB.data), kIgnored,
         "gateway type 4 is unknown"},
        {"compressed gateway name", kIpseckey, ipseckey(10, 3, 2, Bytes{0xc0, 0x0c}, kB.data), kMalformed,
         "compressed or overlong label"},
        {"gateway name that points to itself", kIpseckey, ipseckey(10, 3, 2, Bytes{1, 'a', 0xc0, 0x00}, {}),
         kMalformed, "compressed or overlong label"},
        {"gateway name cut off", kIpseckey, {10, 3, 2, 5, 's', 'g'}, kMalformed, "gateway name cut off"},
        {"gateway name of 300 bytes", kIpseckey,
         ipseckey(
             10, 3, 2,
             [] {
                 Bytes name;
                 for (int i = 0; i < 6; ++i) {
                     name.push_back(50);
                     name.insert(name.end(), 50, 'a');
                 }
                 name.push_back(0);
                 return name;
             }(),
             kB.data),
         kMalformed, "longer than 255 bytes"},
        {"the root as gateway name", kIpseckey, ipseckey(10, 3, 2, Bytes{0}, kB.data), kIgnored,
         "gateway name is the root"},
        {"algorithm 0 with a key", kIpseckey, ipseckey(10, 1, 0, kWire, kB.data), kMalformed,
         "algorithm 0 (no key) with a key"},
        {"algorithm without a key", kIpseckey, ipseckey(10, 1, 2, kWire, {}), kMalformed,
         "algorithm 2 without a key"},
        {"ECDSA key", kIpseckey, ipseckey(10, 1, 3, kWire, Bytes(64, 7)), kIgnored,
         "key algorithm 3 is not supported"},
        {"unknown key algorithm", kIpseckey, ipseckey(10, 1, 200, kWire, Bytes(64, 7)), kIgnored,
         "key algorithm 200 is not supported"},
        {"key cut off in its exponent", kIpseckey, with_key(Bytes{255, 1}), kMalformed,
         "RSA key ends inside its exponent"},
        {"key of one byte", kIpseckey, with_key(Bytes{0}), kMalformed, "RSA key ends inside its exponent"},
        {"key without modulus", kIpseckey, with_key(Bytes{1, 3}), kMalformed, "RSA key without modulus"},
        {"modulus with leading zeros", kIpseckey, with_key(key_with({3}, cut({0, 0xff}, 256))), kMalformed,
         "RSA key with leading zeros"},
        {"exponent with leading zeros", kIpseckey, with_key(key_with({0, 3}, modulus_of(256))), kMalformed,
         "RSA key with leading zeros"},
        {"exponent 1", kIpseckey, with_key(key_with({1}, modulus_of(256))), kMalformed,
         "RSA exponent is even or 1"},
        {"even exponent", kIpseckey, with_key(key_with({1, 0}, modulus_of(256))), kMalformed,
         "RSA exponent is even or 1"},
        {"key cut off to an even modulus", kIpseckey, with_key(key_with({3}, {0xc5, 0x44})), kMalformed,
         "RSA modulus is even"},
        {"key too short", kIpseckey, with_key(key_with({3}, modulus_of(128))), kIgnored,
         "RSA key of 1024 bits, 2048 to 8192 are accepted"},
        {"key absurdly long", kIpseckey, with_key(key_with({3}, modulus_of(4096))), kIgnored,
         "RSA key of 32768 bits"},
        {"exponent absurdly long", kIpseckey, with_key(key_with(modulus_of(200), modulus_of(256))), kIgnored,
         "RSA exponent of 200 bytes"},
        {"gateway on loopback", kIpseckey, ipseckey(10, Address::ipv4(127, 0, 0, 1), kB), kIgnored,
         "special-use address"},
        {"neither gateway nor key", kIpseckey, {10, 0, 0}, kIgnored, "neither gateway nor key"},
        // TXT (OE draft §5.2)
        {"empty", kTxt, {}, kIgnored, "another application's TXT"},
        {"character-string cut off", kTxt, cut(ours("(10)=192.1.1.5 " + kKeyText), 100), kMalformed,
         "character-string cut off"},
        {"nothing behind the tag", kTxt, ours(""), kMalformed, "no (precedence)= of 0 to 65535"},
        {"no precedence", kTxt, ours("=192.1.1.5"), kMalformed, "no (precedence)="},
        {"empty precedence", kTxt, ours("()=192.1.1.5"), kMalformed, "no (precedence)="},
        {"precedence open", kTxt, ours("(10=192.1.1.5"), kMalformed, "no (precedence)="},
        {"precedence negative", kTxt, ours("(-1)=192.1.1.5"), kMalformed, "no (precedence)="},
        {"precedence in hexadecimal", kTxt, ours("(0x10)=192.1.1.5"), kMalformed, "no (precedence)="},
        {"precedence 65536", kTxt, ours("(65536)=192.1.1.5"), kMalformed, "no (precedence)="},
        {"precedence absurd", kTxt, ours("(99999999999999999999)=192.1.1.5"), kMalformed, "no (precedence)="},
        {"no equals sign", kTxt, ours("(10) 192.1.1.5"), kMalformed, "no (precedence)="},
        {"no gateway", kTxt, ours("(10)="), kMalformed, "no gateway"},
        {"gateway out of range", kTxt, ours("(10)=300.1.1.5"), kMalformed, "neither an address nor @"},
        {"gateway a bare name", kTxt, ours("(10)=sg.example"), kMalformed, "neither an address nor @"},
        {"gateway IPv6 with a zone", kTxt, ours("(10)=fe80::1%eth0"), kMalformed, "neither an address nor @"},
        {"gateway an empty name", kTxt, ours("(10)=@"), kMalformed, "gateway is no domain name"},
        {"gateway a broken name", kTxt, ours("(10)=@a..b"), kMalformed, "gateway is no domain name"},
        {"gateway name absurd", kTxt, ours("(10)=@" + std::string(300, 'a')), kMalformed,
         "gateway is no domain name"},
        {"base64 truncated", kTxt, ours("(10)=192.1.1.5 " + kKeyText.substr(0, kKeyText.size() - 3)),
         kMalformed, "key is no base64"},
        {"base64 with foreign letters", kTxt, ours("(10)=192.1.1.5 " + kKeyText.substr(0, 40) + "!?"),
         kMalformed, "key is no base64"},
        {"padding in the middle", kTxt, ours("(10)=192.1.1.5 AQ==" + kKeyText), kMalformed,
         "key is no base64"},
        {"key cut off at a whole number of base64 letters", kTxt, ours("(10)=192.1.1.5 /wED"), kMalformed,
         "RSA key ends inside its exponent"},
        {"key too short", kTxt, ours("(10)=192.1.1.5 " + to_base64(key_with({3}, modulus_of(64)))), kIgnored,
         "RSA key of 512 bits"},
        {"60,000 bytes of text", kTxt, ours("(10)=192.1.1.5 " + std::string(60'000, 'A')), kMalformed,
         "RSA exponent length not in its short form"},
        {"another's attribute with our beginning", kTxt, ours("s(10)=192.1.1.5"), kIgnored,
         "another application's TXT"},
        // KEY (RFC 2535 §3)
        {"cut off", kKey, {0x42, 0, 4}, kMalformed, "shorter than its fixed fields"},
        {"no key", kKey, {0x42, 0, 4, 1}, kMalformed, "no key"},
        {"key cut off", kKey, key_rdata(Bytes{3, 1}), kMalformed, "RSA key ends inside its exponent"},
        {"for another protocol", kKey, key_rdata(kB.data, 3), kIgnored, "key for protocol 3, not IPsec"},
        {"of another algorithm", kKey, key_rdata(kB.data, 4, 5), kIgnored, "key algorithm 5 is not RSA"},
        {"too long", kKey, key_rdata(key_with({3}, modulus_of(2048))), kIgnored, "RSA key of 16384 bits"},
    };
    return all;
}

std::string_view name_of(std::uint16_t type) {
    return type == kIpseckey ? "IPSECKEY" : type == kTxt ? "TXT" : "KEY";
}

/// Bob has the records; Carol, asked at the same time, one good IPSECKEY.
DelegationAnswer look_up(std::map<std::uint16_t, std::vector<Bytes>> bob) {
    World w;
    w.dns = [&](const SendQuery&, const SeenQuestion& seen) -> std::optional<Script> {
        if (seen.question.name == kCarol.reverse_name())
            return seen.question.type == kIpseckey ? Script{.rdata = {ipseckey(1, kSgB, kB)}} : Script{};
        return Script{.rdata = bob[seen.question.type]};
    };
    w.d().look_up_delegation(kBob, w.now);
    w.d().look_up_delegation(kCarol, w.now);
    w.exchange();
    std::map<Address, DelegationAnswer> done;
    while (const auto completion = w.d().next_completion())
        done[std::get<DelegationDone>(*completion).owner] = std::get<DelegationDone>(*completion).answer;
    REQUIRE(done.size() == 2);
    CHECK(done[kCarol].outcome == Outcome::usable);
    return done[kBob];
}

}  // namespace

TEST_CASE("each malformed record: its verdict, its line, and a good one beside it wins") {
    for (const Row& row : rows()) {
        INFO(name_of(row.type) << " " << row.what);
        const DelegationAnswer alone = look_up({{row.type, {row.rdata}}});
        CHECK(alone.outcome == row.alone);
        CHECK(alone.candidates.empty());
        REQUIRE(alone.records.size() == 1);
        CHECK(alone.records[0].judgement.starts_with(row.alone == kMalformed ? "malformed: " : "ignored: "));
        CHECK(alone.records[0].judgement.find(row.why) != std::string::npos);
        // The log's line.
        if (row.alone == kMalformed)
            CHECK(alone.detail.starts_with(std::string(name_of(row.type)) + " of 192.2.0.66 is malformed: "));
        else
            CHECK(alone.detail.starts_with("no usable record at 192.2.0.66: "));
        CHECK(alone.detail.find(row.why) != std::string::npos);
        CHECK(alone.detail.size() < 200);

        // In front of and behind a good record of its own type, and beside one of another.
        const bool is_txt = row.type == kTxt;
        const Bytes good = is_txt ? txt_to(1, "192.1.1.5", kB) : ipseckey(1, kSgB, kB);
        const std::uint16_t good_type = is_txt ? kTxt : kIpseckey;
        std::vector<std::map<std::uint16_t, std::vector<Bytes>>> mixtures{
            {{row.type, {row.rdata}},
             {is_txt ? kIpseckey : kTxt, {is_txt ? ipseckey(1, kSgB, kB) : txt_to(1, "192.1.1.5", kB)}}}};
        if (good_type == row.type) {
            mixtures.push_back({{row.type, {row.rdata, good}}});
            mixtures.push_back({{row.type, {good, row.rdata}}});
        }
        for (auto& mixture : mixtures) {
            const DelegationAnswer beside = look_up(std::move(mixture));
            CHECK(beside.outcome == Outcome::usable);
            REQUIRE(beside.candidates.size() == 1);
            CHECK(beside.candidates[0].gateway == kSgB);
            CHECK(beside.candidates[0].keys == std::vector{kB});
            const auto noted = std::ranges::find_if(beside.records, [&](const SeenRecord& seen) {
                return seen.judgement.find(row.why) != std::string::npos;
            });
            // KEY competes with no gateway, so the answer may not have waited for it.
            if (row.type != kKey) CHECK(noted != beside.records.end());
        }
    }
}

TEST_CASE("hundreds of records: the good one wins, what is shown is bounded") {
    for (const bool good_first : {true, false}) {
        std::vector<Bytes> junk(700, ours("(1)=nonsense"));
        junk.insert(good_first ? junk.begin() : junk.end(), txt_to(9, "192.1.1.5", kB));
        const DelegationAnswer answer = look_up({{kTxt, junk}});
        CHECK(answer.outcome == Outcome::usable);
        CHECK(answer.candidates.at(0).gateway == kSgB);
        CHECK(answer.records.size() == 32);
    }
    std::vector<Bytes> foreign(900, txt("v=spf1 -all"));
    foreign.push_back(txt_to(9, "192.1.1.5", kB));
    CHECK(look_up({{kTxt, foreign}}).outcome == Outcome::usable);
    std::vector<Bytes> gateways;
    for (unsigned i = 0; i < 200; ++i)
        gateways.push_back(ipseckey(i % 256, 1, 0, Address::ipv4(0xc0010000 + i).wire(), {}));
    const DelegationAnswer many = look_up({{kIpseckey, gateways}});
    REQUIRE(many.candidates.size() == 8);
    CHECK(many.candidates[7].precedence == 7);
    std::vector<Bytes> keys(100, key_record(kB));
    CHECK(look_up({{kKey, keys}}).outcome == Outcome::unusable);
}

TEST_CASE("malformed messages are no answers: counted, and the true one still counts") {
    World w;
    w.d().look_up_delegation(kBob, w.now);
    w.exchange();
    const SendQuery* asked = nullptr;
    for (const SendQuery& query : w.sent)
        if (read_question(query.message).question.type == kIpseckey) asked = &query;
    REQUIRE(asked);
    const Script script{.rdata = {ipseckey(1, kSgB, kB)}, .aliases = {"a.example."}};
    const Bytes good = answer_to(asked->message, script);
    const std::size_t answer_at = asked->message.size() - 11;  // behind the question; OPT is 11 bytes
    const auto patched = [&](std::size_t at, Bytes with) {
        Bytes message = good;
        for (std::size_t i = 0; i < with.size(); ++i) message.at(at + i) = with[i];
        return message;
    };
    const auto pointer = [](std::size_t to) {
        return Bytes{static_cast<std::uint8_t>(0xc0 | to >> 8), static_cast<std::uint8_t>(to)};
    };
    struct Message {
        const char* what;
        Bytes bytes;
    };
    const std::size_t type_at = answer_at + kBob.reverse_name().size() + 1;
    std::vector<Message> bad{
        {"nothing", {}},
        {"a header alone", cut(good, 12)},
        {"owner that points to itself", patched(answer_at, pointer(answer_at))},
        {"owner that points forward", patched(answer_at, pointer(answer_at + 20))},
        {"owner that points behind the end", patched(answer_at, pointer(0x3fff))},
        {"two pointers that point at each other",
         patched(answer_at, Bytes{0xc0, static_cast<std::uint8_t>(answer_at + 2), 0xc0,
                                  static_cast<std::uint8_t>(answer_at)})},
        {"label of a kind that does not exist", patched(answer_at, {0x80})},
        {"alias longer than its record", patched(type_at + 8, {0, 1})},
        {"alias that runs into the next record", patched(type_at + 8, {0, 3})},
        {"rdata longer than the message", patched(type_at + 8, {0xff, 0xff})},
        {"more questions than there are", patched(4, {0xff, 0xff})},
        {"more answers than there are", patched(6, {0xff, 0xff})},
        {"fewer answers than there are", patched(6, {0, 1})},
        {"more authority than there is", patched(8, {0, 9})},
        {"no question", patched(4, {0, 0})},
        {"a query", patched(2, {0x01, 0x00})},
        {"another opcode", patched(2, {0xa8, 0x00})},
    };
    for (std::size_t len = 13; len < good.size(); ++len) bad.push_back({"cut off", cut(good, len)});
    for (const Message& message : bad) {
        INFO(message.what);
        const std::uint64_t before = w.d().counters().mismatched;
        w.d().on_message(asked->query, message.bytes, w.now);
        CHECK(w.d().counters().mismatched == before + 1);
        CHECK(w.d().counters().received == 0);
    }
    CHECK_FALSE(w.d().next_completion());
    for (const SendQuery& query : w.sent)
        w.d().on_message(query.query, &query == asked ? good : answer_to(query.message, {}), w.now);
    w.exchange();
    const auto done = w.d().next_completion();
    REQUIRE(done);
    CHECK(std::get<DelegationDone>(*done).answer.outcome == Outcome::usable);
}
