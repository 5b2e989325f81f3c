// Which addresses are nobody's, and where each block begins and ends.
#include "catch.hpp"
#include "net/special_use.hpp"

using namespace oegate;

TEST_CASE("special-use addresses are nobody's, and most of them never forwarded") {
    struct Row {
        const char* address;
        bool special, dropped;
    };
    static constexpr Row kRows[] = {
        // 0.0.0.0/8, "this network" (RFC 1122 §3.2.1.3)
        {"0.0.0.0", true, true},
        {"0.1.2.3", true, true},
        {"0.255.255.255", true, true},
        {"1.0.0.0", false, false},
        // 127.0.0.0/8, loopback (RFC 1122 §3.2.1.3)
        {"126.255.255.255", false, false},
        {"127.0.0.0", true, true},
        {"127.255.255.255", true, true},
        {"128.0.0.0", false, false},
        // 169.254.0.0/16, link-local (RFC 3927)
        {"169.253.255.255", false, false},
        {"169.254.0.0", true, true},
        {"169.254.255.255", true, true},
        {"169.255.0.0", false, false},
        // 192.0.0.0/24, protocol assignments (RFC 6890 §2.1)
        {"191.255.255.255", false, false},
        {"192.0.0.0", true, false},
        {"192.0.0.170", true, false},
        {"192.0.0.255", true, false},
        {"192.0.1.0", false, false},
        // 224.0.0.0/4, multicast (RFC 1112 §4); 240.0.0.0/4, reserved (RFC 1112 §4, RFC 919 §7)
        {"223.255.255.255", false, false},
        {"224.0.0.0", true, true},
        {"239.255.255.255", true, true},
        {"240.0.0.0", true, true},
        {"255.255.255.254", true, true},
        {"255.255.255.255", true, true},
        // what a closed network may use (RFC 1918, 6598, 2544, 5737)
        {"10.0.0.1", false, false},
        {"100.64.0.1", false, false},
        {"172.16.0.1", false, false},
        {"192.0.2.1", false, false},
        {"192.168.0.1", false, false},
        {"198.18.0.1", false, false},
        {"203.0.113.1", false, false},
        // ::/128 and ::1/128 (RFC 4291 §2.5.2, §2.5.3), IPv4 inside (§2.5.5)
        {"::", true, true},
        {"::1", true, true},
        {"::2", true, false},
        {"::192.0.2.1", true, false},
        {"::fffe:192.0.2.1", true, false},
        {"::ffff:ffff:ffff:ffff", false, false},
        {"::1:0:0:0", false, false},
        {"64:ff9b::192.0.2.1", false, false},  // NAT64 (RFC 6052 §2.1)
        // 100::/64, discard-only (RFC 6666)
        {"ff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false},
        {"100::", true, false},
        {"100::ffff:ffff:ffff:ffff", true, false},
        {"100:0:0:1::", false, false},
        // fe80::/10, link-local (RFC 4291 §2.5.6)
        {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false},
        {"fe80::", true, true},
        {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, true},
        {"fec0::", false, false},
        // ff00::/8, multicast (RFC 4291 §2.7)
        {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false, false},
        {"ff00::", true, true},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true, true},
        // what a closed network may use (RFC 4193, 3849), and anybody (RFC 4291 §2.5.4)
        {"fd00::1", false, false},
        {"2001:db8::1", false, false},
        {"2a00::1", false, false},
    };
    for (const Row& row : kRows) {
        INFO(row.address);
        const auto address = Address::parse(row.address);
        REQUIRE(address);
        CHECK(special_use(*address) == row.special);
        CHECK(never_forwarded(*address) == row.dropped);
    }
}
