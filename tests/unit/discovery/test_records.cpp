// The record parsers: tables of good and bad, and a zone written by hand and signed
// with `ldns-keygen -a ECDSAP256SHA256`, `ldns-signzone` (zone.signed), whose keys'
// moduli are compared with what `openssl pkey -text` says of them.
#include <cstdio>
#include <memory>

#include "discovery/publish.hpp"
#include "discovery/records/ipseckey.hpp"
#include "discovery/records/key.hpp"
#include "discovery/records/txt.hpp"
#include "world.hpp"

// Last, because it makes macros of bool, true and false.
#include <ldns/ldns.h>
#undef bool
#undef true
#undef false

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

using Kind = Refusal::Kind;

Bytes wire_of(const ldns_rr* rr) {
    Bytes rdata;
    for (std::size_t i = 0; i < ldns_rr_rd_count(rr); ++i) {
        const ldns_rdf* field = ldns_rr_rdf(rr, i);
        append(rdata, {ldns_rdf_data(field), ldns_rdf_size(field)});
    }
    return rdata;
}

/// owner and type → rdata, read by ldns.
using Zone = std::multimap<std::pair<std::string, std::uint16_t>, Bytes>;

void add_line(Zone& zone, const char* line) {
    ldns_rr* rr = nullptr;
    if (ldns_rr_new_frm_str(&rr, line, 3600, nullptr, nullptr) != LDNS_STATUS_OK) return;
    char* owner = ldns_rdf2str(ldns_rr_owner(rr));
    zone.emplace(std::pair(std::string(owner), static_cast<std::uint16_t>(ldns_rr_get_type(rr))),
                 wire_of(rr));
    std::free(owner);
    ldns_rr_free(rr);
}

Zone signed_zone() {
    Zone zone;
    std::FILE* file = std::fopen(ZONE_FILE, "r");
    REQUIRE(file);
    std::string line(8192, '\0');
    while (std::fgets(line.data(), static_cast<int>(line.size()), file)) add_line(zone, line.c_str());
    std::fclose(file);
    return zone;
}

Bytes rdata_of(const Zone& zone, const std::string& owner, std::uint16_t type) {
    REQUIRE(zone.count({owner, type}) == 1);
    return zone.find({owner, type})->second;
}

Bytes hex(std::string_view text) {
    return *from_hex(text);
}

Kind kind_of(const auto& result) {
    REQUIRE_FALSE(result);
    CHECK_FALSE(result.error().why.empty());
    return result.error().kind;
}

const PublicKey kGoodKey = rsa_of(1);

}  // namespace

TEST_CASE("records of a zone signed by standard tools") {
    const Zone zone = signed_zone();
    const std::string base = ".0.1.192.in-addr.arpa.";

    const auto alice = parse_ipseckey(rdata_of(zone, "65" + base, kIpseckey));
    REQUIRE(alice);
    CHECK(alice->precedence == 10);
    CHECK((alice->gateway == Address::ipv4(192, 1, 1, 4)));
    REQUIRE(alice->key.has_value());
    const auto a = parse_rsa(alice->key->data);
    REQUIRE(a);
    CHECK(a->bits == 2048);
    CHECK(to_hex(a->exponent) == "010001");
    CHECK(to_hex(a->modulus).starts_with("9d0c62792644865b645bea70b7b8b542a7f009b9c5826c18"));
    CHECK(to_hex(a->modulus).ends_with("6d5bb98855e57a7c54d64a06830936fe32aeb"));

    const auto alice_txt = parse_txt(rdata_of(zone, "65" + base, kTxt));
    REQUIRE(alice_txt);
    CHECK((alice_txt->gateway == Address::ipv4(192, 1, 1, 4)));
    CHECK((alice_txt->key == alice->key));

    const auto own = parse_ipseckey(rdata_of(zone, "4.1.1.192.in-addr.arpa.", kIpseckey));
    REQUIRE(own);
    CHECK(own->gateway_type == Ipseckey::Gateway::none);
    CHECK((own->key == alice->key));
    const auto key = parse_key(rdata_of(zone, "4.1.1.192.in-addr.arpa.", kKey));
    REQUIRE(key);
    CHECK(*key == *alice->key);

    const auto six = parse_ipseckey(rdata_of(zone, "66" + base, kIpseckey));
    REQUIRE(six);
    CHECK((six->gateway == Address::parse("2001:db8:1::5")));
    const auto b = parse_rsa(six->key->data);
    REQUIRE(b);
    CHECK(b->bits == 3072);
    CHECK(to_hex(b->exponent) == "03");
    CHECK(to_hex(b->modulus).starts_with("be3efebbfbdbaf8b60d5d9cea40c031a2c64f06577966b6f"));
    CHECK(to_hex(b->modulus).ends_with("f79e4906c5f1e83fb196af6d0df8bb3ef5"));
    CHECK((parse_txt(rdata_of(zone, "66" + base, kTxt))->gateway == Address::parse("2001:db8:1::5")));

    const auto named = parse_ipseckey(rdata_of(zone, "67" + base, kIpseckey));
    REQUIRE(named);
    CHECK(named->gateway_type == Ipseckey::Gateway::name);
    CHECK(named->name == "sg-b.example.");
    CHECK(named->precedence == 20);
    CHECK((named->key == six->key));
    // Four character-strings, white space inside the base64.
    const auto fqdn = parse_txt(rdata_of(zone, "67" + base, kTxt));
    REQUIRE(fqdn);
    CHECK_FALSE(fqdn->gateway.has_value());
    CHECK(fqdn->name == "sg-b.example");
    CHECK((fqdn->key == six->key));

    CHECK(kind_of(parse_txt(rdata_of(zone, "68" + base, kTxt))) == Kind::foreign);
    CHECK(kind_of(parse_key(rdata_of(zone, "68" + base, kKey))) == Kind::foreign);
}

TEST_CASE("what we publish, ldns reads and we read back") {
    Publication p{Address::ipv4(192, 1, 1, 5),
                  {Address::ipv4(192, 2, 0, 66), *Address::parse("2001:db8:2::66")},
                  rsa_of(5, 4096),
                  7,
                  300,
                  true};
    const std::string text = zone_records(p);
    Zone zone;
    std::size_t num_lines = 0;
    for (std::size_t at = 0; at < text.size(); ++num_lines) {
        const std::size_t end = text.find('\n', at);
        add_line(zone, text.substr(at, end - at).c_str());
        at = end + 1;
    }
    CHECK(num_lines == 6);
    CHECK(zone.size() == 6);
    for (const Address& host : p.hosts) {
        const auto ipseckey = parse_ipseckey(rdata_of(zone, host.reverse_name(), kIpseckey));
        REQUIRE(ipseckey);
        CHECK((ipseckey->gateway == p.gateway));
        CHECK(ipseckey->precedence == 7);
        CHECK((ipseckey->key == p.key));
        const auto delegation = parse_txt(rdata_of(zone, host.reverse_name(), kTxt));
        REQUIRE(delegation);
        CHECK((delegation->gateway == p.gateway));
        CHECK(delegation->precedence == 7);
        CHECK((delegation->key == p.key));
    }
    CHECK((parse_ipseckey(rdata_of(zone, p.gateway.reverse_name(), kIpseckey))->key == p.key));
    CHECK(*parse_key(rdata_of(zone, p.gateway.reverse_name(), kKey)) == p.key);
    p.key_records = false;
    CHECK(zone_records(p).find(" KEY ") == std::string::npos);
    p.key.algorithm = PublicKey::Algorithm::ecdsa;
    CHECK(zone_records(p).empty());
    p.key.algorithm = PublicKey::Algorithm::rsa;
    p.precedence = 256;
    CHECK(zone_records(p).empty());
}

TEST_CASE("RSA keys: strict RFC 3110, 2048 to 8192 bits") {
    const auto with = [](std::string_view head, const PublicKey& key) {
        Bytes blob = hex(head);
        append(blob, ByteView(key.data).subspan(2));
        return blob;
    };
    CHECK(rsa_key(kGoodKey.data));
    CHECK(rsa_key(rsa_of(1, 8192).data));
    CHECK(rsa_key(with("03010001", kGoodKey)));
    CHECK(rsa_key(with("08ffffffffffffffff", kGoodKey)));

    CHECK(kind_of(rsa_key(rsa_of(1, 2040).data)) == Kind::unusable);
    CHECK(kind_of(rsa_key(rsa_of(1, 8200).data)) == Kind::unusable);
    CHECK(kind_of(rsa_key(with("09ffffffffffffffffff", kGoodKey))) == Kind::unusable);
    // 2047 bits in 256 bytes.
    Bytes short_by_one = kGoodKey.data;
    short_by_one[2] = 0x7f;
    CHECK(kind_of(rsa_key(short_by_one)) == Kind::unusable);

    CHECK(kind_of(rsa_key({})) == Kind::malformed);
    CHECK(kind_of(rsa_key(hex("00"))) == Kind::malformed);
    CHECK(kind_of(rsa_key(hex("0001"))) == Kind::malformed);
    CHECK(kind_of(rsa_key(hex("000000"))) == Kind::malformed);
    CHECK(kind_of(rsa_key(hex("0103"))) == Kind::malformed);                 // no modulus
    CHECK(kind_of(rsa_key(hex("ff03"))) == Kind::malformed);                 // exponent cut off
    CHECK(kind_of(rsa_key(with("00000103", kGoodKey))) == Kind::malformed);  // long form of a short length
    CHECK(kind_of(rsa_key(with("020003", kGoodKey))) == Kind::malformed);    // leading zero
    CHECK(kind_of(rsa_key(with("0103"
                               "00",
                               kGoodKey))) == Kind::malformed);          // leading zero of the modulus
    CHECK(kind_of(rsa_key(with("0101", kGoodKey))) == Kind::malformed);  // exponent 1
    CHECK(kind_of(rsa_key(with("0102", kGoodKey))) == Kind::malformed);  // even exponent
    Bytes even = kGoodKey.data;
    even.back() &= 0xfe;
    CHECK(kind_of(rsa_key(even)) == Kind::malformed);
}

TEST_CASE("IPSECKEY") {
    const Bytes v4 = hex("c0010105");
    CHECK(parse_ipseckey(ipseckey(255, 1, 2, v4, kGoodKey.data))->precedence == 255);
    const auto no_key = parse_ipseckey(ipseckey(10, 1, 0, v4, {}));
    REQUIRE(no_key);
    CHECK_FALSE(no_key->key.has_value());
    CHECK(text_of(*no_key) == "10 1 0 192.1.1.5 no key");

    // Other algorithms and sizes are carried and not used.
    const auto ecdsa = parse_ipseckey(ipseckey(10, 1, 3, v4, hex("00112233")));
    REQUIRE(ecdsa);
    CHECK(ecdsa->unusable_key.has_value());
    CHECK(ecdsa->key->algorithm == PublicKey::Algorithm::ecdsa);
    CHECK(parse_ipseckey(ipseckey(10, 1, 2, v4, rsa_of(1, 1024).data))->unusable_key.has_value());
    CHECK(kind_of(parse_ipseckey(ipseckey(10, 4, 2, v4, kGoodKey.data))) == Kind::unusable);
    CHECK(kind_of(parse_ipseckey(
              ipseckey(10, 2, 2, hex("00000000000000000000ffffc0010105"), kGoodKey.data))) == Kind::unusable);

    CHECK(kind_of(parse_ipseckey({})) == Kind::malformed);
    CHECK(kind_of(parse_ipseckey(hex("0a01"))) == Kind::malformed);
    CHECK(kind_of(parse_ipseckey(hex("0a0102c00101"))) == Kind::malformed);    // gateway cut off
    CHECK(kind_of(parse_ipseckey(hex("0a0202c0010105"))) == Kind::malformed);  // IPv6 cut off
    CHECK(kind_of(parse_ipseckey(hex("0a0102c0010105"))) == Kind::malformed);  // RSA without a key
    CHECK(kind_of(parse_ipseckey(ipseckey(10, 1, 0, v4, hex("00")))) == Kind::malformed);
    CHECK(kind_of(parse_ipseckey(ipseckey(10, 1, 2, v4, hex("0103")))) == Kind::malformed);
    CHECK(kind_of(parse_ipseckey(hex("0a0302"))) == Kind::malformed);          // name missing
    CHECK(kind_of(parse_ipseckey(hex("0a030205736766"))) == Kind::malformed);  // label cut off
    CHECK(kind_of(parse_ipseckey(hex("0a0302c00c"))) == Kind::malformed);      // compressed
    CHECK(kind_of(parse_ipseckey(hex("0a030201"
                                     "61"))) == Kind::malformed);  // no final root
    Bytes long_name = hex("0a0302");
    for (int i = 0; i < 5; ++i) {
        long_name.push_back(63);
        long_name.insert(long_name.end(), 63, 'a');
    }
    long_name.push_back(0);
    CHECK(kind_of(parse_ipseckey(long_name)) == Kind::malformed);
    // Odd characters are shown in escaped form, never raw.
    Bytes odd = hex("0a0302032e1b4100");
    append(odd, kGoodKey.data);
    CHECK(parse_ipseckey(odd)->name == "\\.\\027a.");
}

TEST_CASE("TXT: X-IPsec-Server") {
    const std::string key = to_base64(kGoodKey.data);
    const std::string good = "X-IPsec-Server(10)=192.1.1.5 " + key;
    for (const std::string& text :
         {good, "x-ipsec-server(10)=192.1.1.5 " + key, "X-IPsec-Server(10)=192.1.1.5\t" + key + "\r\n",
          "  X-IPsec-Server(10) = 192.1.1.5 \n" + key,
          "X-IPsec-Server(10)=192.1.1.5 " + key.substr(0, 50) + " \t" + key.substr(50, 100) + "\n" +
              key.substr(150)}) {
        INFO(text);
        const auto record = parse_txt(txt(text));
        REQUIRE(record);
        CHECK(record->precedence == 10);
        CHECK((record->gateway == Address::ipv4(192, 1, 1, 5)));
        CHECK((record->key == kGoodKey));
    }
    // Strings are joined wherever they were cut, even inside the tag.
    for (std::size_t cut : {1, 7, 16, 100}) CHECK((parse_txt(txt(good, cut))->key == kGoodKey));

    const auto no_key = parse_txt(txt("X-IPsec-Server(65535)=2001:db8::5"));
    REQUIRE(no_key);
    CHECK(no_key->precedence == 65535);
    CHECK((no_key->gateway == Address::parse("2001:db8::5")));
    CHECK_FALSE(no_key->key.has_value());
    CHECK(parse_txt(txt("X-IPsec-Server(0)=@SG-A.Example. "))->name == "sg-a.example");
    CHECK(parse_txt(txt("X-IPsec-Server(1)=192.1.1.5 " + to_base64(rsa_of(1, 1024).data)))
              ->unusable_key.has_value());

    for (const char* text : {"", "v=spf1 -all", "X-IPsec-Servers(10)=192.1.1.5", "X-IPsec-Serve",
                             "my X-IPsec-Server(10)=192.1.1.5"}) {
        INFO(text);
        CHECK(kind_of(parse_txt(txt(text))) == Kind::foreign);
    }
    for (const char* text : {"X-IPsec-Server",
                             "X-IPsec-Server=192.1.1.5",
                             "X-IPsec-Server()=192.1.1.5",
                             "X-IPsec-Server(65536)=192.1.1.5",
                             "X-IPsec-Server(-1)=192.1.1.5",
                             "X-IPsec-Server(1x)=192.1.1.5",
                             "X-IPsec-Server(10=192.1.1.5",
                             "X-IPsec-Server(10)192.1.1.5",
                             "X-IPsec-Server(10)=",
                             "X-IPsec-Server(10)=192.1.1",
                             "X-IPsec-Server(10)=192.1.1.256",
                             "X-IPsec-Server(10)=sg-a.example",
                             "X-IPsec-Server(10)=@",
                             "X-IPsec-Server(10)=@a..b",
                             "X-IPsec-Server(10)=@a/b",
                             "X-IPsec-Server(10)=192.1.1.5 !!!",
                             "X-IPsec-Server(10)=192.1.1.5 AQ",
                             "X-IPsec-Server(10)=192.1.1.5 A",
                             "X-IPsec-Server(99999999999999999999)=192.1.1.5",
                             "X-IPsec-Server(10)=::ffff:192.1.1.5"}) {
        INFO(text);
        CHECK(kind_of(parse_txt(txt(text))) == Kind::malformed);
    }
    // A character-string that runs past the end of the rdata.
    Bytes cut = txt(good);
    cut.pop_back();
    CHECK(kind_of(parse_txt(cut)) == Kind::malformed);
    CHECK(kind_of(parse_txt(hex("056162"))) == Kind::foreign);
    // A NUL does not end it early.
    CHECK(kind_of(parse_txt(txt(good + std::string(1, '\0') + "junk"))) == Kind::malformed);
}

TEST_CASE("KEY: protocol 4, algorithm 1, any flags") {
    CHECK(*parse_key(key_record(kGoodKey)) == kGoodKey);
    Bytes other_flags = key_record(kGoodKey);
    other_flags[0] = 0xff;
    CHECK(*parse_key(other_flags) == kGoodKey);
    CHECK(kind_of(parse_key(key_record(kGoodKey, 3))) == Kind::foreign);
    CHECK(kind_of(parse_key(key_record(kGoodKey, 4, 5))) == Kind::foreign);
    CHECK(kind_of(parse_key(hex("420004"))) == Kind::malformed);
    CHECK(kind_of(parse_key(hex("42000401"))) == Kind::malformed);
    CHECK(kind_of(parse_key(hex("420004010103"))) == Kind::malformed);
    CHECK(kind_of(parse_key(key_record(rsa_of(1, 512)))) == Kind::unusable);
}
