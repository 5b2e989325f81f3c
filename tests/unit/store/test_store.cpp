// What survives a restart: written, read again, killed at any instant, damaged, foreign,
// in use, not writable.
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "catch.hpp"
#include "store/writer.hpp"

using namespace oegate;
using namespace oegate::store;
namespace fs = std::filesystem;

namespace {

struct Directory {
    Directory() {
        char name[] = "/tmp/oegate-store-XXXXXX";
        REQUIRE(::mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { fs::remove_all(path); }
    std::string file() const { return path + "/state.db"; }
    std::size_t num_aside() const {
        std::size_t num = 0;
        for (const auto& entry : fs::directory_iterator(path))
            num += entry.path().filename().string().starts_with("state.db.damaged-");
        return num;
    }
    std::string path;
};

Address ip(const char* text) {
    return Address::parse(text).value();
}

PeerRecord peer(unsigned number) {
    PeerRecord r;
    r.own = Identity::of(ip("192.0.2.1"));
    r.peer = number % 2 == 0 ? Identity::of(Address::ipv4(0xC6336400u + number))
                             : Identity::of_name("sg" + std::to_string(number) + ".example");
    r.local = ip("192.0.2.1");
    r.remote = Address::ipv4(0xC6336400u + number);
    r.verdict = number % 3 == 0 ? Verdict::secure : Verdict::indeterminate;
    r.since = 1'700'000'000 + number;
    return r;
}

void write(const std::string& path, const std::vector<Action>& actions) {
    auto file = File::open(path);
    REQUIRE(file);
    REQUIRE((*file)->write(actions));
}

}  // namespace

TEST_CASE("records are there again after the file was closed") {
    Directory dir;
    const StickyRecord sticky{ip("2001:db8::66"), 3, 1'700'600'000};
    {
        Opened opened = store::open(dir.path, 1);
        REQUIRE(opened.file);
        CHECK(opened.alarm.empty());
        CHECK(opened.contents.peers.empty());
        REQUIRE(opened.file->write(
            std::vector<Action>{PutPeer{peer(1)}, PutPeer{peer(2)}, PutPeer{peer(3)}, PutSticky{sticky}}));
        PeerRecord again = peer(2);
        again.verdict = Verdict::secure;
        again.since += 100;
        REQUIRE(
            opened.file->write(std::vector<Action>{PutPeer{again}, RemovePeer{peer(3).own, peer(3).peer}}));
    }
    const Opened opened = store::open(dir.path, 2);
    REQUIRE(opened.file);
    REQUIRE(opened.contents.peers.size() == 2);
    CHECK(opened.contents.peers[0].since == peer(2).since + 100);  // the newest first
    CHECK(opened.contents.peers[0].verdict == Verdict::secure);
    CHECK(opened.contents.peers[1] == peer(1));
    REQUIRE(opened.contents.sticky.size() == 1);
    CHECK(opened.contents.sticky[0] == sticky);
    struct stat info {};
    REQUIRE(::stat(dir.file().c_str(), &info) == 0);
    CHECK((info.st_mode & 0777) == 0600);
}

TEST_CASE("killed at any instant, the file opens and is true") {
    Directory dir;
    std::uint64_t last_seen = 0;
    for (int round = 0; round < 25; ++round) {
        int pipes[2];
        REQUIRE(::pipe(pipes) == 0);
        const pid_t child = ::fork();
        REQUIRE(child >= 0);
        if (child == 0) {
            ::close(pipes[0]);
            Opened opened = store::open(dir.path, round);
            if (!opened.file) ::_exit(1);
            for (std::uint64_t k = last_seen + 1;; ++k) {
                // Two tables and forty rows in one transaction: all say k, or none.
                std::vector<Action> actions;
                for (unsigned i = 0; i < 20; ++i) {
                    PeerRecord record = peer(i);
                    record.since = static_cast<std::int64_t>(k);
                    actions.push_back(PutPeer{record});
                    actions.push_back(PutSticky{{record.remote, 0, static_cast<std::int64_t>(k)}});
                }
                if (!opened.file->write(actions)) ::_exit(2);
                if (::write(pipes[1], &k, sizeof k) != sizeof k) ::_exit(3);
            }
        }
        ::close(pipes[1]);
        std::uint64_t acknowledged = last_seen;
        // Every other one is killed after it has written, however long that takes here.
        if (round % 2 == 1)
            REQUIRE(::read(pipes[0], &acknowledged, sizeof acknowledged) == sizeof acknowledged);
        std::this_thread::sleep_for(std::chrono::microseconds(2000 + round * 1700));
        ::kill(child, SIGKILL);
        int status = 0;
        REQUIRE(::waitpid(child, &status, 0) == child);
        REQUIRE(WIFSIGNALED(status));
        for (std::uint64_t k = 0; ::read(pipes[0], &k, sizeof k) == sizeof k;) acknowledged = k;
        ::close(pipes[0]);

        const Opened opened = store::open(dir.path, round);
        REQUIRE(opened.file);
        CHECK(opened.alarm.empty());
        CHECK(opened.remarks.empty());
        if (acknowledged == 0 && opened.contents.peers.empty()) continue;
        REQUIRE(opened.contents.peers.size() == 20);
        REQUIRE(opened.contents.sticky.size() == 20);
        const std::int64_t k = opened.contents.peers.front().since;
        for (const PeerRecord& record : opened.contents.peers) CHECK(record.since == k);
        for (const StickyRecord& record : opened.contents.sticky) CHECK(record.last == k);
        CHECK(k >= static_cast<std::int64_t>(acknowledged));  // what was answered is on disk
        last_seen = static_cast<std::uint64_t>(k);
    }
    CHECK(last_seen > 0);
    CHECK(dir.num_aside() == 0);
}

TEST_CASE("a damaged file is moved aside, never deleted, and a new one is begun") {
    Directory dir;
    const auto how = GENERATE(0, 1, 2, 3);
    std::vector<Action> actions;
    for (unsigned i = 0; i < 2000; ++i) actions.push_back(PutPeer{peer(i)});
    write(dir.file(), actions);
    std::fstream file(dir.file(), std::ios::in | std::ios::out | std::ios::binary);
    const auto size = static_cast<long>(fs::file_size(dir.file()));
    if (how == 0) {
        file << "this is no database";
    } else if (how == 1) {  // pages in the middle
        for (long at = 4096; at + 8192 < size; at += 8192) {
            file.seekp(at);
            file << std::string(4096, '\x5a');
        }
    } else if (how == 2) {
        file.close();
        fs::resize_file(dir.file(), static_cast<std::uintmax_t>(size / 2 / 4096 * 4096));
    } else {  // somebody else's database
        file.close();
        fs::remove(dir.file());
        const std::string command = "printf x > " + dir.file();
        REQUIRE(std::system(command.c_str()) == 0);
    }
    file.close();
    const auto damaged_size = fs::file_size(dir.file());
    const Opened opened = store::open(dir.path, 1234);
    REQUIRE(opened.file);
    CHECK(opened.alarm.empty());
    REQUIRE(opened.remarks.size() == 1);
    CHECK(opened.remarks.front().find("moved to " + dir.file() + ".damaged-1234") != std::string::npos);
    CHECK(opened.contents.peers.empty());
    REQUIRE(dir.num_aside() >= 1);
    CHECK(fs::file_size(dir.file() + ".damaged-1234") == damaged_size);
    REQUIRE(opened.file->write(std::vector<Action>{PutPeer{peer(1)}}));
}

TEST_CASE("a file of a later version is left alone") {
    Directory dir;
    write(dir.file(), {PutPeer{peer(1)}});
    {  // byte 60: user_version (the SQLite file format, §1.3)
        std::fstream file(dir.file(), std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(60);
        file.write("\x00\x00\x00\x63", 4);
    }
    const Opened opened = store::open(dir.path, 1);
    CHECK_FALSE(opened.file);
    CHECK(opened.alarm.find("later oegate (version 99") != std::string::npos);
    CHECK(dir.num_aside() == 0);
    CHECK(fs::exists(dir.file()));
}

TEST_CASE("a second gateway in the same directory is told so; the first goes on") {
    Directory dir;
    Opened first = store::open(dir.path, 1);
    REQUIRE(first.file);
    REQUIRE(first.file->write(std::vector<Action>{PutPeer{peer(1)}}));
    const Opened second = store::open(dir.path, 2);
    CHECK_FALSE(second.file);
    CHECK(second.alarm.find("another oegated") != std::string::npos);
    CHECK(dir.num_aside() == 0);
    REQUIRE(first.file->write(std::vector<Action>{PutPeer{peer(2)}}));
}

TEST_CASE("a directory that cannot be made or written is an alarm, not an end") {
    const Opened opened = store::open("/proc/oegate-cannot-be-here", 1);
    CHECK_FALSE(opened.file);
    CHECK(opened.alarm.find("management.state-directory") != std::string::npos);
    Directory dir;
    std::ofstream(dir.path + "/plain") << "a file, not a directory";
    CHECK_FALSE(store::open(dir.path + "/plain", 1).file);
    REQUIRE(::symlink("/dev/null", dir.file().c_str()) == 0);  // nor is a link followed
    CHECK_FALSE(store::open(dir.path, 1).file);
}

TEST_CASE("rows that make no sense are left out and counted") {
    Directory dir;
    write(dir.file(), {PutPeer{peer(1)}, PutPeer{peer(2)}});
    {
        auto file = File::open(dir.file());
        REQUIRE(file);
        PeerRecord mixed = peer(4);
        mixed.local = ip("2001:db8::1");
        REQUIRE((*file)->write(std::vector<Action>{PutPeer{mixed}}));
    }
    const Opened opened = store::open(dir.path, 1);
    REQUIRE(opened.file);
    CHECK(opened.contents.peers.size() == 2);
    REQUIRE(opened.remarks.size() == 1);
    CHECK(opened.remarks.front().find("1 rows") != std::string::npos);
}

TEST_CASE("the writer keeps the last word of each record, and writes all before it ends") {
    Directory dir;
    {
        Opened opened = store::open(dir.path, 1);
        REQUIRE(opened.file);
        Writer writer(std::move(opened.file));
        for (unsigned round = 0; round < 5; ++round) {
            for (unsigned i = 0; i < 2000; ++i) {
                PeerRecord record = peer(i);
                record.since = round;
                writer.submit(PutPeer{record});
            }
        }
        for (unsigned i = 0; i < 1000; ++i) writer.submit(RemovePeer{peer(i).own, peer(i).peer});
        CHECK(writer.trouble().empty());
    }
    const Opened opened = store::open(dir.path, 2);
    REQUIRE(opened.file);
    CHECK(opened.contents.peers.size() == 1000);
    for (const PeerRecord& record : opened.contents.peers) CHECK(record.since == 4);
}

TEST_CASE("times that no calendar has are left out, whoever wrote them") {
    Directory dir;
    PeerRecord never = peer(1), ancient = peer(2);
    never.since = INT64_MAX;
    ancient.since = INT64_MIN;
    write(dir.file(), {PutPeer{never}, PutPeer{ancient}, PutPeer{peer(3)},
                       PutSticky{{ip("2001:db8::66"), 3, INT64_MIN}}});
    const Opened opened = store::open(dir.path, 1);
    CHECK(opened.contents.peers == std::vector<PeerRecord>{peer(3)});
    CHECK(opened.contents.sticky.empty());
    REQUIRE(opened.remarks.size() == 1);
    CHECK(opened.remarks[0].find("3 rows") != std::string::npos);
}

TEST_CASE("a file that others may read is theirs no more when it is opened") {
    Directory dir;
    write(dir.file(), {PutPeer{peer(1)}});
    REQUIRE(::chmod(dir.file().c_str(), 0644) == 0);
    Opened opened = store::open(dir.path, 1);
    REQUIRE(opened.file);
    REQUIRE(opened.file->write(std::vector<Action>{PutPeer{peer(2)}}));
    for (const char* part : {"", "-wal"}) {
        struct stat info {};
        REQUIRE(::stat((dir.file() + part).c_str(), &info) == 0);
        CHECK((info.st_mode & 0777) == 0600);
    }
}
