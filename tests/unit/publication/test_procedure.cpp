// A whole key rollover over real files, with the zones and the daemon played by the
// test; and the same interrupted after every single step.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "publication/notes_file.hpp"
#include "publication/procedure.hpp"
#include "sight.hpp"

using namespace publication_test;
using namespace oegate::publication::rollover;

namespace {

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/oegate-test-rollover.XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { [[maybe_unused]] const int status = std::system(("rm -r " + path).c_str()); }
    std::string key() const { return path + "/key.pem"; }
    bool has(const std::string& name) const { return access((path + "/" + name).c_str(), F_OK) == 0; }
};

/// Zones that show what they are told to, and a daemon that loads what lies there.
struct World {
    Directory directory;
    std::int64_t now = 1'000'000;
    std::vector<PublicKey> published;
    bool daemon_runs = true;
    std::string daemon_trouble;
    PublicKey signs_with;
    unsigned steps_left = 1000;

    World() {
        REQUIRE(ike::PrivateKey::generate(2048)->write(directory.key()).has_value());
        signs_with = ike::PrivateKey::load(directory.key())->public_key();
        published = {signs_with};
    }

    Outside outside() {
        Outside out;
        out.survey = [this](const Ours& all) {
            std::vector<Surveyed> surveyed;
            for (const Claim& claim : all.claims) {
                Surveyed& s = surveyed.emplace_back();
                s.claim = claim;
                s.owner = claim.owner;
                s.zone = "2.0.192.in-addr.arpa.";
                s.authorities = {sight("10.0.0.1", published, 600)};
            }
            return surveyed;
        };
        out.reload = [this]() -> Reloaded {
            if (!daemon_runs) return {Reloaded::Outcome::not_running, "does not run", {}};
            if (!daemon_trouble.empty()) return {Reloaded::Outcome::refused, daemon_trouble, {}};
            signs_with = ike::PrivateKey::load(directory.key())->public_key();
            return {Reloaded::Outcome::done, "loaded", signs_with};
        };
        out.wall_seconds = [this] { return now; };
        out.may_take = [this](Step) { return steps_left-- > 0; };
        return out;
    }

    Report order(Order order, unsigned steps = 1000) {
        const auto files = KeyFiles::open(directory.key());
        REQUIRE(files.has_value());
        steps_left = steps;
        return carry_out(*files, order, ours(), 2048, outside());
    }
    std::string row(Order what, unsigned steps = 1000) {
        const Report report = order(what, steps);
        return report.row == nullptr ? "no row: " + report.trouble : std::string(report.row->name);
    }
    State state() const { return load_notes(directory.key() + ".rollover")->state; }
    PublicKey in_place() const { return ike::PrivateKey::load(directory.key())->public_key(); }
};

}  // namespace

TEST_CASE("rollover procedure: from start to retirement") {
    World w;
    const PublicKey old_key = w.signs_with;
    CHECK(w.row(Order::status) == "status.idle");
    const Report started = w.order(Order::start);
    REQUIRE(started.row != nullptr);
    CHECK(started.row->name == "start.new");
    const PublicKey new_key = started.notes.new_key;
    CHECK(new_key != old_key);
    CHECK(started.notes.old_key == old_key);
    struct stat status {};
    for (const char* name : {"key.pem.next", "key.pem.rollover"}) {
        REQUIRE(stat((w.directory.path + "/" + name).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777) == 0600);
    }
    // Begun twice is begun once.
    CHECK(w.row(Order::start) == "start.again");
    CHECK(w.order(Order::start).notes.new_key == new_key);

    CHECK(w.row(Order::activate) == "activate.missing");
    w.published = {old_key, new_key};
    CHECK(w.row(Order::status) == "status.early");
    w.now += 599;
    CHECK(w.row(Order::activate) == "activate.early");
    CHECK(w.in_place() == old_key);
    w.now += 1;
    CHECK(w.row(Order::status) == "status.ready");
    CHECK(w.state() == State::ready);
    CHECK(w.row(Order::activate) == "activate.now");
    CHECK(w.in_place() == new_key);
    CHECK(w.signs_with == new_key);
    CHECK(w.directory.has("key.pem.old"));
    CHECK_FALSE(w.directory.has("key.pem.next"));

    CHECK(w.row(Order::start) == "start.unretired");
    CHECK(w.row(Order::retire) == "retire.old-there");
    w.published = {new_key};
    CHECK(w.row(Order::retire) == "retire.old-cached");
    CHECK(w.directory.has("key.pem.old"));
    w.now += 600;
    CHECK(w.row(Order::status) == "status.retirable");
    CHECK(w.row(Order::retire) == "retire.now");
    CHECK_FALSE(w.directory.has("key.pem.old"));
    CHECK(w.row(Order::status) == "status.retired");
    CHECK(w.row(Order::start) == "start.new");
}

TEST_CASE("rollover procedure: interrupted after any step, the same order again finishes it") {
    World w;
    const PublicKey old_key = w.signs_with;
    SECTION("start") {
        for (unsigned steps = 0; steps < 2; ++steps) {
            CHECK(w.order(Order::start, steps).trouble == "interrupted");
            CHECK(w.in_place() == old_key);
        }
        CHECK(w.directory.has("key.pem.next"));
        CHECK(w.row(Order::start) == "start.resume");
        CHECK(w.state() == State::announced);
    }
    SECTION("activate and retire") {
        const PublicKey new_key = w.order(Order::start).notes.new_key;
        w.published = {old_key, new_key};
        w.order(Order::status);
        w.now += 600;
        const unsigned steps = GENERATE(0u, 1u, 2u);
        CHECK(w.order(Order::activate, steps).trouble == "interrupted");
        CHECK(w.in_place() == (steps < 2 ? old_key : new_key));
        CHECK(w.signs_with == old_key);
        CHECK(w.row(Order::activate) == (steps < 2 ? "activate.now" : "activate.again"));
        CHECK(w.in_place() == new_key);
        CHECK(w.signs_with == new_key);
        w.published = {new_key};
        w.order(Order::status);
        w.now += 600;
        CHECK(w.order(Order::retire, steps % 2).trouble == "interrupted");
        CHECK(w.row(Order::retire) == "retire.now");
        CHECK_FALSE(w.directory.has("key.pem.old"));
        CHECK(w.in_place() == new_key);
    }
    SECTION("the old key was linked aside and the new one not yet in its place") {
        const PublicKey new_key = w.order(Order::start).notes.new_key;
        REQUIRE(link(w.directory.key().c_str(), (w.directory.key() + ".old").c_str()) == 0);
        w.published = {old_key, new_key};
        w.order(Order::status);
        w.now += 600;
        CHECK(w.row(Order::activate) == "activate.now");
        CHECK(w.in_place() == new_key);
    }
}

TEST_CASE("rollover procedure: the daemon is down, or refuses") {
    World w;
    const PublicKey old_key = w.signs_with;
    const PublicKey new_key = w.order(Order::start).notes.new_key;
    w.published = {old_key, new_key};
    w.order(Order::status);
    w.now += 600;
    SECTION("down: it takes the new key at its next start") {
        w.daemon_runs = false;
        const Report report = w.order(Order::activate);
        CHECK_FALSE(report.refused());
        CHECK(w.in_place() == new_key);
    }
    SECTION("refuses: told, not retired until it has loaded") {
        w.daemon_trouble = "permission denied";
        const Report report = w.order(Order::activate);
        CHECK(report.refused());
        CHECK(report.trouble.find("permission denied") != std::string::npos);
        w.published = {new_key};
        w.order(Order::status);
        w.now += 600;
        CHECK(w.row(Order::retire) == "retire.unloaded");
        CHECK(w.directory.has("key.pem.old"));
        w.daemon_trouble.clear();
        CHECK(w.row(Order::activate) == "activate.again");
        CHECK(w.signs_with == new_key);
        CHECK(w.row(Order::retire) == "retire.now");
    }
}

TEST_CASE("rollover procedure: no other key is ever overwritten or removed") {
    World w;
    SECTION("a kept key that no rollover knows") {
        REQUIRE(ike::PrivateKey::generate(2048)->write(w.directory.key() + ".old").has_value());
        CHECK(w.row(Order::start) == "start.in-the-way");
        CHECK_FALSE(w.directory.has("key.pem.next"));
    }
    SECTION("the key in use was replaced by hand") {
        w.order(Order::start);
        REQUIRE(unlink(w.directory.key().c_str()) == 0);
        REQUIRE(ike::PrivateKey::generate(2048)->write(w.directory.key()).has_value());
        CHECK(w.row(Order::activate) == "lost");
        CHECK(w.row(Order::cancel) == "lost");
        CHECK(w.directory.has("key.pem.next"));
    }
    SECTION("a key file that others may read, notes that are none") {
        w.order(Order::start);
        REQUIRE(chmod((w.directory.key() + ".next").c_str(), 0644) == 0);
        CHECK(w.order(Order::status).trouble.find("chmod 600") != std::string::npos);
        REQUIRE(chmod((w.directory.key() + ".next").c_str(), 0600) == 0);
        std::ofstream(w.directory.key() + ".rollover") << "{}";
        CHECK(w.order(Order::status).trouble.find("key.pem.rollover") != std::string::npos);
    }
    SECTION("given up: the new key goes, the old one stays") {
        const PublicKey old_key = w.signs_with;
        w.order(Order::start);
        CHECK(w.row(Order::cancel) == "cancel.now");
        CHECK_FALSE(w.directory.has("key.pem.next"));
        CHECK(w.in_place() == old_key);
        CHECK(w.row(Order::start) == "start.new");
    }
}

TEST_CASE("rollover procedure: one command at a time; links are followed") {
    World w;
    const auto first = KeyFiles::open(w.directory.key());
    REQUIRE(first.has_value());
    CHECK_FALSE(KeyFiles::open(w.directory.key()).has_value());
    CHECK_FALSE(KeyFiles::open(w.directory.path + "/none.pem").has_value());
    Directory elsewhere;
    REQUIRE(symlink(w.directory.key().c_str(), (elsewhere.path + "/key.pem").c_str()) == 0);
    const auto other = KeyFiles::open(elsewhere.path + "/key.pem");
    REQUIRE_FALSE(other.has_value());  // the same key, so the same lock
    CHECK(other.error().find("another oegate key rollover") != std::string::npos);
}
