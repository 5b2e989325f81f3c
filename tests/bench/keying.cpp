// What keying costs the control plane: CPU time of a new host pair on an existing keying
// channel and of one with a new gateway, split into DNS (codec and judgement), public-key
// work (RSA, Diffie-Hellman) and the rest; memory of each; and what an IKE_SA_INIT that
// leads nowhere costs. Whole control planes of two gateways in one thread, real
// cryptography and real DNS messages; no wire, no worker and no waiting between them. Run
// by scripts/bench keying; the time on a wire is scripts/bench keying --lab.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "gateway/gateway.hpp"
#include "ike/crypto/rsa.hpp"
#include "sim/attacker.hpp"
#include "sim/zone.hpp"

using namespace oegate;

namespace {

using SteadyClock = std::chrono::steady_clock;

double microseconds(SteadyClock::duration d) {
    return std::chrono::duration<double, std::micro>(d).count();
}

/// Where the time of one gateway goes. Whoever is measured inside another is not
/// counted twice.
struct Costs {
    SteadyClock::duration all{}, dns{}, public_key{};
    void operator-=(const Costs& o) { all -= o.all, dns -= o.dns, public_key -= o.public_key; }
};

class Station {
  public:
    Station(unsigned number, const ike::PrivateKey& key, const sim::Zone& zone)
        : key_(key), zone_(zone), random_(number + 1), pool_(*this) {
        config_.interfaces.resize(2);
        config_.interfaces[0].name = "inside";
        config_.interfaces[0].addresses = {{inside(number, 0, 1), Prefix(inside(number, 0, 0), 16)}};
        config_.interfaces[1].name = "outside";
        config_.interfaces[1].role = InterfaceRole::outside;
        config_.interfaces[1].addresses = {{outside(number), Prefix(outside(number), 30)}};
        config_.classes = {{ClassKind::oe_paranoid, {Prefix(Address::ipv4(0), 0)}}};
        config_.dns.resolvers = {{Address::ipv4(10, 53, 0, 1), 53, true}};
        config_.dns.max_queries = 1u << 16;
        config_.ike.groups = {config::DhGroup::curve25519};
        options_.num_workers = 1;
        gateway = std::make_unique<gateway::Gateway>(config_, key_, random_, pool_, options_);
    }
    static Address outside(unsigned number) {
        return Address::ipv4(172, 16 + (number >> 6 & 15), static_cast<std::uint8_t>(number),
                             static_cast<std::uint8_t>(number >> 10 << 2 | 1));
    }
    static Address inside(unsigned number, unsigned high, unsigned low) {
        return number == 0
                   ? Address::ipv4(10, 0, static_cast<std::uint8_t>(high), static_cast<std::uint8_t>(low))
                   : Address::ipv4(static_cast<std::uint8_t>(20 + (number >> 8)),
                                   static_cast<std::uint8_t>(number), static_cast<std::uint8_t>(high),
                                   static_cast<std::uint8_t>(low));
    }

    /// Everything that is ready; false: nothing was. Datagrams go to `to`.
    template <class Send>
    bool turn(Time now, Send&& send) {
        bool any = false;
        while (!jobs_.empty()) {
            ike::Job job = std::move(jobs_.front());
            jobs_.pop_front();
            timed(costs.public_key, job.work);
            timed(other_, [&] { job.done(now); });
            any = true;
        }
        while (auto action = gateway->next_dns()) {
            any = true;
            const auto* query = std::get_if<discovery::SendQuery>(&*action);
            if (query == nullptr) continue;
            const Bytes answer = zone_.answer(query->message);  // the resolver's time
            timed(costs.dns, [&] { gateway->on_dns(query->query, answer, now); });
        }
        while (auto command = gateway->next_command()) {
            any = true;
            if (command->command.kind == Command::Kind::set_policy &&
                command->command.set_policy.state == FlowState::encrypt)
                ++keyed;
            timed(other_, [&] { gateway->command_applied(command->worker, command->command.sequence, now); });
        }
        while (auto datagram = gateway->next_datagram()) {
            any = true;
            send(*datagram);
        }
        while (gateway->next_log()) any = true;
        return any;
    }
    void miss(const Pair& pair, Time now) {
        Miss m;
        m.pair = pair;
        m.class_kind = ClassKind::oe_paranoid;
        timed(other_, [&] { gateway->on_event(Event(m), now); });
    }
    void receive(const ike::SendDatagram& d, Time now) {
        timed(other_, [&] { gateway->on_ike(d.remote, d.local, d.payload, now); });
    }
    Costs total() const { return {costs.dns + costs.public_key + other_, costs.dns, costs.public_key}; }

    Costs costs;
    std::uint64_t keyed = 0;
    std::unique_ptr<gateway::Gateway> gateway;

  private:
    class Pool final : public ike::CryptoPool {
      public:
        explicit Pool(Station& station) : station_(station) {}
        void submit(ike::Job job) override { station_.jobs_.push_back(std::move(job)); }

      private:
        Station& station_;
    };
    template <class Work>
    static void timed(SteadyClock::duration& sum, Work&& work) {
        const auto begin = SteadyClock::now();
        work();
        sum += SteadyClock::now() - begin;
    }

    const ike::PrivateKey& key_;
    const sim::Zone& zone_;
    SeededRandom random_;
    Pool pool_;
    config::Config config_;
    gateway::Options options_;
    std::deque<ike::Job> jobs_;
    SteadyClock::duration other_{};
};

/// Datagrams between stations arrive at once.
class Net {
  public:
    explicit Net(Time now) : now_(now) {}
    void add(Station& station, unsigned number) { stations_[Station::outside(number)] = &station; }
    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& [address, station] : stations_)
                if (is_busy(*station)) busy = true;
            while (!wire_.empty()) {
                const ike::SendDatagram d = std::move(wire_.front());
                wire_.pop_front();
                busy = true;
                if (const auto it = stations_.find(d.remote.address); it != stations_.end())
                    it->second->receive(d, now_);
            }
        }
    }
    /// Two stations only: the others have nothing to say.
    void settle(Station& a, Station& b) {
        while (is_busy(a) || is_busy(b) || !wire_.empty())
            while (!wire_.empty()) {
                const ike::SendDatagram d = std::move(wire_.front());
                wire_.pop_front();
                if (const auto it = stations_.find(d.remote.address); it != stations_.end())
                    it->second->receive(d, now_);
            }
    }

  private:
    bool is_busy(Station& station) {
        return station.turn(now_, [this](const ike::SendDatagram& d) { wire_.push_back(d); });
    }
    Time now_;
    std::map<Address, Station*> stations_;
    std::deque<ike::SendDatagram> wire_;
};

[[noreturn]] void give_up(const std::string& why) {
    std::fprintf(stderr, "bench keying: %s\n", why.c_str());
    std::exit(1);
}

void print(const char* what, const Costs& c, std::uint64_t num) {
    const auto n = static_cast<double>(num);
    const double all = microseconds(c.all) / n, dns = microseconds(c.dns) / n,
                 pk = microseconds(c.public_key) / n;
    std::printf("%-46s %8.0f %8.0f %8.0f %8.0f %10.0f\n", what, all, dns, pk, all - dns - pk, 1e6 / all);
}

std::size_t heap() {
    return mallinfo2().uordblks;
}

const Time kNow{1h};

void new_pairs(const ike::PrivateKey& key, unsigned num) {
    sim::Zone zone;
    for (const unsigned gateway : {0u, 1u})
        zone.delegate(Station::outside(gateway), Station::outside(gateway), key.public_key());
    const auto host = [](unsigned side, unsigned n) {
        return Station::inside(side, 1 + n / 200, 1 + n % 200);
    };
    for (unsigned n = 0; n <= num; ++n)
        for (const unsigned side : {0u, 1u})
            zone.delegate(host(side, n), Station::outside(side), key.public_key());
    Station a(0, key, zone), b(1, key, zone);
    Net net(kNow);
    net.add(a, 0);
    net.add(b, 1);
    a.miss({host(0, num), host(1, num)}, kNow);  // the channel
    net.settle(a, b);
    const Costs a_before = a.total(), b_before = b.total();
    const std::size_t before = heap();
    for (unsigned n = 0; n < num; ++n) {
        a.miss({host(0, n), host(1, n)}, kNow);
        net.settle(a, b);
    }
    const std::size_t after = heap();
    if (a.keyed < num) give_up("only " + std::to_string(a.keyed) + " pairs were keyed");
    Costs a_costs = a.total(), b_costs = b.total();
    a_costs -= a_before, b_costs -= b_before;
    print("new pair, existing channel: who starts", a_costs, num);
    print("new pair, existing channel: who answers", b_costs, num);
    std::printf(
        "memory of a keyed pair, both ends: %zu bytes, so %zu for each (DNS answers of its hosts included)\n",
        (after - before) / num, (after - before) / num / 2);
}

void new_gateways(const ike::PrivateKey& key, unsigned num) {
    sim::Zone zone;
    for (unsigned g = 0; g <= num; ++g) {
        zone.delegate(Station::outside(g), Station::outside(g), key.public_key());
        zone.delegate(Station::inside(g, 1, 1), Station::outside(g), key.public_key());
    }
    Station a(0, key, zone);
    Net net(kNow);
    net.add(a, 0);
    std::vector<std::unique_ptr<Station>> others;
    for (unsigned g = 1; g <= num; ++g) {
        others.push_back(std::make_unique<Station>(g, key, zone));
        net.add(*others.back(), g);
    }
    const std::size_t before = heap();
    for (unsigned g = 1; g <= num; ++g) {
        a.miss({Station::inside(0, 1, 1), Station::inside(g, 1, 1)}, kNow);
        net.settle(a, *others[g - 1]);
    }
    const std::size_t after = heap();
    if (a.keyed < num) give_up("only " + std::to_string(a.keyed) + " gateways were keyed with");
    Costs b_costs;
    for (const auto& b : others) {
        const Costs c = b->total();
        b_costs.all += c.all, b_costs.dns += c.dns, b_costs.public_key += c.public_key;
    }
    print("new gateway and first pair: who starts", a.total(), num);
    print("new gateway and first pair: who answers", b_costs, num);
    std::printf("memory of a channel with one keyed pair, both ends: %zu bytes, so %zu for each\n",
                (after - before) / num, (after - before) / num / 2);
}

/// An IKE_SA_INIT that leads nowhere: answered by a cookie, and, below the bounds, by an
/// exchange that waits for its IKE_AUTH.
void half_open(const ike::PrivateKey& key, unsigned num) {
    sim::Zone zone;
    Station b(1, key, zone);
    SeededRandom random(5);
    const auto flood = [&](const char* what, unsigned count, auto&& source) {
        std::vector<ike::SendDatagram> inits;
        for (unsigned n = 0; n < count; ++n)
            inits.push_back({{source(n), 500}, {Station::outside(1), 500}, sim::init_request(random)});
        Costs before = b.total();
        for (const ike::SendDatagram& d : inits) {
            b.receive(d, kNow);
            b.turn(kNow, [](const ike::SendDatagram&) {});
        }
        Costs c = b.total();
        c -= before;
        print(what, c, count);
    };
    flood("half-open exchange, the first 64", 64,
          [](unsigned n) { return Address::ipv4(198, 18, 1, static_cast<std::uint8_t>(n)); });
    flood("half-open exchange from one host, with cookie asked", num,
          [](unsigned) { return Address::ipv4(198, 18, 2, 1); });
    flood("half-open exchange from many, with cookie asked", num, [](unsigned n) {
        return Address::ipv4(198, 19, static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n));
    });
}

}  // namespace

int main(int argc, char** argv) {
    const bool quick = argc > 1 && std::string_view(argv[1]) == "--quick";
    if (argc > 1 && !quick) give_up("knows --quick only");
    for (const unsigned bits : {2048u, 3072u}) {
        auto key = ike::PrivateKey::generate(bits);
        if (!key) give_up("the library makes no key");
        std::printf("\nRSA-%u, curve25519, aes128-gcm16; microseconds of one CPU\n", bits);
        std::printf("%-46s %8s %8s %8s %8s %10s\n", "", "all", "DNS", "public", "rest", "per second");
        new_pairs(*key, quick ? 200 : 2000);
        new_gateways(*key, quick ? 30 : 300);
        if (bits == 2048) half_open(*key, quick ? 2000 : 20000);
    }
    return 0;
}
