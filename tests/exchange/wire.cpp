// The narrated wire.
#include "wire.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace exchange {

namespace {

std::string narrate(const std::string& from, const std::string& to, ByteView bytes) {
    const auto header = wire::parse_header_any_version(bytes);
    if (!header) return fmt::format("{} -> {} garbage", from, to);
    return fmt::format("{} -> {} {} {} {}", from, to, wire::to_text(header->exchange),
                       header->response ? "answer" : "request", header->message_id);
}

}  // namespace

const PrivateKey& key_a() {
    static const PrivateKey key = PrivateKey::generate(2048).value();
    return key;
}
const PrivateKey& key_b() {
    static const PrivateKey key = PrivateKey::generate(2048).value();
    return key;
}
const PrivateKey& key_c() {
    static const PrivateKey key = PrivateKey::generate(2048).value();
    return key;
}

Address ip(const std::string& text) {
    return Address::parse(text).value();
}

std::string join(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines) text += line + "\n";
    return text;
}

Peer::Peer(World& w, std::string n, Address where, const PrivateKey& k, std::uint64_t seed,
           const std::function<void(Settings&)>& adjust)
    : world(w), name(std::move(n)), address(where), key(k), random(seed) {
    Settings settings;
    settings.identities = {address};
    adjust(settings);
    engine = std::make_unique<Engine>(settings, key, random, spis, pool);
}

void Peer::restart(const std::function<void(Settings&)>& adjust) {
    Settings settings;
    settings.identities = {address};
    adjust(settings);
    engine = std::make_unique<Engine>(settings, key, random, spis, pool);
    live.clear();
    spis.in_use.clear();
}

bool Peer::drain() {
    bool any = false;
    while (pool.run(world.now)) any = true;
    while (auto event = engine->next_event()) {
        any = true;
        if (auto* send = std::get_if<SendDatagram>(&*event)) {
            Peer& to = world.at(send->remote.address);
            Datagram datagram{send->local, send->remote, send->payload,
                              narrate(name, to.name, send->payload)};
            world.story.push_back(datagram.line);
            world.wire.push_back(std::move(datagram));
        } else if (auto* keys = std::get_if<WantPeerKeys>(&*event)) {
            wanted_keys.push_back(*keys);
            if (answer_keys)
                engine->peer_keys(keys->sa, dns[keys->peer], Verdict::secure, world.now, configured);
        } else if (auto* want = std::get_if<WantAuthorization>(&*event)) {
            wanted_authorization.push_back(*want);
            const bool self = want->peer == Identity::of(want->pair.source);
            const auto found = delegations.find({want->peer, want->pair.source});
            if (answer_authorization)
                engine->authorize(want->child, self || (found != delegations.end() && found->second),
                                  world.now);
        } else if (auto* child = std::get_if<InstallChild>(&*event)) {
            installed.push_back(*child);
            live[child->child] = *child;
            if (install) engine->child_installed(child->child, world.now);
        } else if (auto* end = std::get_if<ChildGone>(&*event)) {
            gone.push_back(*end);
            const auto found = live.find(end->child);
            REQUIRE(found != live.end());  // only of what was announced, and once
            spis.release(found->second.spi_in);
            live.erase(found);
        } else if (auto* failure = std::get_if<InitiateFailed>(&*event)) {
            failed.push_back(*failure);
        } else if (auto* rekey = std::get_if<RekeyFailed>(&*event)) {
            rekey_failed.push_back(*rekey);
        } else if (auto* notice = std::get_if<Notice>(&*event)) {
            notices.push_back(*notice);
        } else if (auto* met = std::get_if<PeerKnown>(&*event)) {
            known.push_back(*met);
        } else if (auto* left = std::get_if<PeerForgotten>(&*event)) {
            forgotten.push_back(*left);
        } else if (auto* greeting = std::get_if<GreetEnded>(&*event)) {
            greeted.push_back(*greeting);
        } else if (auto* renewed = std::get_if<IkeRekeyed>(&*event)) {
            ike_rekeyed.push_back(*renewed);
        } else if (auto* line = std::get_if<KeyLog>(&*event)) {
            key_log.push_back(line->line);
        }
    }
    return any;
}

void Peer::initiate(const Peer& with, const Pair& pair, ConnectionId connection, Verdict verdict,
                    bool fresh) {
    Initiate request;
    request.connection = connection;
    request.pair = pair;
    request.local = address;
    request.gateway = with.address;
    request.peer = Identity::of(with.address);
    request.keys = dns[request.peer];
    request.verdict = verdict;
    request.fresh = fresh;
    engine->initiate(request, world.now);
}

bool Peer::noticed(const std::string& part) const {
    return std::any_of(notices.begin(), notices.end(),
                       [&](const Notice& notice) { return notice.text.find(part) != std::string::npos; });
}

std::size_t Peer::num_established() const {
    const auto list = engine->status();
    return static_cast<std::size_t>(std::count_if(
        list.begin(), list.end(), [](const IkeSaStatus& sa) { return sa.state == "established"; }));
}

World::World() : now(Time{} + 1000s) {}

Peer& World::add(const std::string& name, const std::string& address,
                 const std::function<void(Settings&)>& adjust) {
    const PrivateKey& key = name == "A" ? key_a() : name == "B" ? key_b() : key_c();
    peers_.push_back(std::make_unique<Peer>(*this, name, ip(address), key, seed_++, adjust));
    return *peers_.back();
}

Peer& World::at(const Address& address) {
    for (const auto& peer : peers_)
        if (peer->address == address) return *peer;
    static World nowhere;
    static Peer& void_peer = nowhere.add("nobody", "203.0.113.250");
    return void_peer;
}

void World::settle() {
    for (bool any = true; any;) {
        any = false;
        for (const auto& peer : peers_) any |= peer->drain();
    }
}

Datagram World::take() {
    settle();
    REQUIRE_FALSE(wire.empty());
    Datagram datagram = std::move(wire.front());
    wire.pop_front();
    return datagram;
}

void World::hand_over(const Datagram& datagram) {
    Peer& to = at(datagram.to.address);
    to.engine->on_datagram(datagram.to, datagram.from, datagram.bytes, now);
    settle();
}

bool World::deliver() {
    settle();
    if (wire.empty()) return false;
    hand_over(take());
    return true;
}

void World::run() {
    while (deliver()) {
    }
}

void World::pass(Duration duration, bool delivering) {
    const Time end = now + duration;
    if (delivering) run();
    for (;;) {
        settle();
        Time next = end;
        for (const auto& peer : peers_) next = std::min(next, peer->engine->next_deadline());
        now = std::max(now, next);
        for (const auto& peer : peers_)
            if (peer->engine->next_deadline() <= now) peer->engine->on_timer(now);
        if (delivering)
            run();
        else
            settle();
        Time again = kNever;
        for (const auto& peer : peers_) again = std::min(again, peer->engine->next_deadline());
        if (now >= end && again > now) return;
    }
}

std::string World::told() const {
    return join(story);
}

Pairing::Pairing(const std::function<void(Settings&)>& a_adjust,
                 const std::function<void(Settings&)>& b_adjust)
    : a(world.add("A", "192.1.0.1", a_adjust)), b(world.add("B", "192.2.0.2", b_adjust)) {
    for (Peer* peer : {&a, &b}) {
        peer->dns[Identity::of(a.address)] = {key_a().public_key()};
        peer->dns[Identity::of(b.address)] = {key_b().public_key()};
        for (const Address& host : {alice, anna}) peer->delegations[{Identity::of(a.address), host}] = true;
        for (const Address& host : {bob, bert}) peer->delegations[{Identity::of(b.address), host}] = true;
    }
}

void Pairing::key_up(ConnectionId connection) {
    a.initiate(b, pair, connection);
    world.run();
    REQUIRE(a.live.size() == 1);
    REQUIRE(b.live.size() == 1);
}

}  // namespace exchange
