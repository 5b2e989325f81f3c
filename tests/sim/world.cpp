// The virtual world: who hears what, and when.
#include "world.hpp"

#include <algorithm>
#include <cstdio>

#include "keying/rows.hpp"
#include "node.hpp"

namespace oegate::sim {
namespace {

constexpr std::size_t kHeard = 64;                  // what an attacker remembers
constexpr std::int64_t kWallBegin = 1'800'000'000;  // seconds since the epoch
constexpr Duration kToDisk = 5ms;                   // a record that is not there yet dies with a crash

/// What the store's file does with an action.
void write(store::Contents& contents, const store::Action& action) {
    const auto drop_peer = [&](const Identity& own, const Identity& peer) {
        std::erase_if(contents.peers, [&](const auto& p) { return p.own == own && p.peer == peer; });
    };
    const auto drop_sticky = [&](const Address& destination) {
        std::erase_if(contents.sticky, [&](const auto& s) { return s.destination == destination; });
    };
    if (const auto* put = std::get_if<store::PutPeer>(&action)) {
        drop_peer(put->record.own, put->record.peer);
        contents.peers.push_back(put->record);
    } else if (const auto* gone = std::get_if<store::RemovePeer>(&action)) {
        drop_peer(gone->own, gone->peer);
    } else if (const auto* stick = std::get_if<store::PutSticky>(&action)) {
        drop_sticky(stick->record.destination);
        contents.sticky.push_back(stick->record);
    } else if (const auto* loose = std::get_if<store::RemoveSticky>(&action)) {
        drop_sticky(loose->destination);
    }
}

}  // namespace

void World::Node::Pool::submit(ike::Job job) {
    job.work();
    world_.clock.in(world_.some(1ms, 5ms),
                    [this, done = std::move(job.done), life = world_.nodes_[i_]->life] {
                        if (world_.nodes_[i_]->life != life) return;
                        done(world_.clock.now());
                        world_.drain(i_);
                    });
}

World::World(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose,
             std::vector<unsigned> sites)
    : random(seed), keys_(keys), verbose_(verbose), sites_(std::move(sites)) {
    for (unsigned i = 0; i < sites_.size(); ++i) {
        const unsigned site = sites_[i];
        unsigned nth = 0;
        for (unsigned j = 0; j < i; ++j) nth += sites_[j] == site ? 1 : 0;
        nodes_.push_back(std::make_unique<Node>(*this, i, make_config(i, site, nth)));
        nodes_.back()->key = i;
        if (nth == 0) routes_[site] = {i, i};
    }
    cut_.assign(nodes_.size(), std::vector<char>(nodes_.size(), 0));
    dns_cut_.assign(nodes_.size(), 0);
}
World::~World() = default;

config::Config& World::config(unsigned i) {
    return nodes_.at(i)->config;
}
gateway::Gateway& World::gateway(unsigned i) {
    return *nodes_.at(i)->gateway;
}
WorkerModel& World::worker(unsigned i) {
    return *nodes_.at(i)->worker;
}
bool World::is_up(unsigned i) const {
    return nodes_.at(i)->up;
}
void World::set_fault(unsigned i, Fault fault) {
    nodes_.at(i)->fault = fault;
}

void World::set_keeps_store(unsigned i, bool keeps) {
    nodes_.at(i)->keeps_store = keeps;
}

void World::set_key(unsigned i, unsigned which) {
    Node& n = *nodes_.at(i);
    n.key = which;
    if (n.up) n.gateway->set_key(keys_[which]);
}
unsigned World::key_of(unsigned i) const {
    return nodes_.at(i)->key;
}

void World::set_wall(unsigned i, std::chrono::seconds ahead) {
    nodes_.at(i)->wall = ahead;
}
std::int64_t World::wall(unsigned i) const {
    return kWallBegin + (clock.now() - Time{1h}) / 1s + nodes_.at(i)->wall.count();
}

void World::translate(unsigned i) {
    nodes_.at(i)->translator.emplace(gateway_address(i),
                                     Address::ipv4(198, 51, 100, static_cast<std::uint8_t>(10 + i)));
}

Duration World::some(Duration least, Duration most) {
    const auto span = static_cast<std::uint64_t>((most - least).count());
    return least + Duration(span == 0 ? 0 : random.below(span + 1));
}

void World::start(bool delegate) {
    for (unsigned i = 0; i < nodes_.size(); ++i) {
        if (delegate) {
            const PublicKey& key = keys_[i].public_key();
            zone.delegate(gateway_address(i), gateway_address(i), key);
            for (unsigned n = 0; n < 4; ++n) zone.delegate(host(sites_[i], n), gateway_address(i), key);
            zone.delegate(gateway_address6(i), gateway_address6(i), key);
            zone.delegate(address6(sites_[i], 0, 65), gateway_address6(i), key);
        }
        begin(i);
    }
}

void World::stop(unsigned i) {
    Node& n = *nodes_.at(i);
    ++n.life;
    n.up = false;
    if (n.gateway) {
        rows_.resize(keying::rows().size());
        const auto mine = n.gateway->row_counts();
        for (std::size_t r = 0; r < rows_.size(); ++r) rows_[r] += mine[r];
    }
    n.gateway.reset();
    n.worker.reset();
    n.commands_under_way = {};
    if (verbose_) tell(n.config.name + " is gone");
}

void World::crash(unsigned i) {
    stop(i);
    begin(i);
}

void World::shutdown(unsigned i) {
    if (verbose_) tell(config(i).name + " is shut down");
    worker(i).closing();
    gateway(i).shutdown(clock.now());
    drain(i);
}

void World::begin(unsigned i) {
    Node& n = *nodes_.at(i);
    ++n.life;
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
        fates_.emplace(datagram, encrypted);
    };
    out.violation = [this, i](Invariant invariant, const std::string& what) {
        violate(invariant, nodes_[i]->config.name + ": " + what);
    };
    n.worker = std::make_unique<WorkerModel>(n.config, *n.realm, n.seed, 2, std::move(out), n.fault);
    gateway::Options options;
    options.seed = n.seed;
    options.num_workers = 2;
    options.wall_seconds = [this, i] { return wall(i); };
    options.keep_state = true;
    if (!n.keeps_store) n.stored = {};
    options.stored = n.stored;
    n.gateway = std::make_unique<gateway::Gateway>(n.config, keys_[n.key], *n.random, n.pool, options);
    n.armed = kNever;
    n.up = true;
    if (verbose_) tell(n.config.name + " begins");
}

void World::drain(unsigned i) {
    Node& n = *nodes_[i];
    n.touched = true;
    const unsigned life = n.life;
    while (auto record = n.gateway->next_log())
        if (verbose_) tell(n.config.name + " " + record->text);
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
    while (auto action = n.gateway->next_store())
        clock.in(kToDisk, [this, i, life, a = std::move(*action)] {
            if (nodes_[i]->life == life) write(nodes_[i]->stored, a);
        });
    while (auto datagram = n.gateway->next_datagram()) put_on_wire(i, std::move(*datagram));
    while (auto action = n.gateway->next_dns())
        // A closed socket hears nothing; its query knows no answer any more.
        if (const auto* query = std::get_if<discovery::SendQuery>(&*action)) ask_dns(i, *query);
    arm(i);
}

void World::ask_dns(unsigned i, const discovery::SendQuery& query) {
    const auto answer_at = [this, i, life = nodes_[i]->life, id = query.query](Duration delay, Bytes m) {
        clock.in(delay, [this, i, life, id, m = std::move(m)] {
            if (nodes_[i]->life != life) return;
            nodes_[i]->gateway->on_dns(id, m, clock.now());
            drain(i);
        });
    };
    if (chance(forged_dns_percent)) {  // who guesses does not know the ID
        Bytes forged = zone.answer(query.message);
        if (forged.size() > 2) {
            forged[0] ^= static_cast<std::uint8_t>(1 + random.below(255));
            answer_at(some(0ns, 1ms), std::move(forged));
        }
    }
    if (dns_cut_[i] || chance(weather.dns_loss_percent)) return;
    if (Bytes answer = zone.answer(query.message); !answer.empty())
        answer_at(some(1ms, weather.dns_delay_most), std::move(answer));
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

std::optional<unsigned> World::destination_of(unsigned from, const Packet& packet) {
    std::optional<unsigned> to;
    if (const auto* clear = std::get_if<Clear>(&packet)) {
        const auto site = site_of(clear->pair.destination);
        if (site && routes_.contains(*site)) to = routes_.at(*site).entry;
    } else if (const auto* esp = std::get_if<Esp>(&packet)) {
        to = gateway_at(esp->remote);
    } else {
        to = gateway_at(std::get<ike::SendDatagram>(packet).remote.address);
    }
    if (to && cut_[from][*to]) return std::nullopt;
    return to;
}

void World::put_on_wire(unsigned from, Packet packet) {
    if (const auto* clear = std::get_if<Clear>(&packet)) {
        ++clear_on_wire_;
        check_clear(from, clear->pair);
        const auto site = site_of(clear->pair.destination);
        if (!site || !routes_.contains(*site)) {  // a host of the Internet, behind no gateway
            delivered_.push_back({clear->pair, clear->datagram, false, clock.now()});
            fates_.emplace(clear->datagram, false);
            return;
        }
    } else if (const auto* esp = std::get_if<Esp>(&packet)) {
        ++esp_on_wire_;
        heard_esp_.push_back(*esp);
        if (heard_esp_.size() > kHeard) heard_esp_.pop_front();
    } else {
        ++ike_on_wire_;
        heard_.push_back(std::get<ike::SendDatagram>(packet));
        if (heard_.size() > kHeard) heard_.pop_front();
    }
    const auto to = passes_out(from, packet) ? destination_of(from, packet) : std::nullopt;
    if (const auto* ike = std::get_if<ike::SendDatagram>(&packet);
        ike != nullptr && stranger && !gateway_at(ike->remote.address)) {
        clock.in(some(weather.delay_least, weather.delay_most), [this, d = *ike] { stranger(d); });
        return;
    }
    const unsigned copies = !to || chance(weather.loss_percent) ? 0 : chance(weather.double_percent) ? 2 : 1;
    if (verbose_)
        if (const auto* ike = std::get_if<ike::SendDatagram>(&packet))
            tell(nodes_[from]->config.name + " -> " + ike->remote.address.text() + " " +
                 ike_line(ike->payload) +
                 (copies == 0   ? " (lost)"
                  : copies == 2 ? " (doubled)"
                                : ""));
    for (unsigned c = 0; c < copies; ++c)
        clock.in(some(weather.delay_least, weather.delay_most), [this, to, packet] {
            Packet arriving = packet;
            const bool passes = passes_in(*to, arriving);
            if (const auto* esp = std::get_if<Esp>(&arriving)) {
                const WorkerModel::Sa* sa =
                    passes && nodes_[*to]->up ? nodes_[*to]->worker->inbound(esp->spi) : nullptr;
                check_opened(*esp, sa != nullptr && same_key(sa->key, esp->key));
            }
            if (passes) arrive(*to, arriving);
        });
}

bool World::passes_out(unsigned from, Packet& packet) {
    auto& translator = nodes_[from]->translator;
    if (!translator) return true;
    if (auto* esp = std::get_if<Esp>(&packet)) return translator->out(*esp);
    if (auto* ike = std::get_if<ike::SendDatagram>(&packet)) return translator->out(*ike);
    return true;
}

bool World::passes_in(unsigned to, Packet& packet) {
    const auto& translator = nodes_[to]->translator;
    if (!translator) return true;
    if (auto* esp = std::get_if<Esp>(&packet)) return translator->in(*esp);
    if (auto* ike = std::get_if<ike::SendDatagram>(&packet)) return translator->in(*ike);
    return true;
}

void World::arrive(unsigned to, const Packet& packet) {
    Node& n = *nodes_[to];
    if (!n.up) return;
    if (const auto* clear = std::get_if<Clear>(&packet)) n.worker->from_outside(*clear, clock.now());
    if (const auto* esp = std::get_if<Esp>(&packet)) n.worker->from_outside(*esp, clock.now());
    if (const auto* ike = std::get_if<ike::SendDatagram>(&packet))
        if (n.realm->own(ike->remote.address))
            n.gateway->on_ike(ike->remote, ike->local, ike->payload, clock.now());
    drain(to);
}

void World::inject(const ike::SendDatagram& from_remote) {
    if (const auto to = gateway_at(from_remote.remote.address)) inject(Packet(from_remote), *to);
}
void World::inject(const Packet& packet, unsigned to) {
    clock.in(some(1us, 1ms), [this, packet, to] { arrive(to, packet); });
}
void World::inject(const Event& event, unsigned to) {
    if (!nodes_.at(to)->up) return;
    nodes_[to]->gateway->on_event(event, clock.now());
    drain(to);
}

std::uint64_t World::send(unsigned i, const Pair& pair) {
    const std::uint64_t datagram = next_datagram_++;
    if (!nodes_.at(i)->up) return datagram;
    nodes_[i]->worker->from_inside(pair, datagram, clock.now());
    drain(i);
    return datagram;
}

std::uint64_t World::send_from_site(const Pair& pair) {
    const auto site = site_of(pair.source);
    return site ? send(routes_.at(*site).exit, pair) : 0;
}

void World::run(Duration d) {
    clock.run_until(clock.now() + d, [this] { check(); });
}

void World::heal() {
    weather.loss_percent = weather.double_percent = weather.dns_loss_percent = 0;
    weather.delay_most = std::min(weather.delay_most, Duration(50ms));
    weather.dns_delay_most = std::min(weather.dns_delay_most, Duration(50ms));
    forged_dns_percent = 0;
    for (auto& row : cut_) std::ranges::fill(row, 0);
    std::ranges::fill(dns_cut_, 0);
    zone.mood = Zone::Mood::signed_;
    calm_since_ = clock.now();
    if (verbose_) tell("the network heals");
}

void World::tell(const std::string& line) const {
    std::printf("%9.3f %s\n", std::chrono::duration<double>(clock.now() - Time{1h}).count(), line.c_str());
}

}  // namespace oegate::sim
