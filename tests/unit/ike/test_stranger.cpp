// The codec, the key schedule, SK and AUTH against a recorded exchange of two
// strongSwan 5.9.8: nothing here was made by us.
#include <fstream>
#include <map>
#include <sstream>

#include "catch.hpp"
#include "ike/auth/auth.hpp"
#include "ike/crypto/cookie.hpp"
#include "ike/crypto/sk.hpp"
#include "ike/wire/proposals.hpp"

using namespace oegate;
using namespace oegate::ike;

namespace {

/// "name hex" lines; # starts a comment.
std::map<std::string, Bytes> vectors() {
    std::ifstream file(OEGATE_IKE_VECTORS "/strongswan-5.9.8.txt");
    REQUIRE(file);
    std::map<std::string, Bytes> values;
    for (std::string line; std::getline(file, line);) {
        if (line.starts_with('#')) continue;
        std::istringstream words(line);
        std::string name, digits;
        words >> name >> digits;
        const auto bytes = from_hex(digits);
        REQUIRE(bytes);
        values[name] = *bytes;
    }
    return values;
}

wire::Message parsed(const Bytes& datagram) {
    auto message = wire::parse(datagram);
    REQUIRE(message);
    return *std::move(message);
}

}  // namespace

TEST_CASE("a recorded exchange of two strangers: keys, SK and signatures") {
    const auto v = vectors();
    const wire::Message request = parsed(v.at("init_request"));
    const wire::Message response = parsed(v.at("init_response"));
    const auto* sa = request.payloads.find<wire::Sa>();
    const auto* answer = response.payloads.find<wire::Sa>();
    const auto* ni = request.payloads.find<wire::Nonce>();
    const auto* nr = response.payloads.find<wire::Nonce>();
    REQUIRE((sa && answer && ni && nr));

    // We would choose from their offer what the other of them did.
    const auto chosen = wire::check_ike_answer(*sa, *answer);
    REQUIRE(chosen);
    CHECK(chosen->suite.text() == "aes128-gcm16/prfsha256/curve25519");
    const auto ours = wire::choose_ike(*sa, config::Ike{}, request.payloads.find<wire::KeyExchange>()->group);
    REQUIRE(ours);
    CHECK(ours->answer == *answer);

    const std::uint64_t spi_i = response.header.spi_initiator;
    const std::uint64_t spi_r = response.header.spi_responder;
    const auto* nat = request.payloads.notify(wire::NotifyType::nat_detection_destination_ip);
    REQUIRE(nat);
    CHECK(nat->data == nat_detection_hash(spi_i, 0, {Address::ipv4(192, 1, 1, 6), 500}));

    const Secret seed = skeyseed(chosen->suite.prf, ni->data, nr->data, v.at("g_ir"));
    CHECK(to_hex(seed.view()) == to_hex(v.at("skeyseed")));
    const IkeKeys keys = derive_ike_keys(chosen->suite, seed, ni->data, nr->data, spi_i, spi_r);
    CHECK(to_hex(keys.d.view()) == to_hex(v.at("sk_d")));
    CHECK(to_hex(keys.ei.view()) == to_hex(v.at("sk_ei")));
    CHECK(to_hex(keys.er.view()) == to_hex(v.at("sk_er")));
    CHECK(to_hex(keys.pi.view()) == to_hex(v.at("sk_pi")));
    CHECK(to_hex(keys.pr.view()) == to_hex(v.at("sk_pr")));

    const Bytes& auth_request = v.at("auth_request");
    const auto from_i = SkOpener(keys.ei.clone()).open(auth_request, parsed(auth_request));
    REQUIRE(from_i);
    const Bytes& auth_response = v.at("auth_response");
    const auto from_r = SkOpener(keys.er.clone()).open(auth_response, parsed(auth_response));
    REQUIRE(from_r);

    const auto* id_i = from_i->id(wire::PayloadType::id_i);
    const auto* id_r = from_r->id(wire::PayloadType::id_r);
    REQUIRE((id_i && id_r));
    CHECK(id_i->identity() == Identity::of(Address::ipv4(192, 1, 1, 5)));
    CHECK(id_r->identity() == Identity::of(Address::ipv4(192, 1, 1, 6)));
    const Bytes octets_i =
        signed_octets(chosen->suite.prf, keys.pi.view(), v.at("init_request"), nr->data, *id_i);
    const Bytes octets_r =
        signed_octets(chosen->suite.prf, keys.pr.view(), v.at("init_response"), ni->data, *id_r);
    const PublicKey key_i{PublicKey::Algorithm::rsa, v.at("initiator_key")};
    const PublicKey key_r{PublicKey::Algorithm::rsa, v.at("responder_key")};
    const auto* auth_i = from_i->find<wire::Authentication>();
    const auto* auth_r = from_r->find<wire::Authentication>();
    REQUIRE((auth_i && auth_r));
    const auto scheme_i = verify_auth(key_i, *auth_i, octets_i);
    REQUIRE(scheme_i);
    CHECK(scheme_i->hash != HashId::sha1);
    CHECK(verify_auth(key_r, *auth_r, octets_r));
    CHECK_FALSE(verify_auth(key_r, *auth_i, octets_i));
    CHECK_FALSE(verify_auth(key_i, *auth_r, octets_i));

    const auto* child_offer = from_i->find<wire::Sa>();
    const auto* child_answer = from_r->find<wire::Sa>();
    REQUIRE((child_offer && child_answer));
    const auto child = wire::check_esp_answer(*child_offer, *child_answer);
    REQUIRE(child);
    CHECK(child->suite.text() == "aes128-gcm16");
    CHECK(wire::choose_esp(*child_offer, config::Ike{}, std::nullopt, true, child->spi)->answer ==
          *child_answer);
    CHECK(from_r->ts(wire::PayloadType::ts_r)->selectors.front().text() == "10.2.0.0-10.2.0.255");
}
