// Addresses, prefixes and pairs: text and wire forms, reverse names, containment.
#include "net/address.hpp"

#include "catch.hpp"
#include "net/checksum.hpp"

using namespace oegate;

TEST_CASE("address: text both ways") {
    for (const char* text :
         {"192.1.0.65", "0.0.0.0", "255.255.255.255", "2001:db8::1", "::", "::1", "fe80::1"})
        CHECK(Address::parse(text)->text() == text);
    for (const char* bad : {"", "192.1.0", "192.1.0.256", "1.2.3.4 ", "2001:db8:::1", "fe80::1%eth0",
                            "::ffff:1.2.3.4", "gateway"})
        CHECK_FALSE(Address::parse(bad));
}

TEST_CASE("address: reverse names of both families") {
    CHECK(Address::parse("192.1.0.65")->reverse_name() == "65.0.1.192.in-addr.arpa.");
    CHECK(Address::parse("2001:db8::1")->reverse_name() ==
          "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa.");
}

TEST_CASE("address: special kinds") {
    CHECK(Address::parse("224.0.0.1")->is_multicast());
    CHECK(Address::parse("ff02::1")->is_multicast());
    CHECK(Address::parse("127.9.9.9")->is_loopback());
    CHECK(Address::parse("::1")->is_loopback());
    CHECK(Address::parse("169.254.1.1")->is_link_local());
    CHECK(Address::parse("fe80::5")->is_link_local());
    CHECK(Address::parse("255.255.255.255")->is_limited_broadcast());
    CHECK(Address::parse("0.0.0.0")->is_unspecified());
    CHECK(Address().is_unspecified());
    CHECK_FALSE(Address::parse("192.1.0.65")->is_multicast());
}

TEST_CASE("prefix: containment and refusal of host bits") {
    const Prefix net = *Prefix::parse("192.1.0.0/23");
    CHECK(net.contains(*Address::parse("192.1.1.255")));
    CHECK_FALSE(net.contains(*Address::parse("192.1.2.0")));
    CHECK_FALSE(net.contains(*Address::parse("::c001:1")));
    CHECK(net.last().text() == "192.1.1.255");
    CHECK_FALSE(Prefix::parse("192.1.0.1/24"));
    CHECK_FALSE(Prefix::parse("192.1.0.0/33"));
    CHECK_FALSE(Prefix::parse("192.1.0.0/"));
    CHECK(Prefix::parse("0.0.0.0/0")->contains(*Address::parse("8.8.8.8")));
    CHECK_FALSE(Prefix::parse("0.0.0.0/0")->contains(*Address::parse("2001:db8::1")));
    CHECK(Prefix::parse("::/0")->contains(*Address::parse("2001:db8::1")));
    CHECK(Prefix::parse("2001:db8::/32")->contains(*Prefix::parse("2001:db8:1::/48")));
}

TEST_CASE("checksum: RFC 1071 section 3 example, odd lengths") {
    CHECK(checksum(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}) ==
          static_cast<std::uint16_t>(~0xddf2));
    CHECK(checksum(Bytes{0x12}) == static_cast<std::uint16_t>(~0x1200));
}
