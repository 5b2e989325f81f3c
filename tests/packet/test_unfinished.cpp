// A datagram whose sender left its checksum to hardware that is not there leaves with the
// right one (port/receive.hpp); what was broken before stays broken.
#include "base/cursor.hpp"
#include "catch.hpp"
#include "net/checksum.hpp"
#include "packet/gateway.hpp"
#include "stages/transport_checksum.hpp"

using namespace oegate;
using namespace oegate::packet_test;

TEST_CASE("an unfinished UDP checksum is completed before the datagram goes on") {
    Gateway g;
    g.know_neighbours();
    const Ip ip;
    const Bytes right = udp(ip, 1000, 2000, {'h', 'e', 'l', 'l', 'o'});
    const std::size_t field = 20 + 6;
    const Pair pair{address(ip.source), address(ip.destination)};
    const std::size_t len = right.size() - 20;
    const std::uint64_t pseudo =
        checksum_add(checksum_add(len + 17, pair.source.wire()), pair.destination.wire());
    struct Row {
        const char* what;
        std::uint16_t in;
        bool completed;
    };
    const auto good = static_cast<std::uint16_t>(right[field] << 8 | right[field + 1]);
    for (const Row& row :
         {Row{"unfinished", static_cast<std::uint16_t>(~checksum_finish(pseudo)), true},
          Row{"right", good, true}, Row{"broken", static_cast<std::uint16_t>(good ^ 1), false}}) {
        CAPTURE(row.what);
        Bytes sent = right;
        sent[field] = static_cast<std::uint8_t>(row.in >> 8);
        sent[field + 1] = static_cast<std::uint8_t>(row.in);
        g.in(kInside, ethernet(g.mac(kInside), 0x0800, sent));
        g.turn();
        const std::vector<Bytes> out = g.out(kOutside);
        REQUIRE(out.size() == 1);
        const Bytes transport(out[0].begin() + 14 + 20, out[0].end());
        CHECK((transport_checksum(pair, Protocol::udp, transport) == 0) == row.completed);
    }
    g.check_ledger();
}
