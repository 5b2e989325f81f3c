// RSA keys, signatures and the AUTH payload, against the openssl command as an
// independent signer, verifier and ASN.1 reader.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "error_of.hpp"
#include "ike/auth/auth.hpp"

using namespace oegate;
using namespace oegate::ike;

namespace {

namespace fs = std::filesystem;

/// A directory that goes with the test.
class Scratch {
  public:
    Scratch() {
        std::string name = (fs::temp_directory_path() / "oegate-auth-XXXXXX").string();
        REQUIRE(mkdtemp(name.data()));
        path_ = name;
    }
    ~Scratch() { fs::remove_all(path_); }
    std::string file(const char* name) const { return (path_ / name).string(); }
    void write(const char* name, ByteView bytes) const {
        std::ofstream(file(name), std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    }
    Bytes read(const char* name) const {
        std::ifstream in(file(name), std::ios::binary);
        std::ostringstream text;
        text << in.rdbuf();
        const ByteView bytes = as_bytes(text.view());
        return {bytes.begin(), bytes.end()};
    }
    /// Runs in the directory; true for exit status 0.
    bool run(const std::string& command) const {
        return std::system(("cd " + path_.string() + " && (" + command + ") >out 2>&1").c_str()) == 0;
    }
    std::string output() const {
        const Bytes bytes = read("out");
        return {bytes.begin(), bytes.end()};
    }

  private:
    fs::path path_;
};

Bytes hex(std::string_view text) {
    auto bytes = from_hex(text);
    REQUIRE(bytes);
    return *bytes;
}

/// One key for all tests: making one takes a while.
const PrivateKey& test_key() {
    static const auto key = PrivateKey::generate(2048);
    REQUIRE(key);
    return *key;
}

const Bytes kMessage(777, 0x5a);

const char* const kHashOptions[] = {"", "-sha1", "-sha256", "-sha384", "-sha512"};

std::string padding_options(RsaPadding padding) {
    return padding == RsaPadding::pss ? " -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest" : "";
}

unsigned salt_len(HashId hash) {
    return hash == HashId::sha1 ? 20 : hash == HashId::sha2_256 ? 32 : hash == HashId::sha2_384 ? 48 : 64;
}

}  // namespace

TEST_CASE("key file: written once, mode 0600, loaded again, known to openssl") {
    Scratch scratch;
    const std::string path = scratch.file("key.pem");
    umask(022);
    REQUIRE(test_key().write(path));
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777) == 0600);
    CHECK(error_of(test_key().write(path)).kind == KeyFileError::Kind::exists);

    const auto loaded = PrivateKey::load(path);
    REQUIRE(loaded);
    CHECK(loaded->bits() == 2048);
    CHECK(loaded->public_key() == test_key().public_key());
    CHECK(rsa_bits(loaded->public_key()) == 2048);

    // RFC 3110: length, exponent, modulus.
    REQUIRE(scratch.run("openssl rsa -in key.pem -noout -modulus"));
    std::string modulus = scratch.output();
    modulus = modulus.substr(modulus.find('=') + 1);
    modulus.erase(modulus.find_last_not_of('\n') + 1);
    CHECK(to_hex(loaded->public_key().data) == "03010001" + to_hex(hex(modulus)));
}

TEST_CASE("key file: what is wrong is said") {
    Scratch scratch;
    using Kind = KeyFileError::Kind;
    const auto kind = [&](const char* name) {
        const auto key = PrivateKey::load(scratch.file(name));
        REQUIRE_FALSE(key);
        CHECK(error_of(key).detail.find(name) != std::string::npos);
        return key.error().kind;
    };
    CHECK(kind("nothing.pem") == Kind::missing);
    REQUIRE(scratch.run("openssl genrsa -out small.pem 1024 && chmod 600 small.pem"));
    CHECK(kind("small.pem") == Kind::size);
    REQUIRE(scratch.run("openssl genpkey -algorithm ED25519 -out ed.pem && chmod 600 ed.pem"));
    CHECK(kind("ed.pem") == Kind::not_rsa);
    REQUIRE(scratch.run("echo hello > text.pem && chmod 600 text.pem"));
    CHECK(kind("text.pem") == Kind::not_a_key);
    REQUIRE(test_key().write(scratch.file("open.pem")));
    for (const char* mode : {"640", "604", "620"}) {
        REQUIRE(scratch.run(std::string("chmod ") + mode + " open.pem"));
        CHECK(kind("open.pem") == Kind::permissions);
    }
    REQUIRE(scratch.run(
        "chmod 600 open.pem && openssl rsa -aes128 -passout pass:x -in open.pem -out locked.pem && "
        "chmod 600 locked.pem"));
    CHECK(kind("locked.pem") == Kind::not_a_key);
    REQUIRE(scratch.run("openssl rsa -in open.pem -traditional -out pkcs1.pem && chmod 600 pkcs1.pem"));
    CHECK(PrivateKey::load(scratch.file("pkcs1.pem"))->public_key() == test_key().public_key());
    REQUIRE(scratch.run("mkdir d && chmod 700 d && mkfifo -m 600 fifo"));
    CHECK(kind("d") == Kind::unreadable);
    CHECK(kind("fifo") == Kind::unreadable);
    CHECK(error_of(test_key().write(scratch.file("no/such/dir.pem"))).kind == Kind::unwritable);
    CHECK(error_of(PrivateKey::generate(1024)).kind == Kind::size);
}

TEST_CASE("signatures: ours verify under openssl, openssl's under ours") {
    const RsaPadding padding = GENERATE(RsaPadding::pkcs1_v1_5, RsaPadding::pss);
    const HashId hash = GENERATE(HashId::sha1, HashId::sha2_256, HashId::sha2_384, HashId::sha2_512);
    CAPTURE(static_cast<int>(padding), static_cast<int>(hash));
    const std::string options =
        std::string("openssl dgst ") + kHashOptions[static_cast<int>(hash)] + padding_options(padding);
    Scratch scratch;
    REQUIRE(test_key().write(scratch.file("key.pem")));
    scratch.write("message", kMessage);
    REQUIRE(scratch.run("openssl pkey -in key.pem -pubout -out public.pem"));

    const auto ours = test_key().sign(hash, padding, kMessage);
    REQUIRE(ours);
    scratch.write("ours", *ours);
    CHECK(scratch.run(options + " -verify public.pem -signature ours message"));

    REQUIRE(scratch.run(options + " -sign key.pem -out theirs message"));
    const PublicKey& key = test_key().public_key();
    Bytes theirs = scratch.read("theirs");
    CHECK(verify(key, hash, padding, salt_len(hash), kMessage, theirs));
    theirs[100] ^= 1;
    CHECK(error_of(verify(key, hash, padding, salt_len(hash), kMessage, theirs)) == CryptoError::signature);
    theirs.pop_back();
    CHECK_FALSE(verify(key, hash, padding, salt_len(hash), kMessage, theirs));
    CHECK_FALSE(verify(key, hash, padding, salt_len(hash), kMessage, {}));
    if (padding == RsaPadding::pss) CHECK_FALSE(verify(key, hash, padding, 8, kMessage, *ours));
}

TEST_CASE("public keys that are none are refused") {
    const auto error = [](Bytes data, PublicKey::Algorithm algorithm = PublicKey::Algorithm::rsa) {
        const auto verified = verify({algorithm, std::move(data)}, HashId::sha2_256, RsaPadding::pkcs1_v1_5,
                                     0, kMessage, Bytes(256));
        REQUIRE_FALSE(verified);
        return verified.error();
    };
    const Bytes good = test_key().public_key().data;
    CHECK(error(good) == CryptoError::signature);
    CHECK(error(good, PublicKey::Algorithm::ecdsa) == CryptoError::key_unusable);
    CHECK(error({}) == CryptoError::key_unusable);
    CHECK(error({3, 1, 0, 1}) == CryptoError::key_unusable);
    CHECK(error({0, 0}) == CryptoError::key_unusable);
    CHECK(error({200, 1}) == CryptoError::key_unusable);
    CHECK(error(Bytes(good.begin(), good.end() - 1)) == CryptoError::key_unusable);  // 2040 bits
    Bytes even = good;
    even.back() &= 0xfe;
    CHECK(error(even) == CryptoError::key_unusable);
    Bytes one{1, 1};
    append(one, ByteView(good).subspan(4));
    CHECK(error(one) == CryptoError::key_unusable);
    Bytes huge{1, 3};
    append(huge, Bytes(1025, 0xff));
    CHECK(error(huge) == CryptoError::key_unusable);
    // The two-byte length of RFC 3110 is the same key.
    Bytes wide{0, 0, 3};
    append(wide, ByteView(good).subspan(1));
    CHECK(verify({PublicKey::Algorithm::rsa, wide}, HashId::sha2_256, RsaPadding::pkcs1_v1_5, 0, kMessage,
                 *test_key().sign(HashId::sha2_256, RsaPadding::pkcs1_v1_5, kMessage)));
}

TEST_CASE("AlgorithmIdentifier: the bytes that openssl puts into certificates") {
    // Cut out of certificates made with: openssl req -x509 -sha256|384|512, for PSS with
    // -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest.
    struct Case {
        HashId hash;
        RsaPadding padding;
        const char* der;
        const char* text;
    };
    const Case v = GENERATE(
        Case{HashId::sha2_256, RsaPadding::pkcs1_v1_5, "300d06092a864886f70d01010b0500", "rsa-pkcs1-sha256"},
        Case{HashId::sha2_384, RsaPadding::pkcs1_v1_5, "300d06092a864886f70d01010c0500", "rsa-pkcs1-sha384"},
        Case{HashId::sha2_512, RsaPadding::pkcs1_v1_5, "300d06092a864886f70d01010d0500", "rsa-pkcs1-sha512"},
        Case{HashId::sha2_256, RsaPadding::pss,
             "304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
             "300d06096086480165030402010500a203020120",
             "rsa-pss-sha256"},
        Case{HashId::sha2_384, RsaPadding::pss,
             "304106092a864886f70d01010a3034a00f300d06096086480165030402020500a11c301a06092a864886f70d010108"
             "300d06096086480165030402020500a203020130",
             "rsa-pss-sha384"},
        Case{HashId::sha2_512, RsaPadding::pss,
             "304106092a864886f70d01010a3034a00f300d06096086480165030402030500a11c301a06092a864886f70d010108"
             "300d06096086480165030402030500a203020140",
             "rsa-pss-sha512"});
    const SignatureScheme scheme{v.hash, v.padding, v.padding == RsaPadding::pss ? salt_len(v.hash) : 0};
    const Bytes der = algorithm_identifier(scheme);
    CHECK(to_hex(der) == v.der);
    CHECK(parse_algorithm_identifier(der) == scheme);
    CHECK(scheme.text() == v.text);

    Scratch scratch;
    scratch.write("der", der);
    REQUIRE(scratch.run("openssl asn1parse -inform DER -in der"));
    CHECK((scratch.output().find(v.padding == RsaPadding::pss ? "rsassaPss" : "WithRSAEncryption") !=
           std::string::npos));

    // Cut, lengthened or changed in one byte it is refused, or at least another scheme.
    for (std::size_t len = 0; len < der.size(); ++len) {
        CAPTURE(len);
        CHECK_FALSE(parse_algorithm_identifier(ByteView(der).first(len)));
        Bytes changed = der;
        changed[len] ^= 0x40;
        CHECK(parse_algorithm_identifier(changed) != scheme);
    }
    Bytes longer = der;
    longer.push_back(0);
    CHECK_FALSE(parse_algorithm_identifier(longer));
}

TEST_CASE("AlgorithmIdentifier: encodings that others write") {
    // PSS with an explicit trailer field (RFC 7427 appendix A.4.3)
    CHECK(parse_algorithm_identifier(hex(
              "304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
              "300d06096086480165030402010500a203020120a303020101")) ==
          SignatureScheme{HashId::sha2_256, RsaPadding::pss, 32});
    // hash parameters absent instead of NULL (RFC 4055 section 2.1)
    CHECK(parse_algorithm_identifier(
              hex("303d06092a864886f70d01010a3030a00d300b0609608648016503040201a11a301806092a864886f70d010108"
                  "300b0609608648016503040201a203020120")) ==
          SignatureScheme{HashId::sha2_256, RsaPadding::pss, 32});
    // all defaults: SHA-1 (A.4.1), which verify_auth refuses
    CHECK(parse_algorithm_identifier(hex("300d06092a864886f70d01010a3000")) ==
          SignatureScheme{HashId::sha1, RsaPadding::pss, 20});
    CHECK(parse_algorithm_identifier(hex("300d06092a864886f70d0101050500"))->hash == HashId::sha1);
    // MGF1 with another hash than the message's; trailer 2; ECDSA; MD5
    CHECK_FALSE(parse_algorithm_identifier(
        hex("304106092a864886f70d01010a3034a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
            "300d06096086480165030402020500a203020120")));
    CHECK_FALSE(parse_algorithm_identifier(
        hex("304606092a864886f70d01010a3039a00f300d06096086480165030402010500a11c301a06092a864886f70d010108"
            "300d06096086480165030402010500a203020120a303020102")));
    CHECK_FALSE(parse_algorithm_identifier(hex("300a06082a8648ce3d040302")));
    CHECK_FALSE(parse_algorithm_identifier(hex("300d06092a864886f70d0101040500")));
    // long-form length
    CHECK_FALSE(parse_algorithm_identifier(hex("30810d06092a864886f70d01010b0500")));
}

TEST_CASE("signed octets: first message, the other's nonce, prf over the ID body") {
    // sha256 by hashlib over message | nonce | hmac-sha256(sk_p, 01000000 c0010217)
    const Bytes message(100, 1), nonce(32, 2), sk_p(32, 3);
    const auto id =
        wire::Identification::of(wire::PayloadType::id_i, Identity::of(Address::ipv4(192, 1, 2, 23)));
    const Bytes octets = signed_octets(PrfId::hmac_sha2_256, sk_p, message, nonce, id);
    CHECK(octets.size() == 100 + 32 + 32);
    CHECK(to_hex(sha256({octets})) == "fc59fb65a4bc6e41b660e555d643e23008f8b3ecf32012c6569309f75200b69d");
    // The reserved bytes are signed as they were sent.
    auto reserved = id;
    reserved.reserved[1] = 9;
    CHECK(signed_octets(PrfId::hmac_sha2_256, sk_p, message, nonce, reserved) != octets);
}

TEST_CASE("what we sign with follows what the peer says") {
    using wire::AuthMethod;
    const auto classic = choose_signature(std::nullopt);
    REQUIRE(classic);
    CHECK(classic->method == AuthMethod::rsa_signature);
    CHECK(classic->scheme.hash == HashId::sha1);
    const auto modern = choose_signature(std::vector{HashId::sha1, HashId::sha2_384, HashId::sha2_256});
    REQUIRE(modern);
    CHECK(modern->method == AuthMethod::digital_signature);
    CHECK(modern->scheme.hash == HashId::sha2_256);
    CHECK(choose_signature(std::vector{HashId::sha2_512}, RsaPadding::pss)->scheme ==
          SignatureScheme{HashId::sha2_512, RsaPadding::pss, 64});
    CHECK_FALSE(choose_signature(std::vector{HashId::sha1}));
    CHECK_FALSE(choose_signature(std::vector<HashId>{}));
}

TEST_CASE("AUTH: what we sign verifies, and nothing else does") {
    const SigningChoice choice = GENERATE(
        *choose_signature(std::nullopt), *choose_signature(std::vector{HashId::sha2_256}),
        *choose_signature(std::vector{HashId::sha2_256}, RsaPadding::pss),
        *choose_signature(std::vector{HashId::sha2_512}, RsaPadding::pss),
        SigningChoice{wire::AuthMethod::rsa_signature, {HashId::sha2_256, RsaPadding::pkcs1_v1_5, 0}});
    CAPTURE(choice.scheme.text());
    auto auth = sign_auth(test_key(), choice, kMessage);
    REQUIRE(auth);
    CHECK(auth->method == choice.method);
    const PublicKey& key = test_key().public_key();
    const auto verified = verify_auth(key, *auth, kMessage);
    REQUIRE(verified);
    CHECK(*verified == choice.scheme);

    CHECK(error_of(verify_auth(key, *auth, Bytes(777, 0x5b))) == AuthError::signature);
    static const auto other = PrivateKey::generate(2048);
    CHECK(error_of(verify_auth(other->public_key(), *auth, kMessage)) == AuthError::signature);
    CHECK(error_of(verify_auth({PublicKey::Algorithm::rsa, {1}}, *auth, kMessage)) == AuthError::key);
    auth->data.back() ^= 1;
    CHECK(error_of(verify_auth(key, *auth, kMessage)) == AuthError::signature);
}

TEST_CASE("AUTH: methods and data that are refused") {
    const PublicKey& key = test_key().public_key();
    const auto error = [&](wire::AuthMethod method, Bytes data) {
        return error_of(verify_auth(key, {method, std::move(data)}, kMessage));
    };
    using enum wire::AuthMethod;
    CHECK(error(shared_key, Bytes(32)) == AuthError::method);
    CHECK(error(null, Bytes(32)) == AuthError::method);
    CHECK(error(digital_signature, {}) == AuthError::malformed);
    CHECK(error(digital_signature, {0, 1, 2}) == AuthError::malformed);
    CHECK(error(digital_signature, {5, 1, 2}) == AuthError::malformed);
    CHECK(error(digital_signature, {2, 1, 2}) == AuthError::malformed);
    CHECK(error(digital_signature, {2, 1, 2, 3}) == AuthError::algorithm);
    // SHA-1 in method 14, even if it verifies
    Bytes sha1{15};
    append(sha1, hex("300d06092a864886f70d0101050500"));
    append(sha1, *test_key().sign(HashId::sha1, RsaPadding::pkcs1_v1_5, kMessage));
    CHECK(error(digital_signature, sha1) == AuthError::algorithm);
}
