// pcapng files: the blocks byte by byte, read back by tshark, and captures from order to
// closed file with their bounds, names and failures. Workers are a list of commands.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "catch.hpp"
#include "recording/captures.hpp"
#include "recording/pcapng.hpp"

using namespace oegate;
using namespace oegate::observe;

namespace {

struct Directory {
    std::string path;
    Directory() {
        char name[] = "/tmp/oegate-test-capture.XXXXXX";
        REQUIRE(mkdtemp(name) != nullptr);
        path = name;
    }
    ~Directory() { std::filesystem::remove_all(path); }
};

Bytes contents(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::string output_of(const std::string& command) {
    std::FILE* pipe = popen((command + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string text;
    char buffer[4096];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) text.append(buffer, got);
    pclose(pipe);
    return text;
}

std::uint32_t word(const Bytes& bytes, std::size_t at) {
    return bytes.at(at) | static_cast<std::uint32_t>(bytes.at(at + 1)) << 8 |
           static_cast<std::uint32_t>(bytes.at(at + 2)) << 16 |
           static_cast<std::uint32_t>(bytes.at(at + 3)) << 24;
}

/// Types of the blocks; checks that each says its length at both ends.
std::vector<std::uint32_t> blocks(const Bytes& bytes) {
    std::vector<std::uint32_t> types;
    for (std::size_t at = 0; at < bytes.size();) {
        const std::uint32_t len = word(bytes, at + 4);
        REQUIRE(len >= 12);
        REQUIRE(len % 4 == 0);
        REQUIRE(at + len <= bytes.size());
        CHECK(word(bytes, at + len - 4) == len);
        types.push_back(word(bytes, at));
        at += len;
    }
    return types;
}

/// An ICMP echo request from 10.0.0.1 to 10.0.0.2.
const Bytes kPing = *from_hex("4500001c00010000400166de0a0000010a0000020800f7fd00010001");

struct World {
    Directory directory;
    std::vector<Command> posted;
    std::vector<std::string> log;
    std::uint64_t lost = 0;
    Time now{1000s};
    Captures captures{{directory.path + "/captures",
                       {"inside", "outside"},
                       1,
                       [this](unsigned, const Command& command) {
                           posted.push_back(command);
                           return posted.size();
                       },
                       [this](std::uint8_t) { return lost; },
                       [] { return std::uint64_t{1'000'000'000}; },
                       [] { return std::uint64_t{1'700'000'000'000'000'000}; },
                       [this](const std::string& text) { log.push_back(text); }}};

    CaptureOrder order(const std::string& name) {
        CaptureOrder order;
        order.name = name;
        order.what.what = StartCapture::What::interface;
        order.what.interface = 1;
        return order;
    }
    CaptureRecord record(const StartCapture& what) {
        CaptureRecord record;
        record.time_ns = 1'500'000'000;
        record.token = what.token;
        record.slot = what.slot;
        record.interface = 1;
        record.ethernet = false;
        record.len = static_cast<std::uint32_t>(kPing.size());
        record.captured = static_cast<std::uint16_t>(kPing.size());
        std::memcpy(record.data.data(), kPing.data(), kPing.size());
        return record;
    }
    /// The workers have applied everything, and their rings are empty.
    void settle() {
        captures.on_applied(0, posted.size());
        captures.on_turn(true, now);
    }
    std::string file(const std::string& name) const {
        return directory.path + "/captures/" + name + ".pcapng";
    }
};

}  // namespace

TEST_CASE("pcapng blocks, byte by byte") {
    Bytes out;
    pcapng::section(out, "oegate", "");
    CHECK(to_hex(out) ==
          "0a0d0d0a"  // section header
          "2c000000"  // 44 bytes
          "4d3c2b1a"
          "01000000"          // version 1.0
          "ffffffffffffffff"  // length of the section is not given
          "040006006f65676174650000"
          "00000000"
          "2c000000");
    out.clear();
    pcapng::interface(out, pcapng::LinkType::raw_ip, 2000, "in", "");
    CHECK(to_hex(out) ==
          "01000000"
          "28000000"
          "65000000d0070000"  // link type 101, snaplen 2000
          "02000200696e0000"  // if_name
          "0900010009000000"  // if_tsresol: nanoseconds
          "00000000"
          "28000000");
    out.clear();
    const Bytes data{1, 2, 3, 4, 5};
    pcapng::packet(out, {1, 0x1122334455667788, 9, pcapng::Direction::outbound, "why", data});
    CHECK(to_hex(out) ==
          "06000000"
          "3c000000"
          "01000000"
          "4433221188776655"  // upper half first, each little-endian
          "0500000009000000"  // captured 5 of 9
          "0102030405000000"
          "0100030077687900"  // opt_comment
          "0200040002000000"  // epb_flags: outbound
          "00000000"
          "3c000000");
    out.clear();
    pcapng::statistics(out, {0, 1, 7, 3});
    CHECK(blocks(out) == std::vector<std::uint32_t>{5});
}

TEST_CASE("a capture, from order to file, as tshark reads it") {
    World w;
    CaptureOrder order = w.order("first");
    order.what.what = StartCapture::What::drops;
    const auto path = w.captures.start(order, w.now);
    REQUIRE(path);
    CHECK(*path == w.file("first"));
    REQUIRE(w.posted.size() == 1);
    CHECK(w.posted[0].kind == Command::Kind::start_capture);
    CHECK(w.posted[0].start_capture.snaplen == kMaxCaptureBytes);
    CaptureRecord record = w.record(w.posted[0].start_capture);
    record.reason = Drop::hold_replaced;
    w.captures.on_record(record, w.now);
    record.reason = Drop::kCount;
    record.direction = CaptureRecord::Direction::inbound;
    record.interface = 0;
    w.captures.on_record(record, w.now);
    w.settle();
    CHECK(w.captures.list(w.now)[0].state == "running");
    CHECK(w.captures.list(w.now)[0].packets == 2);
    w.lost = 5;
    REQUIRE(w.captures.stop("first"));
    CHECK_FALSE(w.captures.stop("first"));
    REQUIRE(w.posted.size() == 2);
    CHECK(w.posted[1].kind == Command::Kind::stop_capture);
    // What the worker copied before it stopped still belongs to the file.
    w.captures.on_turn(true, w.now);
    w.captures.on_record(record, w.now);
    CHECK(w.captures.list(w.now)[0].state == "ending");
    w.settle();
    const CaptureView last = w.captures.list(w.now)[0];
    CHECK(last.state == "stopped");
    CHECK(last.packets == 3);
    CHECK(last.lost == 5);
    struct stat status {};
    REQUIRE(stat(path->c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    CHECK(blocks(contents(*path)) == std::vector<std::uint32_t>{0x0a0d0d0a, 1, 6, 1, 6, 6, 5, 5});
    if (std::system("command -v tshark >/dev/null") == 0) {
        const std::string seen =
            output_of("tshark -n -r " + *path +
                      " -T fields -e frame.interface_name -e frame.packet_flags_direction -e ip.dst -e "
                      "frame.comment -e frame.time_epoch");
        INFO(seen);
        CHECK(seen.find("outside") != std::string::npos);
        CHECK(seen.find("inside") != std::string::npos);
        CHECK(seen.find("10.0.0.2") != std::string::npos);
        CHECK(seen.find("dropped: hold_replaced (") != std::string::npos);
        CHECK(seen.find("1700000000.500000000") != std::string::npos);
    }
}

TEST_CASE("captures end by themselves") {
    World w;
    CaptureOrder order = w.order("bounded");
    SECTION("after their packets") {
        order.packets = 2;
        REQUIRE(w.captures.start(order, w.now));
        const CaptureRecord record = w.record(w.posted[0].start_capture);
        for (int i = 0; i < 5; ++i) w.captures.on_record(record, w.now);
        w.settle();
        CHECK(w.captures.list(w.now)[0].state == "its packets are there");
        CHECK(w.captures.list(w.now)[0].packets == 2);
    }
    SECTION("after their time") {
        order.time = 3s;
        REQUIRE(w.captures.start(order, w.now));
        CHECK(w.captures.next_deadline() == w.now + 3s);
        w.captures.on_timer(w.now + 2s);
        CHECK(w.posted.size() == 1);
        w.captures.on_timer(w.now + 3s);
        w.settle();
        CHECK(w.captures.list(w.now)[0].state == "its time is over");
        CHECK(w.captures.next_deadline() == kNever);
    }
    SECTION("before they are too long") {
        order.max_bytes = 64 * 1024;
        order.packets = 1'000'000;
        REQUIRE(w.captures.start(order, w.now));
        const CaptureRecord record = w.record(w.posted[0].start_capture);
        for (int i = 0; i < 2000; ++i) {
            w.captures.on_record(record, w.now);
            w.captures.on_turn(true, w.now);
        }
        w.settle();
        CHECK(w.captures.list(w.now)[0].state == "its size is reached");
        const Bytes bytes = contents(w.file("bounded"));
        CHECK(bytes.size() <= 64 * 1024);
        CHECK(bytes.size() > 63 * 1024);
        CHECK(blocks(bytes).back() == 5);
    }
    SECTION("when the disk takes no more") {
        // Nobody may write more than that into a file: as a full disk answers.
        REQUIRE(w.captures.start(order, w.now));
        const CaptureRecord record = w.record(w.posted[0].start_capture);
        w.captures.on_record(record, w.now);
        w.captures.on_turn(true, w.now);
        const std::size_t before = contents(w.file("bounded")).size();
        REQUIRE(before > 0);
        const int full = open("/dev/full", O_WRONLY);
        REQUIRE(full >= 0);
        // The capture's descriptor is the one that names its file.
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
            std::error_code ignored;
            if (std::filesystem::read_symlink(entry.path(), ignored) == w.file("bounded"))
                REQUIRE(dup2(full, std::stoi(entry.path().filename())) >= 0);
        }
        close(full);
        w.captures.on_record(record, w.now);
        w.captures.on_turn(true, w.now);
        w.settle();
        CHECK(w.captures.list(w.now)[0].state.find("No space left on device") == 0);
        CHECK(contents(w.file("bounded")).size() == before);
        CHECK_FALSE(w.log.empty());
    }
}

TEST_CASE("what a capture refuses") {
    World w;
    SECTION("names that are no words") {
        for (const char* name : {"", "..", ".hidden", "a/b", "/etc/passwd", "../x", "a b", "a.b", "-x", "ä",
                                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}) {
            CAPTURE(name);
            CHECK_FALSE(is_capture_name(name));
            CHECK_FALSE(w.captures.start(w.order(name), w.now));
        }
        CHECK(is_capture_name("a-B_9"));
        CHECK(w.posted.empty());
        CHECK_FALSE(std::filesystem::exists(w.directory.path + "/captures"));
    }
    SECTION("a file that is there") {
        REQUIRE(w.captures.start(w.order("twice"), w.now));
        const auto again = w.captures.start(w.order("twice"), w.now);
        REQUIRE_FALSE(again);
        CHECK(again.error().find("is there already") != std::string::npos);
    }
    SECTION("more than there are places") {
        for (unsigned i = 0; i < kMaxCaptures; ++i)
            REQUIRE(w.captures.start(w.order("c" + std::to_string(i)), w.now));
        CHECK_FALSE(w.captures.start(w.order("more"), w.now));
        w.captures.stop("c0");
        CHECK_FALSE(w.captures.start(w.order("more"), w.now));  // it has not ended yet
        w.settle();
        CHECK(w.captures.start(w.order("more"), w.now));
    }
    SECTION("more bytes than the directory may hold") {
        CaptureOrder order = w.order("huge");
        order.max_bytes = Captures::kMaxDirectoryBytes + 1;
        CHECK_FALSE(w.captures.start(order, w.now));
    }
    SECTION("a directory that others may write to, or a link") {
        const std::string path = w.directory.path + "/captures";
        SECTION("mode") {
            REQUIRE(mkdir(path.c_str(), 0700) == 0);
            REQUIRE(chmod(path.c_str(), 0777) == 0);
        }
        SECTION("link") {
            REQUIRE(symlink("/tmp", path.c_str()) == 0);
        }
        CHECK_FALSE(w.captures.start(w.order("x"), w.now));
    }
    SECTION("records of a former capture in the same place") {
        REQUIRE(w.captures.start(w.order("x"), w.now));
        CaptureRecord record = w.record(w.posted[0].start_capture);
        ++record.token;
        w.captures.on_record(record, w.now);
        record.token = w.posted[0].start_capture.token;
        record.slot = 200;
        w.captures.on_record(record, w.now);
        CHECK(w.captures.list(w.now)[0].packets == 0);
    }
}
