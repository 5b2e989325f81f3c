// The IKEv2 codec: round trips, what is refused and under which field's name, and
// the choice of algorithms.
#include <functional>

#include "catch.hpp"
#include "error_of.hpp"
#include "ike/wire/message.hpp"
#include "ike/wire/proposals.hpp"

using namespace oegate;
using namespace oegate::ike::wire;

namespace {

Bytes hex(std::string_view text) {
    std::string digits;
    for (char c : text)
        if (c != ' ' && c != '\n') digits.push_back(c);
    auto bytes = from_hex(digits);
    REQUIRE(bytes);
    return *bytes;
}

Header header_of(ExchangeType exchange) {
    Header header;
    header.spi_initiator = 0x0102030405060708;
    header.spi_responder = 0xa1a2a3a4a5a6a7a8;
    header.exchange = exchange;
    header.initiator = true;
    header.message_id = 7;
    return header;
}

/// A message around one payload body, lengths right whatever the body is.
Bytes around(PayloadType type, ByteView body, std::uint8_t flags = 0) {
    Writer out;
    serialise_header(out, header_of(ExchangeType::ike_sa_init), type,
                     static_cast<std::uint32_t>(kHeaderLen + kGenericHeaderLen + body.size()));
    out.u8(0).u8(flags).u16(static_cast<std::uint16_t>(kGenericHeaderLen + body.size())).put(body);
    return std::move(out).take();
}

Payloads everything() {
    config::Ike config;
    Payloads payloads;
    payloads.add(offer_ike(config, 0x1122334455667788));
    payloads.add(KeyExchange{31, Bytes(32, 5)});
    payloads.add(Identification::of(PayloadType::id_i, Identity::of(Address::ipv4(192, 1, 2, 23))));
    payloads.add(Identification::of(PayloadType::id_r, Identity::of_name("sg-b.example")));
    payloads.add(Authentication{AuthMethod::digital_signature, Bytes(271, 9)});
    payloads.add(Nonce{Bytes(32, 3)});
    payloads.add(Notify::of_esp(NotifyType::rekey_sa, 0xdeadbeef));
    payloads.add(Notify::of_hashes({HashId::sha2_256, HashId::sha2_512}));
    payloads.add(Delete{ProtocolId::esp, {0x1000, 0x2000}});
    payloads.add(Delete{ProtocolId::ike, {}});
    payloads.add(VendorId{hex("0011223344")});
    payloads.add(TrafficSelectors{PayloadType::ts_i, {TrafficSelector::host(Address::ipv4(10, 0, 0, 1))}, 0});
    payloads.add(TrafficSelectors{PayloadType::ts_r,
                                  {TrafficSelector::host(*Address::parse("2001:db8::1")),
                                   {17, 53, 53, Address::ipv4(10, 0, 0, 0), Address::ipv4(10, 0, 0, 255)}},
                                  0});
    return payloads;
}

}  // namespace

TEST_CASE("a message with every payload survives the round trip") {
    const Header header = header_of(ExchangeType::create_child_sa);
    const Payloads payloads = everything();
    const Bytes bytes = serialise(header, payloads);
    const auto message = parse(bytes);
    REQUIRE(message);
    CHECK(message->header == header);
    CHECK(message->payloads.list == payloads.list);
    CHECK_FALSE(message->encrypted());

    const Payloads& found = message->payloads;
    CHECK(found.find<Nonce>()->data == Bytes(32, 3));
    CHECK(found.id(PayloadType::id_i)->identity() == Identity::of(Address::ipv4(192, 1, 2, 23)));
    CHECK(found.id(PayloadType::id_r)->identity() == Identity::of_name("sg-b.example"));
    CHECK(found.ts(PayloadType::ts_r)->selectors.size() == 2);
    CHECK(found.notify(NotifyType::rekey_sa)->esp_spi() == 0xdeadbeef);
    CHECK(found.notify(NotifyType::signature_hash_algorithms)->hashes() ==
          std::vector{HashId::sha2_256, HashId::sha2_512});
    CHECK(found.notify(NotifyType::cookie) == nullptr);
    CHECK(found.first_error() == nullptr);
    CHECK(found.deletes().size() == 2);
}

TEST_CASE("the bytes are those of RFC 7296") {
    // Written out by hand from the figures of §3.1, §3.2, §3.3, §3.10 and §3.13.
    Header header = header_of(ExchangeType::ike_auth);
    header.response = true;
    header.initiator = false;
    Payloads payloads;
    payloads.add(Sa{{Proposal{1,
                              ProtocolId::esp,
                              hex("c0000001"),
                              {{TransformType::encr, 20, 128, false}, {TransformType::esn, 0, 0, false}}}}});
    payloads.add(
        TrafficSelectors{PayloadType::ts_i, {TrafficSelector::host(Address::ipv4(192, 1, 0, 65))}, 0});
    payloads.add(Notify::of_u16(NotifyType::invalid_ke_payload, 31));
    CHECK(to_hex(serialise(header, payloads)) == to_hex(hex("0102030405060708 a1a2a3a4a5a6a7a8"
                                                            "21 20 23 20 00000007 00000062"
                                                            "2c 00 0024"
                                                            "00 00 0020 01 03 04 02 c0000001"
                                                            "03 00 000c 01 00 0014 800e 0080"
                                                            "00 00 0008 05 00 0000"
                                                            "29 00 0018 01 000000"
                                                            "07 00 0010 0000 ffff c0010041 c0010041"
                                                            "00 00 000a 00 00 0011 001f")));
}

TEST_CASE("malformed headers name their field") {
    const Bytes good = serialise(header_of(ExchangeType::ike_sa_init), everything());
    const auto field_after = [&](std::size_t at, std::uint8_t value) {
        Bytes bytes = good;
        bytes[at] = value;
        const auto message = parse(bytes);
        REQUIRE_FALSE(message);
        return message.error();
    };
    CHECK(error_of(parse(ByteView(good).first(27))).field == Field::header);
    CHECK(field_after(17, 0x10).field == Field::major_version);
    CHECK(field_after(17, 0x30).notify() == NotifyType::invalid_major_version);
    CHECK(field_after(27, static_cast<std::uint8_t>(good[27] + 1)).field == Field::message_length);
    Bytes longer = good;
    longer.push_back(0);
    CHECK(error_of(parse(longer)).field == Field::message_length);
    Bytes zero = good;
    std::fill_n(zero.begin(), 8, 0);
    CHECK(error_of(parse(zero)).field == Field::spi_initiator);
    // A higher minor version is not an error (RFC 7296 §2.5); nor are reserved flags.
    Bytes minor = good;
    minor[17] = 0x2f;
    minor[19] |= 0xc7;
    CHECK(parse(minor));
    Bytes ikev1 = good;
    ikev1[17] = 0x10;
    CHECK(parse_header_any_version(ikev1)->major_version == 1);
    CHECK_FALSE(parse_header(ikev1));
}

TEST_CASE("malformed payloads name payload and field") {
    struct Case {
        PayloadType type;
        const char* body;
        Field field;
    };
    const auto [type, body, field] = GENERATE(
        Case{PayloadType::sa, "", Field::num_proposals},
        Case{PayloadType::sa, "00 00 0008 01 01 00", Field::proposal_length},
        Case{PayloadType::sa, "00 00 0007 01 01 00 00", Field::proposal_length},
        Case{PayloadType::sa, "00 00 0009 01 01 00 00", Field::proposal_length},
        Case{PayloadType::sa, "01 00 0008 01 01 00 00", Field::proposal_last},
        Case{PayloadType::sa, "02 00 0008 01 01 00 00", Field::proposal_header},
        Case{PayloadType::sa, "00 00 0008 01 01 00 00 00", Field::proposal_last},
        Case{PayloadType::sa, "00 00 0008 00 01 00 00", Field::proposal_number},
        Case{PayloadType::sa, "02 00 0008 01 01 00 00 00 00 0008 03 01 00 00", Field::proposal_number},
        Case{PayloadType::sa, "00 00 0008 01 01 08 00", Field::spi_size},
        Case{PayloadType::sa, "00 00 000a 01 01 02 00 ffff", Field::spi_size},
        Case{PayloadType::sa, "00 00 0008 01 03 00 00", Field::spi_size},
        Case{PayloadType::sa, "00 00 0008 01 01 00 01", Field::transform_header},
        Case{PayloadType::sa, "00 00 0008 01 01 00 ff", Field::num_transforms},
        Case{PayloadType::sa, "00 00 0010 01 01 00 00 00 00 0008 01 00 0014", Field::num_transforms},
        Case{PayloadType::sa, "00 00 0010 01 01 00 01 03 00 0008 01 00 0014", Field::transform_last},
        Case{PayloadType::sa, "00 00 0010 01 01 00 01 00 00 0007 01 00 0014", Field::transform_length},
        Case{PayloadType::sa, "00 00 0010 01 01 00 01 00 00 000c 01 00 0014", Field::transform_length},
        Case{PayloadType::sa, "00 00 0012 01 01 00 01 00 00 000a 01 00 0014 800e", Field::attribute},
        Case{PayloadType::sa, "00 00 0014 01 01 00 01 00 00 000c 01 00 0014 000e 0002", Field::attribute},
        Case{PayloadType::sa, "00 00 0014 01 01 00 01 00 00 000c 01 00 0014 800e 0000", Field::attribute},
        Case{PayloadType::sa, "00 00 0018 01 01 00 01 00 00 0010 01 00 0014 800e 0080 800e 0080",
             Field::attribute},
        Case{PayloadType::ke, "001f", Field::ke_length}, Case{PayloadType::ke, "001f 0000", Field::ke_length},
        Case{PayloadType::id_i, "01 0000", Field::id_length},
        Case{PayloadType::id_i, "01 000000 c00102", Field::id_length},
        Case{PayloadType::id_r, "05 000000 c0010217", Field::id_length},
        Case{PayloadType::id_r, "02 000000", Field::id_length},
        Case{PayloadType::auth, "01 0000", Field::auth_data},
        Case{PayloadType::auth, "01 000000", Field::auth_data},
        Case{PayloadType::nonce, "000102030405060708090a0b0c0d0e", Field::nonce_length},
        Case{PayloadType::notify, "00 00 40", Field::notify_header},
        Case{PayloadType::notify, "03 04 4009 010203", Field::spi_size},
        Case{PayloadType::notify, "03 02 4009 0102", Field::spi_size},
        Case{PayloadType::notify, "00 00 4006", Field::notify_data},
        Case{PayloadType::notify, "00 00 0011 00", Field::notify_data},
        Case{PayloadType::notify, "00 00 4004 00", Field::notify_data},
        Case{PayloadType::delete_sa, "03 04 00", Field::num_spis},
        Case{PayloadType::delete_sa, "03 04 0001", Field::num_spis},
        Case{PayloadType::delete_sa, "03 04 0001 0000100000", Field::num_spis},
        Case{PayloadType::delete_sa, "03 04 ffff", Field::num_spis},
        Case{PayloadType::delete_sa, "03 08 0000", Field::spi_size},
        Case{PayloadType::delete_sa, "01 08 0001 0102030405060708", Field::spi_size},
        Case{PayloadType::delete_sa, "01 00 0001", Field::num_spis},
        Case{PayloadType::delete_sa, "09 04 0001 00001000", Field::protocol},
        Case{PayloadType::ts_i, "00 000000", Field::num_selectors},
        Case{PayloadType::ts_i, "ff 000000", Field::num_selectors},
        Case{PayloadType::ts_i, "01 0000", Field::num_selectors},
        Case{PayloadType::ts_i, "01 000000", Field::num_selectors},
        Case{PayloadType::ts_r, "01 000000 07 00 0003 0000", Field::selector_length},
        Case{PayloadType::ts_r, "01 000000 07 00 0010 0000 ffff c0010041", Field::selector_length},
        Case{PayloadType::ts_r, "01 000000 07 00 000c 0000 ffff c0010041", Field::selector_length},
        Case{PayloadType::ts_r, "01 000000 07 00 0010 0002 0001 c0010041 c0010041", Field::selector_ports},
        Case{PayloadType::ts_r, "01 000000 07 00 0010 0000 ffff c0010042 c0010041",
             Field::selector_addresses},
        // an IPv4-mapped address in an IPv6 range
        Case{PayloadType::ts_r,
             "01 000000 08 00 0028 0000 ffff"
             "00000000000000000000ffffc0010041 00000000000000000000ffffc0010041",
             Field::selector_addresses},
        Case{PayloadType::ts_r, "01 000000 07 00 0010 0000 ffff c0010041 c0010041 00", Field::num_selectors},
        Case{PayloadType::skf, "0001 0001", Field::fragment});
    CAPTURE(to_text(type), body);
    const auto message = parse(around(type, hex(body)));
    REQUIRE_FALSE(message);
    CHECK(std::string(to_text(error_of(message).field)) == std::string(to_text(field)));
    CHECK(error_of(message).payload == type);
    CHECK(error_of(message).notify() == NotifyType::invalid_syntax);
    CHECK(error_of(message).text() == to_text(type) + " payload: " + std::string(to_text(field)));
}

TEST_CASE("bounds: too much of a thing is refused") {
    const auto field_of = [](PayloadType type, ByteView body) {
        const auto message = parse(around(type, body));
        REQUIRE_FALSE(message);
        return message.error().field;
    };
    Sa sa;
    for (unsigned i = 1; i <= Sa::kMaxProposals + 1; ++i)
        sa.proposals.push_back({static_cast<std::uint8_t>(i), ProtocolId::ike, {}, {}});
    Writer proposals;
    sa.serialise(proposals);
    CHECK(field_of(PayloadType::sa, proposals.view()) == Field::num_proposals);

    Sa wide{{Proposal{1, ProtocolId::ike, {}, std::vector<Transform>(Sa::kMaxTransforms + 1)}}};
    Writer transforms;
    wide.serialise(transforms);
    CHECK(field_of(PayloadType::sa, transforms.view()) == Field::num_transforms);

    CHECK(field_of(PayloadType::nonce, Bytes(257)) == Field::nonce_length);
    CHECK(field_of(PayloadType::ke, Bytes(4 + KeyExchange::kMaxLen + 1)) == Field::ke_length);
    CHECK(field_of(PayloadType::auth, Bytes(4 + Authentication::kMaxLen + 1)) == Field::auth_data);

    Payloads many;
    for (std::size_t i = 0; i <= kMaxPayloads; ++i) many.add(VendorId{});
    CHECK(error_of(parse(serialise(header_of(ExchangeType::informational), many))).field ==
          Field::num_payloads);
    many.list.pop_back();
    CHECK(parse(serialise(header_of(ExchangeType::informational), many)));
}

TEST_CASE("the chain: unknown, critical, duplicate, nested, trailing") {
    // RFC 7296 §2.5
    const auto skipped = parse(around(PayloadType{200}, Bytes(3)));
    REQUIRE(skipped);
    CHECK(skipped->payloads.find<Skipped>()->type == PayloadType{200});
    const auto critical = parse(around(PayloadType{200}, Bytes(3), 0x80));
    REQUIRE_FALSE(critical);
    CHECK(error_of(critical).notify() == NotifyType::unsupported_critical_payload);
    CHECK(error_of(critical).payload == PayloadType{200});
    // The bit says nothing about types that we know.
    for (auto type : {PayloadType::cert, PayloadType::certreq, PayloadType::cp, PayloadType::eap})
        CHECK(parse(around(type, Bytes(9), 0x80))->payloads.find<Skipped>()->type == type);

    Payloads twice;
    twice.add(Nonce{Bytes(16)}).add(Nonce{Bytes(16)});
    CHECK(error_of(parse(serialise(header_of(ExchangeType::ike_sa_init), twice))) ==
          ParseError{Field::duplicate, PayloadType::nonce});

    const Bytes sk = hex("2f");
    CHECK(parse(around(PayloadType::sk, sk))->encrypted());
    CHECK(error_of(parse_chain(PayloadType::sk, hex("29000005ff"), true)).field == Field::nested);
    CHECK(error_of(parse_chain(PayloadType::sk, hex("29000005ff 00"), false)).field == Field::not_last);
    CHECK(error_of(parse_chain(PayloadType::none, hex("00"), true)) ==
          ParseError{Field::trailing, PayloadType::sk});
    CHECK(error_of(parse_chain(PayloadType::vendor_id, hex("2b000003"), false)).field ==
          Field::payload_length);
    CHECK(error_of(parse_chain(PayloadType::vendor_id, hex("2b0000"), false)).field == Field::payload_header);
    CHECK(error_of(parse_chain(PayloadType::vendor_id, hex("2b000009 01"), false)).field ==
          Field::payload_length);
    CHECK(parse_chain(PayloadType::none, {}, true));
}

TEST_CASE("identities: only what names somebody") {
    const auto identity = [](IdType type, Bytes data) {
        Identification id;
        id.id_type = type;
        id.data = std::move(data);
        return id.identity();
    };
    const auto name = [&](std::string_view text) {
        const ByteView view = as_bytes(text);
        return identity(IdType::fqdn, {view.begin(), view.end()});
    };
    CHECK(name("SG-B.Example.") == Identity::of_name("sg-b.example"));
    CHECK_FALSE(name("."));
    CHECK_FALSE(name("a..b"));
    CHECK_FALSE(name("a b"));
    CHECK_FALSE(name(std::string_view("a\0b", 3)));
    CHECK_FALSE(name(std::string(64, 'a') + ".example"));
    CHECK_FALSE(identity(IdType::key_id, Bytes{'a'}));
    CHECK_FALSE(identity(IdType::ipv6_addr, hex("00000000000000000000ffffc0010217")));
    CHECK(identity(IdType::ipv6_addr, hex("20010db8000000000000000000000001")) ==
          Identity::of(*Address::parse("2001:db8::1")));
}

TEST_CASE("offers: what an IKE SA and a child are offered") {
    config::Ike config;
    const Sa ike = offer_ike(config);
    REQUIRE(ike.proposals.size() == 1);
    CHECK(ike.proposals[0].spi.empty());
    CHECK(ike.proposals[0].transforms.size() == 2 + 3 + 2);
    CHECK(offer_ike(config, 5).proposals[0].spi == hex("0000000000000005"));
    CHECK(offer_esp(config, 0x1234, false).proposals[0].transforms.size() == 2 + 2);
    CHECK(offer_esp(config, 0x1234, true).proposals[0].transforms.size() == 2 + 2 + 2);
}

TEST_CASE("responder: takes one of each type by its own order") {
    config::Ike config;
    const Sa offer = offer_ike(config);
    auto choice = choose_ike(offer, config, 31);
    REQUIRE(choice);
    CHECK(choice->suite.text() == "aes128-gcm16/prfsha256/curve25519");
    CHECK(choice->answer.proposals[0].transforms.size() == 3);
    CHECK(check_ike_answer(offer, choice->answer)->suite == choice->suite);

    SECTION("the group of the initiator's KE is taken if both allow it") {
        CHECK(choose_ike(offer, config, 14)->suite.group == config::DhGroup::modp2048);
    }
    SECTION("a KE of a group that we refuse: our first common one, to be asked for") {
        CHECK(choose_ike(offer, config, 2)->suite.group == config::DhGroup::curve25519);
        config.groups = {config::DhGroup::modp2048};
        CHECK(choose_ike(offer, config, 31)->suite.group == config::DhGroup::modp2048);
    }
    SECTION("a stranger's classic proposal is passed over, the next one taken") {
        Sa two = offer;
        two.proposals[0].number = 2;
        two.proposals.insert(two.proposals.begin(), Proposal{1,
                                                             ProtocolId::ike,
                                                             {},
                                                             {{TransformType::encr, 12, 128, false},
                                                              {TransformType::integ, 12, 0, false},
                                                              {TransformType::prf, 5, 0, false},
                                                              {TransformType::dh, 31, 0, false}}});
        const auto second = choose_ike(two, config, 31);
        REQUIRE(second);
        CHECK(second->answer.proposals[0].number == 2);
        CHECK(check_ike_answer(two, second->answer));
    }
    SECTION("unknown transform type, integrity beside AEAD, unknown attribute, no PRF") {
        Sa sa = offer;
        sa.proposals[0].transforms.push_back({TransformType{6}, 35, 0, false});
        CHECK_FALSE(choose_ike(sa, config, 31));
        sa = offer;
        sa.proposals[0].transforms.push_back({TransformType::integ, 12, 0, false});
        CHECK_FALSE(choose_ike(sa, config, 31));
        sa.proposals[0].transforms.push_back({TransformType::integ, 0, 0, false});
        CHECK(check_ike_answer(sa, choose_ike(sa, config, 31)->answer));
        sa = offer;
        for (Transform& t : sa.proposals[0].transforms) t.unknown_attribute = true;
        CHECK_FALSE(choose_ike(sa, config, 31));
        sa = offer;
        std::erase_if(sa.proposals[0].transforms,
                      [](const Transform& t) { return t.type == TransformType::prf; });
        CHECK_FALSE(choose_ike(sa, config, 31));
    }
    SECTION("rekey: SPIs cross") {
        const Sa rekey = offer_ike(config, 0x1111);
        const auto chosen = choose_ike(rekey, config, 31, 0x2222);
        REQUIRE(chosen);
        CHECK(chosen->spi == 0x1111);
        CHECK(check_ike_answer(rekey, chosen->answer)->spi == 0x2222);
        CHECK_FALSE(choose_ike(rekey, config, 31));
        CHECK_FALSE(choose_ike(offer, config, 31, 0x2222));
    }
}

TEST_CASE("children: with and without PFS") {
    config::Ike config;
    config.suites = {EspSuite::aes_gcm_16_256, EspSuite::aes_gcm_16_128};
    const Sa plain = offer_esp(config, 0x1001, false);
    const Sa pfs = offer_esp(config, 0x1001, true);

    const auto in_auth = choose_esp(plain, config, std::nullopt, true, 0x2002);
    REQUIRE(in_auth);
    CHECK(in_auth->suite.esp == EspSuite::aes_gcm_16_256);
    CHECK(in_auth->spi == 0x1001);
    CHECK(check_esp_answer(plain, in_auth->answer)->spi == 0x2002);

    CHECK(choose_esp(plain, config, std::nullopt, false, 0x2002)->suite.group == std::nullopt);
    CHECK(choose_esp(pfs, config, 14, false, 0x2002)->suite.group == config::DhGroup::modp2048);
    CHECK(choose_esp(pfs, config, std::nullopt, false, 0x2002)->suite.group == config::DhGroup::curve25519);
    // Groups in IKE_AUTH are ignored, and not in the answer.
    CHECK(choose_esp(pfs, config, std::nullopt, true, 0x2002)->answer.proposals[0].transforms.size() == 2);

    Sa optional = pfs;
    optional.proposals[0].transforms.push_back({TransformType::dh, 0, 0, false});
    CHECK(choose_esp(optional, config, std::nullopt, false, 0x2002)->suite.group == std::nullopt);
    CHECK(choose_esp(optional, config, 31, false, 0x2002)->suite.group == config::DhGroup::curve25519);

    Sa esn = plain;
    esn.proposals[0].transforms.pop_back();
    CHECK(choose_esp(esn, config, std::nullopt, true, 0x2002)->suite.esn);
    config.esn = false;
    CHECK_FALSE(choose_esp(esn, config, std::nullopt, true, 0x2002));
    CHECK_FALSE(choose_esp(plain, config, std::nullopt, true, 0x2002)->suite.esn);
    Sa reserved = offer_esp(config, 255, false);
    CHECK_FALSE(choose_esp(reserved, config, std::nullopt, true, 0x2002));
    Sa ah = plain;
    ah.proposals[0].protocol = ProtocolId::ah;
    CHECK_FALSE(choose_esp(ah, config, std::nullopt, true, 0x2002));
}

TEST_CASE("children: every suite is offered, chosen and accepted, with ESN and without") {
    for (const EspSuiteFacts& f : kEspSuites)
        for (const bool ours : {false, true})
            for (const bool theirs : {false, true}) {
                CAPTURE(f.name, ours, theirs);
                config::Ike initiator, responder;
                initiator.suites = {f.suite};
                initiator.esn = ours;
                responder.suites.clear();
                for (const EspSuiteFacts& any : kEspSuites) responder.suites.push_back(any.suite);
                responder.esn = theirs;
                const Sa offer = offer_esp(initiator, 0x1001, true);
                REQUIRE(offer.proposals.size() == 1);
                const auto choice = choose_esp(offer, responder, 31, false, 0x2002);
                REQUIRE(choice);
                CHECK(choice->suite.esp == f.suite);
                CHECK(choice->suite.esn == (ours && theirs));
                Writer out;
                choice->answer.serialise(out);
                const auto parsed = Sa::parse(out.view());
                REQUIRE(parsed);
                const auto accepted = check_esp_answer(offer, *parsed);
                REQUIRE(accepted);
                CHECK(accepted->suite == choice->suite);
            }
}

TEST_CASE("children: no pair of cipher and integrity is offered that is not configured") {
    config::Ike config;
    config.suites = {EspSuite::aes_gcm_16_256, EspSuite::aes_cbc_256_sha512_256, EspSuite::chacha20_poly1305,
                     EspSuite::aes_cbc_128_sha256_128, EspSuite::null_sha512_256};
    const Sa offer = offer_esp(config, 0x1001, false);
    REQUIRE(offer.proposals.size() == 3);
    CHECK(offer.proposals[0].transforms.size() == 2 + 2);      // both AEADs
    CHECK(offer.proposals[1].transforms.size() == 2 + 1 + 2);  // AES-256 and NULL with SHA-512
    CHECK(offer.proposals[2].transforms.size() == 1 + 1 + 2);
    for (std::size_t i = 0; i < 3; ++i) CHECK(offer.proposals[i].number == i + 1);

    // Answers that mix them, or leave a part out, are no choice from the offer.
    config::Ike only = config;
    only.suites = {EspSuite::aes_cbc_128_sha256_128};
    const Sa good = choose_esp(offer, only, std::nullopt, true, 0x2002)->answer;
    CHECK(check_esp_answer(offer, good)->suite.esp == EspSuite::aes_cbc_128_sha256_128);
    Sa without = good, mixed = good;
    std::erase_if(without.proposals[0].transforms,
                  [](const Transform& t) { return t.type == TransformType::integ; });
    CHECK_FALSE(check_esp_answer(offer, without));
    for (Transform& t : mixed.proposals[0].transforms)
        if (t.type == TransformType::integ) t.id = kIntegHmacSha512256;
    CHECK_FALSE(check_esp_answer(offer, mixed));
    only.suites = {EspSuite::aes_cbc_128_sha384_192};
    CHECK_FALSE(choose_esp(offer, only, std::nullopt, true, 0x2002));
    // A stranger's CBC without integrity, and GCM with one.
    Sa bare = good;
    std::erase_if(bare.proposals[0].transforms,
                  [](const Transform& t) { return t.type == TransformType::integ; });
    only.suites = {EspSuite::aes_cbc_128_sha256_128};
    CHECK_FALSE(choose_esp(bare, only, std::nullopt, true, 0x2002));
    Sa both = offer_esp(config::Ike{}, 0x1001, false);
    both.proposals[0].transforms.push_back({TransformType::integ, kIntegHmacSha256128, 0, false});
    CHECK_FALSE(choose_esp(both, config::Ike{}, std::nullopt, true, 0x2002));
}

TEST_CASE("offers: an IKE SA keeps to AES-GCM whatever its children use") {
    config::Ike config;
    config.suites = {EspSuite::chacha20_poly1305, EspSuite::aes_cbc_128_sha256_128};
    CHECK(choose_ike(offer_ike(config), config, 31)->suite.key_bits == 128);
    config.suites.push_back(EspSuite::aes_gcm_16_256);
    CHECK(choose_ike(offer_ike(config), config, 31)->suite.key_bits == 256);
}

TEST_CASE("initiator: an answer that is no choice from the offer is refused") {
    config::Ike config;
    const Sa offer = offer_esp(config, 0x1001, true);
    const Sa good = choose_esp(offer, config, 31, false, 0x2002)->answer;
    const auto error_after = [&](const std::function<void(Sa&)>& change) {
        Sa answer = good;
        change(answer);
        const auto checked = check_esp_answer(offer, answer);
        REQUIRE_FALSE(checked);
        return checked.error();
    };
    using enum AnswerError;
    CHECK(error_after([](Sa& a) { a.proposals.clear(); }) == num_proposals);
    CHECK(error_after([](Sa& a) { a.proposals.push_back(a.proposals[0]); }) == num_proposals);
    CHECK(error_after([](Sa& a) { a.proposals[0].number = 2; }) == number);
    CHECK(error_after([](Sa& a) { a.proposals[0].protocol = ProtocolId::ah; }) == protocol);
    CHECK(error_after([](Sa& a) { a.proposals[0].spi.clear(); }) == spi);
    CHECK(error_after([](Sa& a) { a.proposals[0].spi = Bytes(4); }) == spi);
    CHECK(error_after([](Sa& a) { a.proposals[0].transforms[0].key_bits = 192; }) == transforms);
    CHECK(error_after([](Sa& a) { a.proposals[0].transforms[0].id = 12; }) == transforms);
    CHECK(error_after([](Sa& a) { a.proposals[0].transforms.pop_back(); }) == transforms);
    CHECK(error_after([](Sa& a) {
              a.proposals[0].transforms.push_back({TransformType::encr, 20, 256, false});
          }) == transforms);
    CHECK(error_after([](Sa& a) {
              a.proposals[0].transforms.push_back({TransformType::integ, 12, 0, false});
          }) == transforms);
    // The group must not be dropped: the child would be without the PFS we asked for.
    CHECK(error_after([](Sa& a) {
              std::erase_if(a.proposals[0].transforms,
                            [](const Transform& t) { return t.type == TransformType::dh; });
          }) == transforms);
}
