// The routes in force: what the configuration implies, what an operator may add.
#include "route/routes.hpp"

#include "catch.hpp"

using namespace oegate;
using namespace oegate::route;

namespace {

config::Config configuration() {
    config::Config c;
    c.interfaces.resize(2);
    c.interfaces[0].addresses = {{*Address::parse("192.1.0.1"), *Prefix::parse("192.1.0.0/24")}};
    c.interfaces[1].addresses = {{*Address::parse("192.1.2.1"), *Prefix::parse("192.1.2.0/24")},
                                 {*Address::parse("2001:db8:2::1"), *Prefix::parse("2001:db8:2::/64")}};
    c.routes.push_back({*Prefix::parse("0.0.0.0/0"), *Address::parse("192.1.2.254")});
    return c;
}

}  // namespace

TEST_CASE("routes: subnets and static routes of the configuration, by prefix") {
    const config::Config c = configuration();
    const RouteList list(c);
    CHECK(list.all().size() == 4);
    const Route* subnet = list.find(*Prefix::parse("192.1.2.0/24"));
    REQUIRE(subnet != nullptr);
    CHECK_FALSE(subnet->next_hop);
    CHECK(subnet->interface == 1);
    const Route* standard = list.find(*Prefix::parse("0.0.0.0/0"));
    REQUIRE(standard != nullptr);
    CHECK(standard->next_hop == Address::parse("192.1.2.254"));
    CHECK(standard->interface == 1);
}

TEST_CASE("routes: rows of what an operator may add") {
    struct Row {
        const char* prefix;
        const char* via;
        std::optional<RouteList::Refusal> refusal;
    };
    using enum RouteList::Refusal;
    const Row rows[] = {
        {"10.0.0.0/8", "192.1.0.254", {}},
        {"0.0.0.0/0", "192.1.0.254", {}},  // replaces the configured one
        {"2001:db8:9::/48", "2001:db8:2::fe", {}},
        {"10.0.0.0/8", "2001:db8:2::fe", family},
        {"10.0.0.0/8", "198.51.100.1", no_link},
        {"10.0.0.0/8", "192.1.2.1", own},
        {"192.1.2.0/24", "192.1.0.254", connected},
    };
    const config::Config c = configuration();
    RouteList list(c);
    for (const Row& row : rows) {
        CAPTURE(row.prefix, row.via);
        const auto route = list.make(*Prefix::parse(row.prefix), *Address::parse(row.via));
        REQUIRE(route.has_value() == !row.refusal);
        if (row.refusal) {
            CHECK(route.error() == *row.refusal);
            CHECK_FALSE(to_text(route.error()).empty());
            continue;
        }
        list.put(*route);
        CHECK(*list.find(*Prefix::parse(row.prefix)) == *route);
    }
    CHECK(list.all().size() == 6);
    CHECK(list.remove(*Prefix::parse("10.0.0.0/8")));
    CHECK_FALSE(list.remove(*Prefix::parse("10.0.0.0/8")));
    CHECK(list.all().size() == 5);
}
