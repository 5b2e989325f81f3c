// The transport over real sockets on loopback, with the real reactor: UDP, TCP in
// pieces, refused connections. Wall-clock bounded, no root.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "discovery/transport.hpp"
#include "loop/reactor.hpp"
#include "world.hpp"

using namespace oegate;
using namespace oegate::discovery;
using namespace oegate::discovery::test;

namespace {

const Address kLoopback = Address::ipv4(127, 0, 0, 1);
const Address kBob = Address::ipv4(192, 2, 0, 66);
const Address kSgB = Address::ipv4(192, 1, 1, 5);

/// A resolver at one loopback port, UDP and TCP, served by the same reactor.
struct Resolver {
    explicit Resolver(loop::Reactor& loop) : reactor(loop) {
        for (int attempt = 0; attempt < 20 && tcp < 0; ++attempt) open();
        REQUIRE(tcp >= 0);
        reactor.watch(udp, false, [this] { answer_udp(); });
        reactor.watch(tcp, false, [this] { accept_tcp(); });
    }
    ~Resolver() {
        for (int fd : {udp, tcp, connection})
            if (fd >= 0) {
                reactor.unwatch(fd);
                ::close(fd);
            }
    }
    void open() {
        sockaddr_in at{};
        at.sin_family = AF_INET;
        at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        udp = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        socklen_t len = sizeof at;
        REQUIRE(::bind(udp, reinterpret_cast<sockaddr*>(&at), len) == 0);
        ::getsockname(udp, reinterpret_cast<sockaddr*>(&at), &len);
        port = ntohs(at.sin_port);
        tcp = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (::bind(tcp, reinterpret_cast<sockaddr*>(&at), len) == 0 && ::listen(tcp, 4) == 0) return;
        ::close(tcp);
        ::close(udp);
        tcp = udp = -1;
    }
    void answer_udp() {
        Bytes buffer(4096);
        sockaddr_in from{};
        socklen_t from_len = sizeof from;
        const ssize_t len =
            ::recvfrom(udp, buffer.data(), buffer.size(), 0, reinterpret_cast<sockaddr*>(&from), &from_len);
        if (len < 0) return;
        buffer.resize(static_cast<std::size_t>(len));
        ports.insert(ntohs(from.sin_port));
        const SeenQuestion seen = read_question(buffer);
        const Bytes reply = answer_to(
            buffer, seen.question.type == kIpseckey && over_tcp ? Script{.truncated = true} : script(seen));
        ::sendto(udp, reply.data(), reply.size(), 0, reinterpret_cast<const sockaddr*>(&from), from_len);
    }
    void accept_tcp() {
        if (connection >= 0) {
            reactor.unwatch(connection);
            ::close(connection);
        }
        connection = ::accept4(tcp, nullptr, nullptr, SOCK_NONBLOCK);
        ++num_connections;
        if (num_connections <= break_first) {
            ::close(connection);
            connection = -1;
            return;
        }
        query.clear();
        answer.clear();
        reactor.watch(connection, false, [this] { serve_tcp(); });
    }
    void serve_tcp() {
        if (answer.empty()) {
            std::uint8_t buffer[512];
            const ssize_t len = ::recv(connection, buffer, sizeof buffer, 0);
            if (len <= 0) return reactor.unwatch(connection);
            append(query, ByteView(buffer, static_cast<std::size_t>(len)));
            if (query.size() < 2 || query.size() < 2u + (query[0] << 8 | query[1])) return;
            const ByteView message = ByteView(query).subspan(2);
            const Bytes body = answer_to(message, script(read_question(message)));
            answer = {static_cast<std::uint8_t>(body.size() >> 8), static_cast<std::uint8_t>(body.size())};
            append(answer, body);
            reactor.watch(connection, true, [this] { serve_tcp(); });
        }
        // A little at a time, the length itself in two pieces.
        const std::size_t piece = std::min<std::size_t>(sent == 0 ? 1 : 100, answer.size() - sent);
        if (piece == 0) return reactor.unwatch(connection);
        const ssize_t len = ::send(connection, answer.data() + sent, piece, MSG_NOSIGNAL);
        if (len > 0) sent += static_cast<std::size_t>(len);
    }
    Script script(const SeenQuestion& seen) const {
        if (seen.question.type != kIpseckey) return {};
        return {.rdata = {ipseckey(10, kSgB, rsa_of(2)), ipseckey(10, kSgB, rsa_of(3))}};
    }

    loop::Reactor& reactor;
    int udp = -1, tcp = -1, connection = -1;
    std::uint16_t port = 0;
    bool over_tcp = false;
    int break_first = 0;
    int num_connections = 0;
    std::set<std::uint16_t> ports;
    Bytes query, answer;
    std::size_t sent = 0;
};

struct Client {
    /// A question is not repeated before the machine, however busy, has answered it.
    explicit Client(loop::Reactor& loop, std::uint16_t port, Duration timeout = 60s,
                    Duration retransmit = 20s)
        : reactor(loop) {
        config.resolvers.push_back({kLoopback, port, true});
        config.timeout = timeout;
        config.retransmit = retransmit;
        discovery = std::make_unique<Discovery>(config, random);
        transport = std::make_unique<Transport>(
            reactor,
            [this](QueryId query, ByteView message) {
                discovery->on_message(query, message, loop::monotonic_now());
            },
            [this](QueryId query) { discovery->on_transport_error(query, loop::monotonic_now()); });
        reactor.add_deadline([this] { return discovery->next_deadline(); },
                             [this](Time now) { discovery->on_timer(now); });
        reactor.add_poller([this](Time) {
            pump();
            return false;
        });
    }
    void pump() {
        while (const auto action = discovery->next_action()) transport->carry(*action);
        while (auto completion = discovery->next_completion()) done.push_back(std::move(*completion));
    }
    DelegationAnswer ask() {
        discovery->look_up_delegation(kBob, loop::monotonic_now());
        pump();
        const Time end = loop::monotonic_now() + 60s;
        while (done.empty() && loop::monotonic_now() < end) reactor.run_once(10ms);
        REQUIRE(done.size() == 1);
        CHECK(transport->num_sockets() == 0);
        return std::get<DelegationDone>(done[0]).answer;
    }
    loop::Reactor& reactor;
    SystemRandom random;
    config::Dns config;
    std::unique_ptr<Discovery> discovery;
    std::unique_ptr<Transport> transport;
    std::vector<Completion> done;
};

}  // namespace

TEST_CASE("over UDP, each question from a port of its own") {
    loop::Reactor reactor;
    Resolver resolver(reactor);
    Client client(reactor, resolver.port);
    CHECK(client.ask().candidates.at(0).keys.size() == 2);
    CHECK(resolver.ports.size() == 3);
    CHECK(resolver.num_connections == 0);
}

TEST_CASE("over TCP, in pieces") {
    loop::Reactor reactor;
    Resolver resolver(reactor);
    resolver.over_tcp = true;
    Client client(reactor, resolver.port);
    CHECK(client.ask().candidates.at(0).keys.size() == 2);
    CHECK(resolver.num_connections == 1);
    CHECK(client.discovery->counters().mismatched == 0);
}

TEST_CASE("a TCP connection that closes without an answer is tried again") {
    loop::Reactor reactor;
    Resolver resolver(reactor);
    resolver.over_tcp = true;
    resolver.break_first = 1;
    Client client(reactor, resolver.port, 60s, 2s);
    CHECK(client.ask().outcome == Outcome::usable);
    CHECK(resolver.num_connections == 2);
}

TEST_CASE("nobody listens: refused, then failed when the time is over") {
    loop::Reactor reactor;
    std::uint16_t port = 0;
    {
        Resolver gone(reactor);
        port = gone.port;
    }
    Client client(reactor, port, 300ms, 50ms);
    const Time start = loop::monotonic_now();
    const DelegationAnswer answer = client.ask();
    CHECK(answer.outcome == Outcome::failed);
    CHECK(answer.detail.find("unreachable") != std::string::npos);
    CHECK(loop::monotonic_now() - start >= 300ms);
}

TEST_CASE("a transport that ends with questions in flight leaves no watch behind") {
    loop::Reactor reactor;
    Resolver resolver(reactor);
    resolver.over_tcp = true;
    {
        Client client(reactor, resolver.port);
        client.discovery->look_up_delegation(kBob, loop::monotonic_now());
        client.pump();
        CHECK(client.transport->num_sockets() == 3);
        client.transport.reset();
        client.discovery->flush();
    }
}
