// Byte strings: text forms, the bounds-checked cursor, checksums, secrets, randomness.
#include "base/bytes.hpp"

#include "base/cursor.hpp"
#include "base/endian.hpp"
#include "base/secret.hpp"
#include "catch.hpp"

using namespace oegate;

TEST_CASE("base64: RFC 4648 section 10 vectors") {
    const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"}};
    for (const auto& [plain, coded] : vectors) {
        const ByteView bytes = as_bytes(plain);
        CHECK(to_base64(bytes) == coded);
        CHECK(from_base64(coded) == Bytes(bytes.begin(), bytes.end()));
    }
}

TEST_CASE("base64: white space is ignored, foreign characters and bad padding are not") {
    CHECK(from_base64("Zm9v\tYm\n Fy") == from_base64("Zm9vYmFy"));
    CHECK(from_base64("Zm9vYg") == from_base64("Zm9vYg=="));
    for (const char* bad : {"Zm9v!", "Z", "Zg=a", "Zg===", "Zm9v=", "Zg="}) CHECK_FALSE(from_base64(bad));
}

TEST_CASE("hex: both ways, odd lengths and foreign characters refused") {
    CHECK(to_hex(Bytes{0x00, 0xaf, 0x10}) == "00af10");
    CHECK(from_hex("00AF10") == Bytes{0x00, 0xaf, 0x10});
    CHECK_FALSE(from_hex("0"));
    CHECK_FALSE(from_hex("0g"));
}

TEST_CASE("reader: a failed read fails for good and gives nothing") {
    const Bytes bytes{1, 2, 3, 4, 5};
    Reader reader(bytes);
    CHECK(reader.u32() == 0x01020304);
    CHECK(reader.u16() == 0);
    CHECK_FALSE(reader.ok());
    CHECK(reader.u8() == 0);
    CHECK(reader.remaining() == 0);
}

TEST_CASE("writer: lengths can be set afterwards") {
    Writer writer;
    writer.u16(0).u8(7).u32(0xdeadbeef);
    writer.set_u16(0, static_cast<std::uint16_t>(writer.size()));
    CHECK(to_hex(writer.view()) == "000707deadbeef");
}

TEST_CASE("big-endian integers stand on the wire as they are read") {
    CHECK(Be32(0x01020304).host() == 0x01020304);
    const Be16 port(500);
    CHECK(reinterpret_cast<const std::uint8_t*>(&port)[0] == 1);
}

TEST_CASE("secrets: constant-time comparison sees each difference") {
    Bytes a(32, 7);
    for (std::size_t i = 0; i < a.size(); ++i) {
        Bytes b = a;
        b[i] ^= 0x80;
        CHECK_FALSE(equal_constant_time(a, b));
    }
    CHECK(equal_constant_time(a, Bytes(32, 7)));
    CHECK_FALSE(equal_constant_time(a, Bytes(31, 7)));
}
