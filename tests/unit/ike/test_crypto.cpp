// Diffie-Hellman, PRF, key schedule, SK and cookies against published vectors and
// against values that an independent program made (hashlib, hmac and integer
// arithmetic of Python; its inputs are repeated in the test).
#include "catch.hpp"
#include "error_of.hpp"
#include "ike/crypto/cookie.hpp"
#include "ike/crypto/dh.hpp"
#include "ike/crypto/keys.hpp"
#include "ike/crypto/sk.hpp"

using namespace oegate;
using namespace oegate::ike;

namespace {

Bytes hex(std::string_view text) {
    auto bytes = from_hex(text);
    REQUIRE(bytes);
    return *bytes;
}

Bytes counting(std::uint8_t start, std::size_t len) {
    Bytes bytes(len);
    for (std::uint8_t& byte : bytes) byte = start++;
    return bytes;
}

Bytes modp_number(std::string_view low_digits) {
    Bytes value(256);
    const Bytes low = hex(low_digits);
    std::copy(low.begin(), low.end(), value.end() - static_cast<std::ptrdiff_t>(low.size()));
    return value;
}

}  // namespace

TEST_CASE("curve25519: the example of RFC 7748 section 6.1") {
    const auto alice = DhKeyPair::from_private(
        DhGroup::curve25519, Secret(hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a")));
    REQUIRE(alice);
    CHECK(to_hex(alice->public_value()) ==
          "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a");
    const auto shared =
        alice->shared(hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"));
    REQUIRE(shared);
    CHECK(to_hex(shared->view()) == "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST_CASE("curve25519: points of small order and wrong lengths are refused") {
    SeededRandom random(1);
    const auto mine = DhKeyPair::generate(DhGroup::curve25519, random);
    REQUIRE(mine);
    CHECK(error_of(mine->shared(Bytes(32))) == CryptoError::zero_shared);
    Bytes one(32);
    one[0] = 1;
    CHECK(error_of(mine->shared(one)) == CryptoError::zero_shared);
    CHECK(error_of(mine->shared(hex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"))) ==
          CryptoError::zero_shared);
    CHECK(error_of(mine->shared(Bytes(31, 9))) == CryptoError::public_length);
    CHECK(error_of(mine->shared(Bytes(33, 9))) == CryptoError::public_length);
}

TEST_CASE("modp2048: against integer arithmetic") {
    // x = 11 12 13 … (64 bytes), p from the formula of RFC 3526 section 3.
    const auto mine = DhKeyPair::from_private(DhGroup::modp2048, Secret(counting(0x11, 64)));
    REQUIRE(mine);
    CHECK(to_hex(sha256({mine->public_value()})) ==
          "8d215db884491d049409ba5e2a9b9c3be3dfa5cbbcca6e9707fba6ef9e70aa65");
    // The peer was searched for a shared secret with a leading zero byte, which stays.
    const auto peer = DhKeyPair::from_private(
        DhGroup::modp2048, Secret(hex("7a9caa177f44eb7d614c2a763ecd3704ac6ccdba02a4bbdfeca8a029fee2bf25"
                                      "9c995ed8a6dff8b2e430b7358326c99a1f77125248252caa0cee5f65e8466764")));
    REQUIRE(peer);
    const auto shared = mine->shared(peer->public_value());
    REQUIRE(shared);
    CHECK(shared->size() == 256);
    CHECK(to_hex(shared->view().first(4)) == "00cba69b");
    CHECK(to_hex(sha256({shared->view()})) ==
          "01f9c3efafa0a9eaa6e5a6d4bc46a77214560567ae1ab07d7a7861876bc7a2d2");
    CHECK(equal_constant_time(peer->shared(mine->public_value())->view(), shared->view()));
}

TEST_CASE("modp2048: values of RFC 6989 section 2.1 are refused") {
    SeededRandom random(2);
    const auto mine = DhKeyPair::generate(DhGroup::modp2048, random);
    REQUIRE(mine);
    const auto peer = DhKeyPair::generate(DhGroup::modp2048, random);
    REQUIRE(peer);
    CHECK(mine->shared(peer->public_value()));
    CHECK(error_of(mine->shared(Bytes(256))) == CryptoError::public_range);
    CHECK(error_of(mine->shared(modp_number("01"))) == CryptoError::public_range);
    CHECK(mine->shared(modp_number("02")));
    CHECK(error_of(mine->shared(Bytes(256, 0xff))) == CryptoError::public_range);
    CHECK(error_of(mine->shared(Bytes(255, 2))) == CryptoError::public_length);
    const Bytes p =
        hex("ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404dd"
            "ef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7ed"
            "ee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f"
            "83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3b"
            "e39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa0510"
            "15728e5a8aacaa68ffffffffffffffff");
    CHECK(error_of(mine->shared(p)) == CryptoError::public_range);
    Bytes minus_one = p;
    minus_one.back() = 0xfe;
    CHECK(error_of(mine->shared(minus_one)) == CryptoError::public_range);
}

TEST_CASE("DH keys come from the injected randomness") {
    for (DhGroup group : {DhGroup::modp2048, DhGroup::curve25519}) {
        const auto public_of = [group](std::uint64_t seed) {
            SeededRandom random(seed);
            return to_hex(DhKeyPair::generate(group, random)->public_value());
        };
        CHECK(public_of(7) == public_of(7));
        CHECK(public_of(7) != public_of(8));
    }
    CHECK_FALSE(dh_group(2));
    CHECK(dh_group(14) == DhGroup::modp2048);
    CHECK(dh_group(31) == DhGroup::curve25519);
}

TEST_CASE("prf: RFC 4231 test cases 1, 2 and 6") {
    const Bytes key(20, 0x0b);
    CHECK(to_hex(prf(PrfId::hmac_sha2_256, key, {as_bytes("Hi "), as_bytes("There")}).view()) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(to_hex(prf(PrfId::hmac_sha2_384, key, {as_bytes("Hi There")}).view()) ==
          "afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6");
    CHECK(to_hex(prf(PrfId::hmac_sha2_512, key, {as_bytes("Hi There")}).view()) ==
          "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde"
          "daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854");
    CHECK(to_hex(prf(PrfId::hmac_sha2_256, as_bytes("Jefe"), {as_bytes("what do ya want for nothing?")})
                     .view()) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(to_hex(prf(PrfId::hmac_sha2_256, Bytes(131, 0xaa),
                     {as_bytes("Test Using Larger Than Block-Size Key - Hash Key First")})
                     .view()) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST_CASE("prf+: four blocks, the last one cut") {
    CHECK(to_hex(prf_plus(PrfId::hmac_sha2_256, as_bytes("kkkkk"), as_bytes("seed"), 100).view()) ==
          "8786d6f5a991ebac2e5d477584ee0d2a269a110d5d520305e0f0d8ebcd995820588dd84839ee643dce8cf634398f837f"
          "dcf1c2645844f222943a2bbeb6fa58ac4d1daf12bc7c8de8d514fe48047f76d5f68213345de3f42d1b1798d27160a1ec"
          "4c371554");
    CHECK(prf_plus(PrfId::hmac_sha2_256, as_bytes("k"), {}, 0).empty());
}

namespace {

struct Schedule {
    PrfId prf;
    std::uint16_t key_bits;
    const char *seed, *d, *ei, *er, *pi, *pr, *child, *child_pfs, *rekey;
};

std::string joined(const SaKey& key) {
    return to_hex(ByteView(key.key).first(key_len(key.suite))) + to_hex(key.salt);
}

}  // namespace

TEST_CASE("key schedule against an independent derivation") {
    // Ni = 10 11 … (32 bytes), Nr = 80 81 … (24), g^ir = 01 02 … (32).
    const Schedule v = GENERATE(
        Schedule{PrfId::hmac_sha2_256, 128,
                 "a51adb0d75425e9a54af41c1c8c97a2f9f49331fafa62eb491319dc78c21808d",
                 "3192e8f8ae77f77a44c46bdcfaef3797e8f1c7a35ee3491e251e93c508e23595",
                 "6810503062310f5ffb6f7686c9017029ff3047b3", "e1cd2d7dd3863c7ba3c22ad73b592b6f319bf185",
                 "99644968e5440115d8d153611dc5b30e061f577482b8e3f622e02fc921a005d7",
                 "930d0360719cf3787f1068140649a223ac75e236c7855642b8e24e5d69c4ffb0",
                 "7d7c0ea8f676f2c3169bd89943b4a6cee2a35e307d9f551318718863ca23af803a7c65dbfa4e6867",
                 "93ab220b2c1efad170b1513a4619bcca37dd8bd9d16c6039e3af3f4428d9f42ebb312608db898c9a",
                 "ee3d1cca735b7956402e52cbd4199935d70a477c4c0336be2c3a0d3af3624e25"},
        Schedule{PrfId::hmac_sha2_384, 256,
                 "89b104ba5c01aa74594e080a2e7f00b62f952b61c42497138edd511ebde303f6"
                 "2ecda911f45d933fbc5acfec2081a982",
                 "8d427053aa4807be2a76b0a0ab8e7ecf1cf6d097d025783e9ca258434f50ad53"
                 "1b94cbb4750ecac1bd9bab3327fba13c",
                 "ad5400d5f60bdad6dbfde3bdce819d36d9353c678e1ffc8dba1135583faa9f7adb68f539",
                 "f942c06fc583132e7d960224a368ae95c9102a123d803668cb793c3446fe09870d3c93b8",
                 "671f807593ac4322979e0e833959d1d370db1914094afc14d5f927b6e8df8410"
                 "ada97df6ce1ea97b760a521fcaa726ff",
                 "2d8df92ff104f8320f0a7c55d04d604d1b5f28f99c0345cfc8a10f2c889a921d"
                 "f9e5a113afd8819ed072794eb43f8428",
                 "fdc4661bfe7a77caa89d8c23a98ec320f2c7d1804d13df8aa551dae955e16df3a142453f"
                 "b91765ebeeb9ce2203fd266c350cf2ff81675d0eb4bc86c63489f176bc7db36449c3b805",
                 "2fafb84b30580d57f4d5bdbc11bd5e1e2a782850acb4cd02ac818dda1b95b6197f03e909"
                 "185efcc2bd8c0f2761de1248bb098dd274ca6af9ea0f4c980eed260d290953d6b2f22e12",
                 "6188c2609212f13f50b0ab77d94a546b0fbe3ed3dd76baf0d48f55ea1b8919f1"
                 "5c58aea86b69e7859be7d382418b403f"},
        Schedule{PrfId::hmac_sha2_512, 128,
                 "9c6d95ae3eee58c8fdd9a3d388e4ca500e95a25dd4cb88e3ae858f4197a1609f"
                 "8a8b90e6c00c0cd9782a470c7649a4b91517bc1ef2618e5ed92fe0b8f7d6e895",
                 "38bfdc984ee72506a0e6c9cd4f85c396ce7c76d8b1882c5e3197df7f7607b128"
                 "b40bcf4b97f75f6b9c40ba0fe515cd4db1533fddcf69260caaf29468b0482bd8",
                 "cf0674531099ca88e2e9645430c69669a53012eb", "de7db1090c1b699b21ae9180cdca222cc45e9eb6",
                 "a1ebf55ab79761d8027e61747b9b2ee7ac721145fdc1359b3aa2b8fc6bc3ee17"
                 "27754f493892b0555b9a839a6160345fe560961450c75ac2d6db73d75cfa5044",
                 "d5dc96fcc69a5f7fe612e47580e3d87736b37cd1eb91652fe449ee0391f5afac"
                 "e64be3d3520e88f9204d68aed94a251dcefd32fa0ce3cc572453dd6a0637f2e9",
                 "f64a0a5da2337046d49e8948f152b149def9b7c5f54b27c8b02e185df5f08a4926f4bed0a75cd79b",
                 "f94b8ac2334d26cfcbb5a9af0c49170245b27c2609bdf7cf954af727a9e9f5639a0c3380cbca4449",
                 "fa9bdfa7331436b52c113e1c5309c4ee65fce22305abed8628d6556335eea6fb"
                 "ec6596619b33d2130a5b6c2d64599a5a6be40dac3c13cd6f4e8171abfea93e39"});
    const Bytes ni = counting(0x10, 32), nr = counting(0x80, 24), g_ir = counting(0x01, 32);
    const Secret seed = skeyseed(v.prf, ni, nr, g_ir);
    CHECK(to_hex(seed.view()) == v.seed);
    const IkeSuite suite{v.key_bits, v.prf, DhGroup::curve25519};
    const IkeKeys keys = derive_ike_keys(suite, seed, ni, nr, 0x0102030405060708, 0xa1a2a3a4a5a6a7a8);
    CHECK(to_hex(keys.d.view()) == v.d);
    CHECK(to_hex(keys.ei.view()) == v.ei);
    CHECK(to_hex(keys.er.view()) == v.er);
    CHECK(to_hex(keys.pi.view()) == v.pi);
    CHECK(to_hex(keys.pr.view()) == v.pr);

    const EspSuite esp = v.key_bits == 128 ? EspSuite::aes_gcm_16_128 : EspSuite::aes_gcm_16_256;
    ChildKeys child = derive_child_keys(v.prf, keys.d.view(), esp, {}, ni, nr);
    CHECK(joined(child.to_responder) + joined(child.to_initiator) == v.child);
    child = derive_child_keys(v.prf, keys.d.view(), esp, g_ir, ni, nr);
    CHECK(joined(child.to_responder) + joined(child.to_initiator) == v.child_pfs);
    zeroise(child.to_initiator);
    CHECK(child.to_initiator.key == std::array<std::uint8_t, 32>{});
    CHECK(to_hex(rekey_skeyseed(v.prf, keys.d.view(), g_ir, ni, nr).view()) == v.rekey);
}

namespace {

wire::Header informational() {
    wire::Header header;
    header.spi_initiator = 0x0102030405060708;
    header.spi_responder = 0xa1a2a3a4a5a6a7a8;
    header.exchange = wire::ExchangeType::informational;
    header.initiator = true;
    header.message_id = 5;
    return header;
}

Bytes sk_e(std::size_t key_len) {
    Bytes key = counting(0x40, key_len);
    append(key, hex("f0f1f2f3"));
    return key;
}

}  // namespace

TEST_CASE("SK: the bytes of an independent AES-GCM over RFC 5282's layout") {
    struct Case {
        std::size_t key_len;
        const char* message;
    };
    const Case v = GENERATE(
        Case{
            16,
            "0102030405060708a1a2a3a4a5a6a7a82e202508000000050000004129000025000000000000000154a6b0a9afbdb143"
            "8e4e3c6beb391583d61cd3db3ab4161ff6"},
        Case{
            32,
            "0102030405060708a1a2a3a4a5a6a7a82e202508000000050000004129000025000000000000000139645427da85d80c"
            "e60e0447d5ad9305d7e19fcf11c68dda5d"});
    wire::Payloads payloads;
    payloads.add(wire::Notify::of(wire::NotifyType::initial_contact));
    SkSealer sealer{Secret(sk_e(v.key_len))};
    const Bytes sealed = sealer.seal(informational(), payloads);
    CHECK(to_hex(sealed) == v.message);
    const SkOpener opener{Secret(sk_e(v.key_len))};
    const auto message = wire::parse(sealed);
    REQUIRE(message);
    const auto opened = opener.open(sealed, *message);
    REQUIRE(opened);
    CHECK(opened->list == payloads.list);
    // The next message has another IV.
    CHECK(to_hex(sealer.seal(informational(), payloads)) != v.message);
}

TEST_CASE("SK: a changed bit anywhere is not authentic") {
    wire::Payloads payloads;
    payloads.add(wire::Delete{wire::ProtocolId::esp, {0x1000}});
    SkSealer sealer{Secret(sk_e(16))};
    const Bytes sealed = sealer.seal(informational(), payloads);
    const SkOpener opener{Secret(sk_e(16))};
    std::size_t num_refused = 0;
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        Bytes changed = sealed;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        const auto message = wire::parse(changed);
        if (!message) continue;
        const auto opened = opener.open(changed, *message);
        CAPTURE(bit);
        REQUIRE_FALSE(opened);
        if (opened.error().kind == OpenError::Kind::authentication) ++num_refused;
    }
    CHECK(num_refused > sealed.size() * 6);
}

TEST_CASE("SK: what is inside is parsed only when authentic") {
    SkSealer sealer{Secret(sk_e(16))};
    const SkOpener opener{Secret(sk_e(16))};
    const auto open = [&](const wire::Payloads& payloads) {
        const Bytes sealed = sealer.seal(informational(), payloads);
        return opener.open(sealed, *wire::parse(sealed));
    };
    CHECK(open({})->list.empty());
    wire::Payloads bad;
    bad.add(wire::Nonce{Bytes(3)});
    const auto opened = open(bad);
    REQUIRE_FALSE(opened);
    CHECK(error_of(opened).kind == OpenError::Kind::inside);
    CHECK(error_of(opened).error.field == wire::Field::nonce_length);
    CHECK(error_of(opened).text() == "inside SK: Nonce payload: nonce length");

    wire::Payloads plain;
    plain.add(wire::Nonce{Bytes(16)});
    const Bytes unsealed = wire::serialise(informational(), plain);
    CHECK(error_of(opener.open(unsealed, *wire::parse(unsealed))).kind == OpenError::Kind::not_encrypted);

    // One byte too short for IV, Pad Length and ICV.
    Bytes brief = hex("0102030405060708a1a2a3a4a5a6a7a82e20250800000005000000382900001c");
    brief.resize(0x38);
    const auto message = wire::parse(brief);
    REQUIRE(message);
    CHECK(error_of(opener.open(brief, *message)).kind == OpenError::Kind::malformed);
}

TEST_CASE("cookies: bound to peer, SPI and nonce, and to their minute") {
    SeededRandom random(3);
    CookieJar jar(random);
    const Endpoint peer{Address::ipv4(192, 1, 2, 45), 500};
    const Bytes ni = counting(1, 32);
    const Time start{};
    const Bytes cookie = jar.make(peer, 7, ni, start);
    CHECK(cookie.size() <= wire::kMaxCookieLen);
    CHECK(jar.check(cookie, peer, 7, ni, start + 1s));
    CHECK_FALSE(jar.check(cookie, {Address::ipv4(192, 1, 2, 46), 500}, 7, ni, start));
    CHECK_FALSE(jar.check(cookie, {peer.address, 501}, 7, ni, start));
    CHECK_FALSE(jar.check(cookie, peer, 8, ni, start));
    CHECK_FALSE(jar.check(cookie, peer, 7, counting(2, 32), start));
    CHECK_FALSE(jar.check({}, peer, 7, ni, start));
    CHECK_FALSE(jar.check(ByteView(cookie).first(cookie.size() - 1), peer, 7, ni, start));
    SECTION("the secret before is still good, the one before that is not") {
        CHECK(jar.check(cookie, peer, 7, ni, start + 61s));
        CHECK_FALSE(jar.check(cookie, peer, 7, ni, start + 122s));
    }
    SECTION("after a long silence nothing old is good") {
        CHECK_FALSE(jar.check(cookie, peer, 7, ni, start + 10min));
    }
}

TEST_CASE("NAT detection hash") {
    // sha1(SPIi | SPIr | 192.1.2.23 | 500) by hashlib
    CHECK(to_hex(nat_detection_hash(0x0102030405060708, 0xa1a2a3a4a5a6a7a8,
                                    {Address::ipv4(192, 1, 2, 23), 500})) ==
          "5f4056a94f4f66ad5b8fd22b8eb4aa06254cac69");
}
