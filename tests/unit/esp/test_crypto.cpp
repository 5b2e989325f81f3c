// esp/crypto: every suite on every path against published vectors and OpenSSL.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <set>
#include <vector>

#include "base/random.hpp"
#include "catch.hpp"
#include "esp/crypto.hpp"

using namespace oegate;
using namespace oegate::esp;

namespace {

struct Vector {
    const char* key;
    const char* nonce;
    const char* aad;
    const char* plain;
    const char* cipher;
    const char* icv;
};

// ESP test cases for RFC 4106 (draft-mcgrew-gcm-test-01 §4), those with 128- and 256-bit keys.
constexpr Vector kVectors[] = {
    {"4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe", "000043218765432100000000",
     "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f75647003736970"
     "0963796265726369747902646b000021000101020201",
     "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1f4a13c5d15b2"
     "1e1884f5ff6247aeabb786b93bce61bc17d768fd9732",
     "459018148f6cbe722fd04796562dfdb4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "0000a5f80000000a",
     "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100000100000000000003736970096379626572"
     "6369747902646b00000100010001",
     "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0eec416642cfbb"
     "85a5b47e48a4ec3b9ba95d918bd1",
     "83b70d3aa8bc6ee4c309e9d85a41ad4a"},
    {"abbccddef00112233445566778899aababbccddef00112233445566778899aab", "112233440102030405060708",
     "4a2cbfe300000002",
     "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b4010104020102"
     "0201",
     "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f0545659f14e99def84"
     "2d8e",
     "b335f4eecfdbf831824b4c4915956c96"},
    {"00000000000000000000000000000000", "000000000000000000000000", "0000000000000001",
     "4500003c99c500008001cb7a40679318010101010800075c020044006162636465666768696a6b6c6d6e6f70717273747576"
     "7761626364656667686901020201",
     "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284456476492719ffb64de7d9dca1e1d894bc3b"
     "d57873ed4d181d19d4d5c8c18af3",
     "f821d496eeb096e98ad2b69e4799c71d"},
    {"abbccddef00112233445566778899aababbccddef00112233445566778899aab", "73616c74616e640169766563",
     "17405e67156f3126dd0db99b",
     "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001",
     "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e",
     "451626c2415771e3b7eebca614c89b35"},
    {"7d773d00c144c525ac619d18c84a3f47", "d966426743457e9182443bc6", "335467aeffffffff", "01020201",
     "437f866b", "cb3f699fe9b0822bac961c4504bef270"},
    {"6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961", "7475726e333021696765746d",
     "796b6963ffffffffffffffff",
     "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f70717273740102"
     "0201",
     "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c3a864cd3d78ca4ae68a32b42458fb57dbe821dcc"
     "63b9",
     "d0937ba2945f669368661a329fb4c053"},
};

// RFC 7634 appendix A.
constexpr Vector kChacha{
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
    "a0a1a2a31011121314151617",
    "0102030400000005",
    "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec100007362708090a0b0c0d0e0f101112131415"
    "161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363701020204",
    "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c614ee8099d52844eb61aa95dfab4c02f72aa7"
    "1e7c4c4f64c9befe2facc638e8f3cbec163fac469b502773f6fb94e664da9165b82829f641e0",
    "76aaa8266b7fb0f7b11b369907e1ad43"};

struct alignas(64) KeyRoom {
    std::uint8_t bytes[4096] = {};
};

SaKey random_key(EspSuite suite, Random& random) {
    SaKey key;
    key.suite = suite;
    random.fill({key.key.data(), key_len(suite)});
    random.fill({key.auth_key.data(), facts(suite).auth_key_len});
    random.fill(key.salt);
    return key;
}

/// A packet in its buffer: front, data, ICV, and one byte behind that nobody may touch.
struct Packet {
    SaKey key;
    KeyRoom seal_key, open_key;
    Bytes bytes;
    Bytes plain;
    Job job;
};

void make(Packet& packet, const Crypto& crypto, EspSuite suite, std::size_t len, std::uint64_t sequence,
          bool esn, Random& random) {
    packet.key = random_key(suite, random);
    REQUIRE(crypto.expand(Direction::outbound, packet.key, packet.seal_key.bytes));
    REQUIRE(crypto.expand(Direction::inbound, packet.key, packet.open_key.bytes));
    const std::size_t front = front_len(suite);
    packet.bytes = random.bytes(front + len + icv_len(suite) + 1);
    packet.bytes.back() = 0xcd;
    packet.plain.assign(packet.bytes.begin() + static_cast<std::ptrdiff_t>(front),
                        packet.bytes.begin() + static_cast<std::ptrdiff_t>(front + len));
    packet.job = Job{};
    packet.job.suite = suite;
    packet.job.key = packet.seal_key.bytes;
    packet.job.front = packet.bytes.data();
    packet.job.data = packet.bytes.data() + front;
    packet.job.len = static_cast<std::uint32_t>(len);
    write_esp_header(packet.bytes.data(), 0x01020304, sequence);
    if (is_aead(suite)) make_nonce(packet.job.nonce, packet.key.salt, packet.bytes.data() + 8);
    if (esn) use_esn(packet.job, sequence);
}

/// What OpenSSL makes of the same packet: front, cipher text, ICV.
Bytes reference(const Packet& packet, ByteView front, std::uint64_t sequence, bool esn) {
    const EspSuite suite = packet.key.suite;
    const EspSuiteFacts& f = facts(suite);
    Bytes out(front.begin(), front.end());
    out.resize(front.size() + packet.plain.size());
    std::uint8_t* const text = out.data() + front.size();
    EVP_CIPHER_CTX* context = EVP_CIPHER_CTX_new();
    int num = 0;
    const auto num_plain = static_cast<int>(packet.plain.size());
    Bytes aad(front.begin(), front.begin() + 8);
    if (esn)
        for (int i = 0; i < 4; ++i)
            aad.insert(aad.begin() + 4 + i, static_cast<std::uint8_t>(sequence >> (56 - 8 * i)));
    if (is_aead(suite)) {
        const EVP_CIPHER* cipher = f.name == "chacha20-poly1305" ? EVP_chacha20_poly1305()
                                   : f.key_len == 16             ? EVP_aes_128_gcm()
                                                                 : EVP_aes_256_gcm();
        Bytes icv(16);
        EVP_EncryptInit_ex(context, cipher, nullptr, packet.key.key.data(), packet.job.nonce.data());
        EVP_EncryptUpdate(context, nullptr, &num, aad.data(), static_cast<int>(aad.size()));
        EVP_EncryptUpdate(context, text, &num, packet.plain.data(), num_plain);
        EVP_EncryptFinal_ex(context, text + num, &num);
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 16, icv.data());
        EVP_CIPHER_CTX_free(context);
        out.insert(out.end(), icv.begin(), icv.end());
        return out;
    }
    if (f.key_len == 0) {
        std::copy(packet.plain.begin(), packet.plain.end(), text);
    } else {
        const EVP_CIPHER* cipher = f.key_len == 24   ? EVP_des_ede3_cbc()
                                   : f.key_len == 16 ? EVP_aes_128_cbc()
                                                     : EVP_aes_256_cbc();
        EVP_EncryptInit_ex(context, cipher, nullptr, packet.key.key.data(), front.data() + 8);
        EVP_CIPHER_CTX_set_padding(context, 0);
        EVP_EncryptUpdate(context, text, &num, packet.plain.data(), num_plain);
        CHECK(num == num_plain);
    }
    EVP_CIPHER_CTX_free(context);
    Bytes hashed = out;
    if (esn) hashed.insert(hashed.end(), aad.begin() + 4, aad.begin() + 8);
    const EVP_MD* hash = f.auth_key_len == 16   ? EVP_md5()
                         : f.auth_key_len == 20 ? EVP_sha1()
                         : f.auth_key_len == 32 ? EVP_sha256()
                         : f.auth_key_len == 48 ? EVP_sha384()
                                                : EVP_sha512();
    std::uint8_t digest[EVP_MAX_MD_SIZE];
    HMAC(hash, packet.key.auth_key.data(), f.auth_key_len, hashed.data(), hashed.size(), digest, nullptr);
    out.insert(out.end(), digest, digest + f.icv_len);
    return out;
}

constexpr CryptoPath kPaths[] = {CryptoPath::direct, CryptoPath::job, CryptoPath::burst, CryptoPath::split};

/// One vector as a job whose bytes lie in `room`.
Job job_of(const Vector& vector, EspSuite suite, Bytes& room) {
    const Bytes aad = *from_hex(vector.aad), plain = *from_hex(vector.plain), nonce = *from_hex(vector.nonce);
    room = aad;
    room.resize(16);
    room.insert(room.end(), plain.begin(), plain.end());
    room.resize(room.size() + 16);
    Job job;
    job.suite = suite;
    job.front = room.data();
    job.data = room.data() + 16;
    job.len = static_cast<std::uint32_t>(plain.size());
    std::copy(nonce.begin(), nonce.end(), job.nonce.begin());
    job.esn = aad.size() == 12;
    if (job.esn) std::copy(aad.begin(), aad.end(), job.esn_aad.begin());
    return job;
}

}  // namespace

TEST_CASE("crypto: the ESP test cases of the AEADs, sealed and opened as one burst, on every path") {
    for (const CryptoPath path : {CryptoPath::direct, CryptoPath::job, CryptoPath::burst}) {
        CAPTURE(to_text(path));
        Crypto crypto;
        REQUIRE(crypto.ok());
        REQUIRE(Crypto::expanded_len() <= sizeof(KeyRoom));
        std::vector<Vector> vectors(std::begin(kVectors), std::end(kVectors));
        vectors.push_back(kChacha);
        const std::size_t num = vectors.size();
        std::vector<KeyRoom> keys(num);
        std::vector<Bytes> rooms(num);
        std::vector<Job> jobs(num);
        for (std::size_t i = 0; i < num; ++i) {
            const Bytes bytes = *from_hex(vectors[i].key);
            SaKey key;
            key.suite = i + 1 == num         ? EspSuite::chacha20_poly1305
                        : bytes.size() == 16 ? EspSuite::aes_gcm_16_128
                                             : EspSuite::aes_gcm_16_256;
            std::copy(bytes.begin(), bytes.end(), key.key.begin());
            REQUIRE(crypto.set_path(key.suite, path));
            REQUIRE(crypto.expand(Direction::outbound, key, keys[i].bytes));
            jobs[i] = job_of(vectors[i], key.suite, rooms[i]);
            jobs[i].key = keys[i].bytes;
        }
        crypto.seal(jobs);
        for (std::size_t i = 0; i < num; ++i) {
            CHECK(jobs[i].ok);
            CHECK(to_hex({jobs[i].data, jobs[i].len}) == vectors[i].cipher);
            CHECK(to_hex({jobs[i].icv(), 16}) == vectors[i].icv);
        }
        jobs[2].icv()[15] ^= 1;   // last bit of an ICV
        jobs[3].data[0] ^= 0x80;  // first bit of a text
        jobs[4].esn_aad[7] ^= 1;  // the sequence number's low half
        crypto.open(jobs);
        for (std::size_t i = 0; i < num; ++i) {
            CHECK(jobs[i].ok == (i < 2 || i > 4));
            CHECK_FALSE(jobs[i].failed);
            if (jobs[i].ok) CHECK(to_hex({jobs[i].data, jobs[i].len}) == vectors[i].plain);
        }
    }
}

TEST_CASE("crypto: published vectors of the CBC cipher and of the HMACs") {
    Crypto crypto;
    SECTION("AES-128-CBC, NIST SP 800-38A F.2.1") {
        SaKey key;
        key.suite = EspSuite::aes_cbc_128_sha1_96;
        const Bytes bytes = *from_hex("2b7e151628aed2a6abf7158809cf4f3c");
        std::copy(bytes.begin(), bytes.end(), key.key.begin());
        KeyRoom room;
        REQUIRE(crypto.expand(Direction::outbound, key, room.bytes));
        Bytes packet = *from_hex(
            "0000000000000000000102030405060708090a0b0c0d0e0f"
            "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51");
        packet.resize(packet.size() + 12);
        Job job;
        job.key = room.bytes;
        job.suite = key.suite;
        job.front = packet.data();
        job.data = packet.data() + 24;
        job.len = 32;
        crypto.seal({&job, 1});
        CHECK(job.ok);
        CHECK(to_hex({job.data, 32}) == "7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b2");
    }
    SECTION("HMAC-SHA-256-128, RFC 4868 2.7.2.2 AUTH256-2") {
        SaKey key;
        key.suite = EspSuite::null_sha256_128;
        for (std::size_t i = 0; i < 32; ++i) key.auth_key[i] = static_cast<std::uint8_t>("Jefe"[i % 4]);
        KeyRoom room;
        REQUIRE(crypto.expand(Direction::outbound, key, room.bytes));
        Bytes packet;
        for (const char c : std::string_view("what do ya want for nothing?"))
            packet.push_back(static_cast<std::uint8_t>(c));
        packet.resize(28 + 16);
        Job job;
        job.key = room.bytes;
        job.suite = key.suite;
        job.front = packet.data();
        job.data = packet.data() + 8;
        job.len = 20;
        crypto.seal({&job, 1});
        CHECK(job.ok);
        CHECK(to_hex({job.icv(), 16}) == "167f928588c5cc2eef8e3093caa0e87c");
    }
}

TEST_CASE("crypto: every suite on every path is what OpenSSL makes of it, with and without ESN") {
    SeededRandom random(23);
    for (const EspSuiteFacts& f : kEspSuites)
        for (const CryptoPath path : kPaths) {
            Crypto crypto;
            if (!crypto.set_path(f.suite, path)) continue;
            CAPTURE(f.name, to_text(path));
            // More than a batch, so that the queue is used more than once.
            std::vector<Packet> packets(41);
            std::vector<Bytes> fronts;
            for (std::size_t i = 0; i < packets.size(); ++i) {
                const std::size_t units = i < 20 ? i + 1 : 1 + random.below(9000 / alignment(f.suite));
                const std::uint64_t sequence = random.u64();
                make(packets[i], crypto, f.suite, units * alignment(f.suite), sequence, i % 2 == 1, random);
                const auto& bytes = packets[i].bytes;
                fronts.emplace_back(bytes.begin(),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(front_len(f.suite)));
            }
            std::vector<Job> jobs;
            for (const Packet& packet : packets) jobs.push_back(packet.job);
            crypto.seal(jobs);
            for (std::size_t i = 0; i < packets.size(); ++i) {
                Packet& packet = packets[i];
                REQUIRE(jobs[i].ok);
                const bool esn = i % 2 == 1;
                const std::uint64_t sequence =
                    std::uint64_t{jobs[i].sequence_high} << 32 |
                    (fronts[i][4] << 24 | fronts[i][5] << 16 | fronts[i][6] << 8 | fronts[i][7] << 0) * 1u;
                Bytes expected = reference(packet, fronts[i], sequence, esn);
                expected.push_back(0xcd);
                REQUIRE(to_hex(packet.bytes) == to_hex(expected));
                jobs[i].key = packet.open_key.bytes;
            }
            // Each third is spoilt: in the ICV, in the text, in the half that is not sent.
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                if (i % 9 == 2) jobs[i].icv()[icv_len(f.suite) - 1] ^= 0x40;
                if (i % 9 == 5) jobs[i].data[random.below(jobs[i].len)] ^= 1;
                if (i % 9 == 7 && jobs[i].esn) {
                    jobs[i].sequence_high ^= 1;
                    jobs[i].esn_aad[7] ^= 1;
                }
            }
            crypto.open(jobs);
            for (std::size_t i = 0; i < jobs.size(); ++i) {
                const bool spoilt = i % 9 == 2 || i % 9 == 5 || (i % 9 == 7 && jobs[i].esn);
                CHECK_FALSE(jobs[i].failed);
                CHECK(jobs[i].ok != spoilt);
                if (jobs[i].ok) REQUIRE(to_hex({jobs[i].data, jobs[i].len}) == to_hex(packets[i].plain));
                CHECK(packets[i].bytes.back() == 0xcd);
            }
        }
}

TEST_CASE("crypto: one burst of all suites, whatever their paths") {
    SeededRandom random(29);
    for (int round = 0; round < 20; ++round) {
        Crypto crypto;
        for (const EspSuiteFacts& f : kEspSuites) crypto.set_path(f.suite, kPaths[random.below(4)]);
        std::vector<Packet> packets(100);
        std::vector<Job> jobs;
        for (Packet& packet : packets) {
            const EspSuite suite = kEspSuites[random.below(kNumEspSuites)].suite;
            make(packet, crypto, suite, alignment(suite) * (1 + random.below(20)), random.u64(),
                 random.below(2) == 0, random);
            jobs.push_back(packet.job);
        }
        crypto.seal(jobs);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            REQUIRE(jobs[i].ok);
            jobs[i].key = packets[i].open_key.bytes;
        }
        crypto.open(jobs);
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            REQUIRE(jobs[i].ok);
            CHECK(to_hex({jobs[i].data, jobs[i].len}) == to_hex(packets[i].plain));
        }
    }
}

TEST_CASE("crypto: what cannot be computed is refused, and the rest of the burst is not") {
    Crypto crypto;
    SeededRandom random(31);
    std::vector<Packet> packets(5);
    std::vector<Job> jobs;
    for (Packet& packet : packets) {
        make(packet, crypto, EspSuite::aes_cbc_128_sha256_128, 64, 1, false, random);
        jobs.push_back(packet.job);
    }
    jobs[0].key = nullptr;
    jobs[1].len = 63;
    jobs[2].len = 0;
    jobs[3].len = kMaxJobLen + 1;
    crypto.seal(jobs);
    for (int i = 0; i < 4; ++i)
        CHECK((jobs[static_cast<unsigned>(i)].failed && !jobs[static_cast<unsigned>(i)].ok));
    CHECK(jobs[4].ok);
    const Bytes before = packets[0].bytes;
    const Crypto taken = std::move(crypto);
    jobs[0].key = packets[0].seal_key.bytes;
    crypto.seal({jobs.data(), 1});
    CHECK((jobs[0].failed && !jobs[0].ok));
    CHECK(packets[0].bytes == before);
    CHECK_FALSE(crypto.set_path(EspSuite::aes_gcm_16_128, CryptoPath::job));
}

TEST_CASE("crypto: paths are chosen by measurement, and only such as there are") {
    Crypto crypto;
    CHECK_FALSE(crypto.set_path(EspSuite::aes_gcm_16_128, CryptoPath::split));
    CHECK_FALSE(crypto.set_path(EspSuite::triple_des_md5_96, CryptoPath::split));
    CHECK_FALSE(crypto.set_path(EspSuite::null_sha1_96, CryptoPath::direct));
    crypto.choose_paths();
    const CryptoStatus status = crypto.status();
    CHECK(status.architecture != "none");
    for (const EspSuiteFacts& f : kEspSuites)
        for (const auto& choice : {status.seal[static_cast<std::size_t>(f.suite)],
                                   status.open[static_cast<std::size_t>(f.suite)]}) {
            CAPTURE(f.name, to_text(choice.path), choice.cycles);
            CHECK(choice.cycles > 0);
            CHECK(choice.cycles < 10'000'000);
            CHECK(crypto.set_path(f.suite, choice.path));
        }
}

TEST_CASE("crypto: IVs do not repeat, and differ from object to object") {
    Crypto one, other;
    std::set<Bytes> seen;
    for (int i = 0; i < 5000; ++i)
        for (Crypto* crypto : {&one, &other}) {
            Bytes iv(16);
            crypto->write_iv(iv.data(), 16);
            CHECK(seen.insert(iv).second);
        }
    std::size_t ones = 0;
    for (const Bytes& iv : seen)
        for (const std::uint8_t byte : iv) ones += static_cast<std::size_t>(__builtin_popcount(byte));
    CHECK(ones > seen.size() * 63);
    CHECK(ones < seen.size() * 65);
}
