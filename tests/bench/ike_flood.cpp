// What a flood of IKE_SA_INIT costs the control thread, by kind: nanoseconds of engine
// time for each datagram. No Diffie-Hellman is among it: the pool keeps its jobs.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ike/crypto/rsa.hpp"
#include "ike/engine.hpp"
#include "ike/wire/message.hpp"

namespace {

using namespace oegate;
using namespace oegate::ike;

constexpr unsigned kRounds = 100'000;

class CountingPool final : public CryptoPool {
  public:
    void submit(Job job) override { jobs.push_back(std::move(job)); }
    std::vector<Job> jobs;
};

class NoSpis final : public SpiAllocator {
  public:
    std::optional<std::uint32_t> allocate(const Pair&) override { return std::nullopt; }
    void release(std::uint32_t) override {}
};

std::vector<SendDatagram> sent(Engine& engine) {
    std::vector<SendDatagram> all;
    while (auto event = engine.next_event())
        if (auto* send = std::get_if<SendDatagram>(&*event)) all.push_back(std::move(*send));
    return all;
}

void number(Bytes& datagram, unsigned n) {
    for (unsigned i = 0; i < 4; ++i) datagram[i] = static_cast<std::uint8_t>(n >> (8 * i));
}

template <class Make>
void measure(const char* what, Engine& engine, const CountingPool& pool, Time now, Make make) {
    const Endpoint local{Address::ipv4(0xC0020002u), 500};
    const std::size_t jobs = pool.jobs.size();
    std::size_t answers = 0;
    std::chrono::nanoseconds spent{};
    for (unsigned n = 1; n <= kRounds; ++n) {
        const auto [remote, datagram] = make(n);
        const auto start = std::chrono::steady_clock::now();
        engine.on_datagram(local, remote, datagram, now);
        spent += std::chrono::steady_clock::now() - start;
        answers += sent(engine).size();
    }
    std::printf("%-52s %6lld ns, %zu answers, %zu Diffie-Hellman, %zu IKE SAs\n", what,
                static_cast<long long>(spent.count() / kRounds), answers, pool.jobs.size() - jobs,
                engine.status().size());
}

}  // namespace

int main() {
    const PrivateKey key = PrivateKey::generate(2048).value();
    SeededRandom random(1);
    CountingPool pool;
    NoSpis spis;
    Settings settings;
    settings.identities = {Address::ipv4(0xC0020002u)};
    Time now = Time{} + 1000s;

    // A model of what to send: a real initiator's first message.
    Engine initiator(settings, key, random, spis, pool);
    Initiate request;
    request.pair = {Address::ipv4(0xC0010041u), Address::ipv4(0xC0020042u)};
    request.local = Address::ipv4(0xC0010001u);
    request.gateway = Address::ipv4(0xC0020002u);
    request.keys = {key.public_key()};
    initiator.initiate(request, now);
    pool.jobs.front().work();
    pool.jobs.front().done(now);
    const Bytes model = sent(initiator).at(0).payload;

    Engine engine(settings, key, random, spis, pool);
    const Endpoint attacker{Address::ipv4(0xC6336409u), 500};
    measure("one host, no cookie", engine, pool, now, [&](unsigned n) {
        Bytes datagram = model;
        number(datagram, n);
        return std::pair(attacker, std::move(datagram));
    });
    measure("a new host each, no cookie", engine, pool, now, [&](unsigned n) {
        Bytes datagram = model;
        number(datagram, n);
        return std::pair(Endpoint{Address::ipv4(0x0B000000u + n), 500}, std::move(datagram));
    });
    // One that answers cookies: up to its own bound, then nothing.
    measure("one host, with its cookie (asked and sent)", engine, pool, now, [&](unsigned n) {
        Bytes datagram = model;
        number(datagram, n + kRounds);
        engine.on_datagram({Address::ipv4(0xC0020002u), 500}, attacker, datagram, now);
        const auto answers = sent(engine);
        if (answers.empty()) return std::pair(attacker, std::move(datagram));
        const auto cookie = wire::parse(answers.front().payload)->payloads;
        auto asked = wire::parse(datagram).value();
        wire::Payloads payloads;
        payloads.add(*cookie.notify(wire::NotifyType::cookie));
        payloads.add(*asked.payloads.find<wire::Sa>());
        payloads.add(*asked.payloads.find<wire::KeyExchange>());
        payloads.add(*asked.payloads.find<wire::Nonce>());
        return std::pair(attacker, wire::serialise(asked.header, payloads));
    });
    measure("cut in the middle", engine, pool, now, [&](unsigned n) {
        Bytes datagram(model.begin(), model.begin() + 28 + n % 200);
        return std::pair(attacker, std::move(datagram));
    });
    measure("IKE_AUTH of an unknown SPI", engine, pool, now, [&](unsigned n) {
        Bytes datagram = model;
        number(datagram, n);
        datagram[8] = 1;
        datagram[18] = 35;
        return std::pair(attacker, std::move(datagram));
    });
    return 0;
}
