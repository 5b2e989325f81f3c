// Asks a real resolver as the gateway does (Discovery, Transport, Reactor) and
// prints what came of it on one line. Used by the smoke stories, not installed.
//   ask RESOLVER trusted|untrusted|own:ANCHORS delegation|keys ADDRESS-OR-NAME
// UNSIGNED_RECORDS=self-only|refuse|any in the environment is dns.unsigned-records.
#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "discovery/discovery.hpp"
#include "discovery/transport.hpp"
#include "discovery/validate/own.hpp"
#include "loop/reactor.hpp"

using namespace oegate;

namespace {

constexpr const char* kOutcomes[] = {"usable", "none", "unusable", "failed", "bogus", "malformed"};

std::string text(const discovery::DelegationDone& done) {
    std::string out =
        fmt::format("{} {}", kOutcomes[static_cast<int>(done.answer.outcome)], to_text(done.answer.verdict));
    for (const auto& c : done.answer.candidates)
        out += fmt::format(" {}/{}/{}key{}{}", c.gateway.text(), c.precedence, c.keys.size(),
                           c.id.kind == Identity::Kind::name ? "/" + c.id.text() : "",
                           c.any_unsigned ? "/any" : "");
    return out + fmt::format(" | {}s | {}", done.answer.lifetime / 1s, done.answer.detail);
}
std::string text(const discovery::KeysDone& done) {
    return fmt::format("{} {} {}key | {}s | {}", kOutcomes[static_cast<int>(done.answer.outcome)],
                       to_text(done.answer.verdict), done.answer.keys.size(), done.answer.lifetime / 1s,
                       done.answer.detail);
}

}  // namespace

int main(int argc, char** argv) {
    const auto resolver = argc == 5 ? Address::parse(argv[1]) : std::nullopt;
    if (!resolver) {
        std::fprintf(stderr,
                     "usage: ask RESOLVER trusted|untrusted|own:ANCHORS delegation|keys ADDRESS-OR-NAME\n");
        return 2;
    }
    config::Dns config;
    config.resolvers.push_back({*resolver, 53, std::strcmp(argv[2], "trusted") == 0});
    if (const char* rule = std::getenv("UNSIGNED_RECORDS"))
        config.unsigned_records = std::strcmp(rule, "any") == 0      ? config::UnsignedRecords::any
                                  : std::strcmp(rule, "refuse") == 0 ? config::UnsignedRecords::refuse
                                                                     : config::UnsignedRecords::self_only;
    SystemRandom random;
    loop::Reactor reactor;
    const auto wall = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
    std::unique_ptr<discovery::Validator> validator;
    if (std::strncmp(argv[2], "own:", 4) == 0) {
        auto made = discovery::validate::make_validator(std::string(argv[2] + 4), wall);
        if (!made) {
            std::fprintf(stderr, "%s\n", made.error().c_str());
            return 2;
        }
        config.validation = config::Validation::own;
        validator = std::move(*made);
    }
    discovery::Discovery discovery(config, random, wall, std::move(validator));
    int status = 1;
    discovery::Transport transport(
        reactor,
        [&](discovery::QueryId query, ByteView message) {
            discovery.on_message(query, message, loop::monotonic_now());
        },
        [&](discovery::QueryId query) { discovery.on_transport_error(query, loop::monotonic_now()); });
    const auto pump = [&] {
        while (const auto action = discovery.next_action()) transport.carry(*action);
        while (const auto done = discovery.next_completion()) {
            std::puts(std::visit([](const auto& d) { return text(d); }, *done).c_str());
            status = 0;
            reactor.stop();
        }
    };
    reactor.add_deadline([&] { return discovery.next_deadline(); },
                         [&](Time now) { discovery.on_timer(now); });
    reactor.add_poller([&](Time) {
        pump();
        return false;
    });
    const auto address = Address::parse(argv[4]);
    if (std::strcmp(argv[3], "keys") == 0)
        discovery.look_up_keys(address ? Identity::of(*address) : Identity::of_name(argv[4]),
                               loop::monotonic_now());
    else if (address)
        discovery.look_up_delegation(*address, loop::monotonic_now());
    else
        return 2;
    pump();
    if (!reactor.stopped()) reactor.run();
    if (transport.num_sockets() != 0) std::puts("a socket was left open");
    std::fprintf(stderr, "tcp %lu servfail %lu sent %lu\n",
                 static_cast<unsigned long>(discovery.counters().tcp),
                 static_cast<unsigned long>(discovery.counters().servfail),
                 static_cast<unsigned long>(discovery.counters().sent));
    return status;
}
