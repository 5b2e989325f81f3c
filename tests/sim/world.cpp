// The virtual world: who hears what, and when.
#include "world.hpp"

#include <cstdio>

namespace oegate::sim {
namespace {

config::Config make_config(unsigned side) {
    config::Config c;
    c.name = side == 0 ? "sg-a" : "sg-b";
    const auto s = static_cast<std::uint8_t>(side + 1);
    c.interfaces.resize(2);
    c.interfaces[0].name = "inside";
    c.interfaces[0].role = InterfaceRole::inside;
    c.interfaces[0].addresses = {{Address::ipv4(192, s, 0, 1), Prefix(Address::ipv4(192, s, 0, 0), 24)}};
    c.interfaces[1].name = "outside";
    c.interfaces[1].role = InterfaceRole::outside;
    c.interfaces[1].addresses = {{World::gateway_address(side), Prefix(Address::ipv4(192, s, 1, 0), 24)}};
    c.interfaces[0].addresses.push_back(
        {World::address6(side, 0, 1), Prefix(World::address6(side, 0, 0), 64)});
    c.interfaces[1].addresses.push_back(
        {World::gateway_address6(side), Prefix(World::address6(side, 1, 0), 64)});
    c.routes = {{Prefix(Address::ipv4(0), 0), Address::ipv4(192, s, 1, 1)},
                {Prefix(Address{}, 0), World::address6(side, 1, 1)}};
    c.classes = {{ClassKind::oe_permissive, {Prefix(Address::ipv4(0), 0), Prefix(Address{}, 0)}}};
    c.dns.resolvers = {{Address::ipv4(10, 53, 0, 1), 53, true}};
    c.dataplane.lcores = {1, 2};
    // The minutes and hours of the defaults, so that a run sees all of them end.
    c.ike.groups = {config::DhGroup::curve25519};
    c.ike.child_lifetime = 90s;
    c.timers.short_failure = 40s;
    c.timers.normal_failure = 60s;
    c.timers.dns_failure = 30s;
    c.timers.liveness = 10s;
    c.timers.look_again_first = 30s;
    c.timers.look_again = 60s;
    return c;
}

}  // namespace

struct World::Node {
    /// Real mathematics, done at once; what follows from it comes a little later.
    class Pool final : public ike::CryptoPool {
      public:
        Pool(World& world, unsigned i) : world_(world), i_(i) {}
        void submit(ike::Job job) override {
            job.work();
            world_.clock.in(world_.some(1ms, 5ms),
                            [this, done = std::move(job.done), life = world_.nodes_[i_]->life] {
                                if (world_.nodes_[i_]->life != life) return;
                                done(world_.clock.now());
                                world_.drain(i_);
                            });
        }

      private:
        World& world_;
        unsigned i_;
    };

    Node(World& world, unsigned i) : config(make_config(i)), pool(world, i) {}

    config::Config config;
    Pool pool;
    unsigned life = 0;  // counts crashes
    OwnerSeed seed;
    std::unique_ptr<keying::Realm> realm;
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<WorkerModel> worker;
    std::unique_ptr<gateway::Gateway> gateway;
    std::array<std::uint64_t, 2> commands_under_way{};
    std::array<Time, 2> ring_free{};  // commands and events keep their order
    std::array<Time, 2> event_free{};
    Time armed = kNever;
};

World::World(std::uint64_t seed, const std::array<ike::PrivateKey, 2>& keys, bool verbose)
    : random(seed), keys_(keys), verbose_(verbose) {
    for (unsigned i = 0; i < 2; ++i) nodes_[i] = std::make_unique<Node>(*this, i);
}
World::~World() = default;

Address World::host(unsigned side, unsigned n) {
    return Address::ipv4(192, static_cast<std::uint8_t>(side + 1), 0, static_cast<std::uint8_t>(65 + n));
}
Address World::gateway_address(unsigned side) {
    return Address::ipv4(192, static_cast<std::uint8_t>(side + 1), 1,
                         static_cast<std::uint8_t>(side == 0 ? 5 : 7));
}
Address World::address6(unsigned side, unsigned net, unsigned n) {
    return Address::parse("2001:db8:" + std::to_string(side + 1) + ":" + std::to_string(net) +
                          "::" + std::to_string(n))
        .value();
}
Address World::gateway_address6(unsigned side) {
    return address6(side, 1, side == 0 ? 5 : 7);
}
config::Config& World::config(unsigned i) {
    return nodes_[i]->config;
}
gateway::Gateway& World::gateway(unsigned i) {
    return *nodes_[i]->gateway;
}
WorkerModel& World::worker(unsigned i) {
    return *nodes_[i]->worker;
}

Duration World::some(Duration least, Duration most) {
    const auto span = static_cast<std::uint64_t>((most - least).count());
    return least + Duration(span == 0 ? 0 : random.below(span + 1));
}

void World::start() {
    for (unsigned i = 0; i < 2; ++i) {
        zone.delegate(gateway_address(i), gateway_address(i), keys_[i].public_key());
        for (unsigned n = 0; n < 4; ++n) zone.delegate(host(i, n), gateway_address(i), keys_[i].public_key());
        zone.delegate(gateway_address6(i), gateway_address6(i), keys_[i].public_key());
        zone.delegate(address6(i, 0, 65), gateway_address6(i), keys_[i].public_key());
        crash(i);
    }
}

void World::crash(unsigned i) {
    Node& n = *nodes_[i];
    ++n.life;
    n.gateway.reset();
    n.commands_under_way = {};
    n.seed = {random.u64(), random.u64()};
    n.random = std::make_unique<SeededRandom>(random.u64());
    n.realm = std::make_unique<keying::Realm>(n.config);
    WorkerModel::Out out;
    out.event = [this, i, life = n.life](const Event& event) {
        Node& node = *nodes_[i];
        Time& free = node.event_free[event.worker];
        free = std::max(free, clock.now() + some(1us, 500us));
        clock.at(free, [this, i, life, event] {
            if (nodes_[i]->life != life) return;
            nodes_[i]->gateway->on_event(event, clock.now());
            drain(i);
        });
    };
    out.send = [this, i](Packet packet) { put_on_wire(i, std::move(packet)); };
    out.deliver = [this](const Pair& pair, std::uint64_t datagram, bool encrypted) {
        delivered_.push_back({pair, datagram, encrypted, clock.now()});
    };
    out.violation = [this, i](const std::string& what) { violate(i, what); };
    n.worker = std::make_unique<WorkerModel>(n.config, *n.realm, n.seed, 2, std::move(out));
    gateway::Options options;
    options.seed = n.seed;
    options.num_workers = 2;
    n.gateway = std::make_unique<gateway::Gateway>(n.config, keys_[i], *n.random, n.pool, options);
    n.armed = kNever;
    if (verbose_)
        std::printf("%9.3f %s begins\n", std::chrono::duration<double>(clock.now() - Time{1h}).count(),
                    n.config.name.c_str());
}

void World::drain(unsigned i) {
    Node& n = *nodes_[i];
    const unsigned life = n.life;
    while (auto record = n.gateway->next_log())
        if (verbose_)
            std::printf("%9.3f %s %s\n", std::chrono::duration<double>(clock.now() - Time{1h}).count(),
                        n.config.name.c_str(), record->text.c_str());
    while (auto command = n.gateway->next_command()) {
        ++n.commands_under_way[command->worker];
        Time& free = n.ring_free[command->worker];
        free = std::max(free, clock.now() + some(1us, 500us));
        clock.at(free, [this, i, life, c = *command] {
            Node& node = *nodes_[i];
            if (node.life != life) return;
            node.worker->apply(c.worker, c.command, clock.now());
            --node.commands_under_way[c.worker];
            node.gateway->command_applied(c.worker, c.command.sequence, clock.now());
            drain(i);
        });
    }
    while (auto datagram = n.gateway->next_datagram()) put_on_wire(i, std::move(*datagram));
    while (auto action = n.gateway->next_dns()) {
        const auto* query = std::get_if<discovery::SendQuery>(&*action);
        if (query == nullptr) continue;  // a closed socket hears nothing; its query knows no answer any more
        if (chance(weather.dns_loss_percent)) continue;
        clock.in(some(1ms, weather.dns_delay_most),
                 [this, i, life, id = query->query, m = zone.answer(query->message)] {
                     if (nodes_[i]->life != life) return;
                     nodes_[i]->gateway->on_dns(id, m, clock.now());
                     drain(i);
                 });
    }
    arm(i);
}

void World::arm(unsigned i) {
    Node& n = *nodes_[i];
    const Time next = std::min(n.gateway->next_deadline(), n.worker->next_deadline());
    if (next == kNever || (n.armed != kNever && n.armed <= next && n.armed > clock.now())) return;
    n.armed = std::max(next, clock.now() + 1us);
    clock.at(n.armed, [this, i, life = n.life] {
        Node& node = *nodes_[i];
        if (node.life != life) return;
        node.armed = kNever;
        node.worker->on_timer(clock.now());
        node.gateway->on_timer(clock.now());
        drain(i);
    });
}

void World::put_on_wire(unsigned from, Packet packet) {
    if (const auto* clear = std::get_if<Clear>(&packet)) {
        ++clear_on_wire_;
        const ClassKind kind = nodes_[from]->realm->class_of(clear->pair).kind;
        if (kind != ClassKind::oe_permissive)
            violate(from, "clear text of a paranoid pair " + clear->pair.text());
        const auto explained = nodes_[from]->gateway->explain(clear->pair, clock.now());
        if (explained.tunnel && explained.tunnel->in_use &&
            nodes_[from]->commands_under_way == std::array<std::uint64_t, 2>{})
            violate(from, "clear text of a keyed pair " + clear->pair.text());
    } else if (std::holds_alternative<Esp>(packet)) {
        ++esp_on_wire_;
    }
    const unsigned to = 1 - from;
    const unsigned copies = chance(weather.loss_percent) ? 0 : chance(weather.double_percent) ? 2 : 1;
    for (unsigned c = 0; c < copies; ++c)
        clock.in(some(weather.delay_least, weather.delay_most), [this, to, packet] { arrive(to, packet); });
}

void World::arrive(unsigned to, const Packet& packet) {
    Node& n = *nodes_[to];
    if (const auto* clear = std::get_if<Clear>(&packet)) n.worker->from_outside(*clear, clock.now());
    if (const auto* esp = std::get_if<Esp>(&packet)) n.worker->from_outside(*esp, clock.now());
    if (const auto* ike = std::get_if<ike::SendDatagram>(&packet))
        if (n.realm->own(ike->remote.address))
            n.gateway->on_ike(ike->remote, ike->local, ike->payload, clock.now());
    drain(to);
}

std::uint64_t World::send(unsigned side, const Pair& pair) {
    const std::uint64_t datagram = next_datagram_++;
    nodes_[side]->worker->from_inside(pair, datagram, clock.now());
    drain(side);
    return datagram;
}

void World::run(Duration d) {
    clock.run_until(clock.now() + d, [this] { check(); });
}

void World::check() {
    for (unsigned i = 0; i < 2; ++i) {
        const Node& n = *nodes_[i];
        n.worker->check(clock.now(), n.commands_under_way[0] + n.commands_under_way[1] > 0);
    }
}

void World::violate(unsigned i, const std::string& what) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f ", std::chrono::duration<double>(clock.now() - Time{1h}).count());
    if (violations_.size() < 20) violations_.push_back(text + nodes_[i]->config.name + ": " + what);
    if (verbose_) std::printf("VIOLATION %s\n", violations_.back().c_str());
}

bool World::was_delivered(std::uint64_t datagram, bool* encrypted) const {
    for (const Delivery& d : delivered_)
        if (d.datagram == datagram) {
            if (encrypted != nullptr) *encrypted = d.encrypted;
            return true;
        }
    return false;
}

bool World::agreed(const Pair& pair_of_0) {
    const auto one_way = [](const WorkerModel& from, const WorkerModel& to, const Pair& pair) {
        const WorkerModel::Sa* out = from.outbound(pair);
        const WorkerModel::Sa* in = out == nullptr ? nullptr : to.inbound(out->spi);
        return in != nullptr && in->pair == pair && same_key(in->key, out->key);
    };
    return one_way(worker(0), worker(1), pair_of_0) && one_way(worker(1), worker(0), pair_of_0.reversed());
}

std::string World::describe(const Pair& pair_of_0) {
    std::string text;
    for (unsigned i = 0; i < 2; ++i) {
        const Pair pair = i == 0 ? pair_of_0 : pair_of_0.reversed();
        const gateway::ExplainView v = gateway(i).explain(pair, clock.now());
        const WorkerModel::Flow* f = worker(i).flow(pair);
        text += "  " + config(i).name + ": " + pair.text() + " keying " + v.state + " (" + v.reason +
                "), worker " + std::string(f == nullptr ? "none" : to_text(f->state)) + "\n";
    }
    return text;
}

}  // namespace oegate::sim
