// Questions and the survey against DNS servers on loopback that this test plays: zone
// cuts, aliases, authorities one by one, truncation, silence, forged answers.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/cursor.hpp"
#include "sight.hpp"

using namespace publication_test;
using discovery::Question;

namespace {

Bytes wire_name(const std::string& name) {
    Bytes out;
    for (std::size_t at = 0; at + 1 < name.size() || (at < name.size() && name != ".");) {
        const std::size_t dot = name.find('.', at);
        out.push_back(static_cast<std::uint8_t>(dot - at));
        for (; at < dot; ++at) out.push_back(static_cast<std::uint8_t>(name[at]));
        ++at;
    }
    out.push_back(0);
    return out;
}

struct Record {
    std::string owner;
    std::uint16_t type = 0;
    std::uint32_t ttl = 3600;
    Bytes rdata;
};

struct Said {
    unsigned rcode = 0;
    bool aa = true, ad = false, tc = false;
    std::vector<Record> answer, authority;
};

/// (question, RD, CD, over TCP) → what it says; nullopt: silence.
using Script = std::function<std::optional<Said>(const Question&, bool rd, bool cd, bool tcp)>;

/// One server on an address of loopback, over UDP and TCP.
class FakeServer {
  public:
    FakeServer(const char* address, std::uint16_t& port, Script script) : script_(std::move(script)) {
        sockaddr_in in{};
        in.sin_family = AF_INET;
        in.sin_port = htons(port);
        inet_pton(AF_INET, address, &in.sin_addr);
        udp_ = socket(AF_INET, SOCK_DGRAM, 0);
        REQUIRE(bind(udp_, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0);
        socklen_t len = sizeof in;
        getsockname(udp_, reinterpret_cast<sockaddr*>(&in), &len);
        port = ntohs(in.sin_port);
        tcp_ = socket(AF_INET, SOCK_STREAM, 0);
        const int on = 1;
        setsockopt(tcp_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        REQUIRE(bind(tcp_, reinterpret_cast<sockaddr*>(&in), sizeof in) == 0);
        REQUIRE(listen(tcp_, 8) == 0);
        thread_ = std::thread([this] { serve(); });
    }
    ~FakeServer() {
        stop_ = true;
        thread_.join();
        close(udp_);
        close(tcp_);
    }
    std::atomic<unsigned> asked{0};
    std::atomic<bool> forge_first{false};

  private:
    void serve() {
        while (!stop_) {
            pollfd fds[] = {{udp_, POLLIN, 0}, {tcp_, POLLIN, 0}};
            if (poll(fds, 2, 20) <= 0) continue;
            std::array<std::uint8_t, 2048> buffer;
            if (fds[0].revents & POLLIN) {
                sockaddr_in from{};
                socklen_t len = sizeof from;
                const ssize_t got =
                    recvfrom(udp_, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &len);
                if (got <= 0) continue;
                Bytes answer = respond(ByteView(buffer).first(static_cast<std::size_t>(got)), false);
                const auto send = [&] {
                    sendto(udp_, answer.data(), answer.size(), 0, reinterpret_cast<sockaddr*>(&from), len);
                };
                if (answer.empty()) continue;
                if (forge_first) {  // another ID, from the right place
                    answer[0] ^= 1;
                    send();
                    answer[0] ^= 1;
                }
                send();
            }
            if (fds[1].revents & POLLIN) {
                const int client = accept(tcp_, nullptr, nullptr);
                const ssize_t got = recv(client, buffer.data(), buffer.size(), 0);
                if (got > 2) {
                    const Bytes answer =
                        respond(ByteView(buffer).subspan(2, static_cast<std::size_t>(got) - 2), true);
                    Bytes framed{static_cast<std::uint8_t>(answer.size() >> 8),
                                 static_cast<std::uint8_t>(answer.size())};
                    append(framed, answer);
                    [[maybe_unused]] const ssize_t sent =
                        ::send(client, framed.data(), framed.size(), MSG_NOSIGNAL);
                }
                close(client);
            }
        }
    }

    Bytes respond(ByteView query, bool tcp) {
        ++asked;
        const auto parsed = discovery::parse_message(query);
        if (!parsed || parsed->questions.size() != 1) return {};
        const Question& question = parsed->questions[0];
        const auto said = script_(question, query[2] & 1, query[3] & 0x10, tcp);
        if (!said) return {};
        Writer out;
        const unsigned flags = 0x8000u | (said->aa ? 0x0400u : 0) | (said->tc ? 0x0200u : 0) |
                               (said->ad ? 0x0020u : 0) | said->rcode;
        out.u16(parsed->id).u16(static_cast<std::uint16_t>(flags)).u16(1);
        out.u16(static_cast<std::uint16_t>(said->answer.size()));
        out.u16(static_cast<std::uint16_t>(said->authority.size())).u16(0);
        out.put(wire_name(question.name)).u16(question.type).u16(1);
        for (const auto* section : {&said->answer, &said->authority})
            for (const Record& r : *section) {
                out.put(wire_name(r.owner)).u16(r.type).u16(1).u32(r.ttl);
                out.u16(static_cast<std::uint16_t>(r.rdata.size())).put(r.rdata);
            }
        return std::move(out).take();
    }

    Script script_;
    int udp_ = -1, tcp_ = -1;
    std::atomic<bool> stop_{false};
    std::thread thread_;
};

Bytes soa(std::uint32_t serial, std::uint32_t minimum) {
    Writer out;
    out.put(wire_name("ns.")).put(wire_name("admin.")).u32(serial).u32(1).u32(1).u32(1).u32(minimum);
    return std::move(out).take();
}

constexpr const char* kOwner = "66.2.0.192.in-addr.arpa.";
constexpr const char* kZone = "2.0.192.in-addr.arpa.";
const PublicKey kKey = key_of(0x11);

/// The resolver's view: the zone, its servers and their addresses, and the host's record.
std::optional<Said> resolver(const Question& q, const std::vector<std::string>& addresses) {
    Said said;
    said.aa = false;
    said.ad = true;
    if (q.name == ".") {
        said.answer.push_back({".", 2, 60, wire_name("root.")});
    } else if (q.type == discovery::kTypeSoa) {
        said.authority.push_back({kZone, 6, 900, soa(7, 60)});
    } else if (q.name == kZone && q.type == discovery::kTypeNs) {
        for (std::size_t i = 0; i < addresses.size(); ++i)
            said.answer.push_back(
                {kZone, 2, 60, wire_name(std::string("ns") + static_cast<char>('a' + i) + ".")});
    } else if (q.name.starts_with("ns") && q.type == 1) {
        const Address address = ip(addresses[static_cast<std::size_t>(q.name[2] - 'a')].c_str());
        said.answer.push_back({q.name, 1, 60, Bytes(address.wire().begin(), address.wire().end())});
    } else if (q.name == kOwner && q.type == 45) {
        said.answer.push_back({kOwner, 45, 3600, ipseckey("192.0.2.5", &kKey)});
    }
    return said;
}

std::optional<Said> authority(const Question& q) {
    Said said;
    if (q.type == discovery::kTypeSoa)
        said.answer.push_back({kZone, 6, 900, soa(7, 60)});
    else if (q.name == kOwner && q.type == 45)
        said.answer.push_back({kOwner, 45, 3600, ipseckey("192.0.2.5", &kKey)});
    else if (q.name == kOwner)
        said.authority.push_back({kZone, 6, 900, soa(7, 60)});
    else
        said.rcode = 3;
    return said;
}

/// For a server that is silent on purpose; the others answer in time on a busy machine too.
constexpr Patience kHurried{.wait = 1s, .tcp_wait = 10s, .tries = 2, .in_flight = 4, .silences = 2};

/// The host alone: the gateway's own name is another question.
Ours host_only() {
    return narrowed(ours(), {*Prefix::parse("192.0.2.66")}, {});
}

struct Asking {
    loop::Reactor reactor;
    SystemRandom random;
    Questions questions{reactor, random, kHurried};
    std::vector<Surveyed> operator()(std::uint16_t resolver_port, std::uint16_t port,
                                     std::vector<Prefix> ignored = {}) {
        return survey(questions, {{{ip("127.0.0.1"), resolver_port}}, std::move(ignored), port}, host_only());
    }
};

}  // namespace

TEST_CASE("survey: each authority is asked itself, without recursion") {
    std::uint16_t port = 0, resolver_port = 0;
    std::atomic<unsigned> recursive{0};
    const auto script = [&](const Question& q, bool rd, bool, bool) {
        recursive += rd;
        return authority(q);
    };
    FakeServer a("127.0.0.2", port, script);
    FakeServer b("127.0.0.3", port, script);
    FakeServer r("127.0.0.1", resolver_port, [&](const Question& q, bool, bool, bool) {
        return resolver(q, {"127.0.0.2", "127.0.0.3"});
    });
    a.forge_first = true;
    Asking ask;
    const auto seen = ask(resolver_port, port);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].zone == kZone);
    CHECK(seen[0].trouble.empty());
    CHECK(seen[0].world.contents[0].has(kKey));
    CHECK(seen[0].world.contents[0].is_signed);
    REQUIRE(seen[0].authorities.size() == 2);
    for (const Sight& sight : seen[0].authorities) {
        CHECK(sight.trouble.empty());
        CHECK(sight.contents[0].has(kKey));
        CHECK_FALSE(sight.contents[0].is_signed);
        CHECK(sight.contents[0].ttl == 3600);
        CHECK(sight.serial == 7);
        CHECK(sight.negative_ttl == 60);
    }
    CHECK(recursive == 0);
    CHECK(a.asked >= 4);
}

TEST_CASE("survey: authorities that are silent, lame, refuse or send nonsense") {
    std::uint16_t port = 0, resolver_port = 0;
    FakeServer a("127.0.0.2", port, [](const Question& q, bool, bool, bool) { return authority(q); });
    FakeServer silent("127.0.0.3", port, [](const Question&, bool, bool, bool) { return std::nullopt; });
    FakeServer lame("127.0.0.4", port, [](const Question& q, bool, bool, bool) {
        auto said = authority(q);
        said->aa = false;
        return said;
    });
    FakeServer refusing("127.0.0.5", port, [](const Question&, bool, bool, bool) {
        Said said;
        said.rcode = 5;
        return std::optional(said);
    });
    FakeServer nonsense("127.0.0.6", port, [](const Question& q, bool, bool, bool) {
        Said said;
        said.answer.push_back({q.name, discovery::kTypeSoa, 1, {1}});
        return std::optional(said);
    });
    FakeServer r("127.0.0.1", resolver_port, [&](const Question& q, bool, bool, bool) {
        return resolver(q, {"127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5", "127.0.0.6", "127.0.0.7"});
    });
    Asking ask;
    const auto seen = ask(resolver_port, port, {*Prefix::parse("127.0.0.7")});
    REQUIRE(seen[0].authorities.size() == 6);
    const auto trouble = [&](std::size_t i) { return seen[0].authorities[i].trouble; };
    CHECK(trouble(0).empty());
    CHECK(trouble(1) == "does not answer");
    CHECK(trouble(2) == std::string("does not answer for ") + kZone);
    CHECK(trouble(3) == "says REFUSED");
    CHECK(trouble(4).starts_with("sends nonsense"));
    CHECK(seen[0].authorities[5].ignored);
    CHECK(silent.asked <= 8);  // two tries of four questions at most
}

TEST_CASE("survey: a truncated answer is asked for again over TCP") {
    std::uint16_t port = 0, resolver_port = 0;
    FakeServer a("127.0.0.2", port, [](const Question& q, bool, bool, bool tcp) {
        auto said = authority(q);
        if (!tcp) {
            said->tc = true;
            said->answer.clear();
        }
        return said;
    });
    FakeServer r("127.0.0.1", resolver_port,
                 [&](const Question& q, bool, bool, bool) { return resolver(q, {"127.0.0.2"}); });
    Asking ask;
    const auto seen = ask(resolver_port, port);
    REQUIRE(seen[0].authorities.size() == 1);
    CHECK(seen[0].authorities[0].trouble.empty());
    CHECK(seen[0].authorities[0].contents[0].has(kKey));
}

TEST_CASE("survey: classless delegation, bogus answers, a zone without servers that answer") {
    std::uint16_t port = 0, resolver_port = 0;
    SECTION("the records are behind an alias, in another zone") {
        const std::string target = "66.64/28.2.0.192.in-addr.arpa.", zone = "64/28.2.0.192.in-addr.arpa.";
        FakeServer a("127.0.0.2", port, [&](const Question& q, bool, bool, bool) {
            Said said;
            if (q.name == target && q.type == 45)
                said.answer.push_back({target, 45, 60, ipseckey("192.0.2.5", &kKey)});
            return std::optional(said);
        });
        FakeServer r("127.0.0.1", resolver_port,
                     [&](const Question& q, bool, bool, bool) -> std::optional<Said> {
                         if (q.name != kOwner && q.name != zone) return resolver(q, {"127.0.0.2"});
                         Said said;
                         if (q.name == kOwner) said.answer.push_back({kOwner, 5, 60, wire_name(target)});
                         if (q.type == discovery::kTypeSoa)
                             said.authority.push_back({zone, 6, 60, soa(1, 60)});
                         if (q.type == discovery::kTypeNs)
                             said.answer.push_back({zone, 2, 60, wire_name("nsa.")});
                         if (q.type == 45)
                             said.answer.push_back({target, 45, 60, ipseckey("192.0.2.5", &kKey)});
                         return said;
                     });
        Asking ask;
        const auto seen = ask(resolver_port, port);
        CHECK(seen[0].owner == target);
        CHECK(seen[0].zone == zone);
        CHECK(seen[0].world.contents[0].has(kKey));
        REQUIRE(seen[0].authorities.size() == 1);
        CHECK(seen[0].authorities[0].contents[0].has(kKey));
    }
    SECTION("bogus: SERVFAIL, but not with CD") {
        FakeServer a("127.0.0.2", port, [](const Question& q, bool, bool, bool) { return authority(q); });
        FakeServer r("127.0.0.1", resolver_port, [&](const Question& q, bool, bool cd, bool) {
            auto said = resolver(q, {"127.0.0.2"});
            if (q.type == 45 && !cd) {
                said->rcode = 2;
                said->answer.clear();
            }
            return said;
        });
        Asking ask;
        const auto seen = ask(resolver_port, port);
        CHECK(seen[0].world.bogus);
        CHECK(seen[0].authorities[0].contents[0].has(kKey));
    }
    SECTION("SERVFAIL whatever one asks") {
        FakeServer r("127.0.0.1", resolver_port, [&](const Question& q, bool, bool, bool) {
            auto said = resolver(q, {});
            if (q.name != ".") said->rcode = 2;
            return said;
        });
        Asking ask;
        const auto seen = ask(resolver_port, port);
        CHECK(seen[0].zone.empty());
        CHECK(seen[0].trouble.find("SERVFAIL") != std::string::npos);
        CHECK_FALSE(seen[0].world.trouble.empty());
    }
    SECTION("no resolver answers") {
        Asking ask;
        const auto seen = ask(9, port);
        CHECK_FALSE(seen[0].trouble.empty());
        CHECK(seen[0].authorities.empty());
    }
}
