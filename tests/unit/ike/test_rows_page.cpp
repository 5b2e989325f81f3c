// docs/ike-states.md is what the rows say: when this fails, run scripts/docs.
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "catch.hpp"
#include "ike/v2/rows_page.hpp"

TEST_CASE("docs/ike-states.md is up to date") {
    const char* root = std::getenv("OEGATE_SOURCE");
    REQUIRE(root != nullptr);
    std::ifstream file(std::string(root) + "/docs/ike-states.md");
    REQUIRE(file.good());
    std::stringstream text;
    text << file.rdbuf();
    CHECK(text.str() == oegate::ike::v2::rows_page());
}
