// IKE_SA_INIT and IKE_AUTH between two engines: the story on the wire, and how it
// ends when something is wrong.
#include <algorithm>

#include <fmt/format.h>

#include "ike/crypto/dh.hpp"
#include "ike/crypto/sk.hpp"
#include "wire.hpp"

using namespace exchange;

TEST_CASE("two strangers key one host pair in four messages", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 7);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.world.story == std::vector<std::string>{"A -> B IKE_SA_INIT request 0",
                                                    "B -> A IKE_SA_INIT answer 0",
                                                    "A -> B IKE_AUTH request 1", "B -> A IKE_AUTH answer 1"});
    REQUIRE(p.a.installed.size() == 1);
    REQUIRE(p.b.installed.size() == 1);
    const InstallChild& ours = p.a.installed.front();
    const InstallChild& theirs = p.b.installed.front();
    CHECK(ours.initiator);
    CHECK(ours.connection == 7);
    CHECK_FALSE(theirs.initiator);
    CHECK(theirs.connection == 0);
    CHECK(ours.pair == p.pair);
    CHECK(theirs.pair == p.pair.reversed());
    CHECK(ours.spi_in == theirs.spi_out);
    CHECK(ours.spi_out == theirs.spi_in);
    CHECK(ours.inbound.key == theirs.outbound.key);
    CHECK(ours.inbound.salt == theirs.outbound.salt);
    CHECK(ours.outbound.key == theirs.inbound.key);
    CHECK(ours.outbound.key != ours.inbound.key);
    CHECK(ours.outbound.key != decltype(ours.outbound.key){});
    CHECK(ours.lowest_nonce == theirs.lowest_nonce);
    CHECK(ours.verdict == Verdict::secure);
    CHECK(theirs.peer == Identity::of(p.a.address));
    CHECK(p.b.wanted_keys.size() == 1);
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.front().pair == p.pair);
    CHECK(p.b.wanted_authorization.front().key == key_a().public_key());
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
    CHECK(p.a.engine->status().front().suite == "aes128-gcm16/prfsha256/curve25519");
}

TEST_CASE("both signature forms of RFC 7427 and method 1 authenticate", "[exchange]") {
    const auto form_a = GENERATE(SignatureForm::automatic, SignatureForm::rsa_method_1, SignatureForm::pss);
    const auto form_b = GENERATE(SignatureForm::automatic, SignatureForm::rsa_method_1, SignatureForm::pss);
    Pairing p([&](Settings& s) { s.signature_form = form_a; },
              [&](Settings& s) { s.signature_form = form_b; });
    p.key_up();
    CHECK(p.world.story.size() == 4);
}

TEST_CASE("over the half-open threshold a cookie is asked for first", "[exchange]") {
    Pairing p([](Settings&) {},
              [](Settings& s) {
                  s.ike.half_open_total = 0;
                  s.ike.half_open_per_source = 8;
              });
    p.a.initiate(p.b, p.pair, 1);
    p.world.deliver();
    p.world.settle();
    CHECK(p.b.engine->status().empty());  // r.threshold: no state kept
    CHECK(p.b.engine->counters().cookies_sent == 1);
}

TEST_CASE("a cookie is returned and the exchange goes on", "[exchange]") {
    // Eight half-open exchanges of the same source fill its budget.
    Pairing p;
    p.b.answer_keys = false;
    std::vector<std::unique_ptr<Peer>> others;
    for (std::uint64_t i = 0; i < 8; ++i) {
        others.push_back(std::make_unique<Peer>(p.world, "A", p.a.address, key_a(), 100 + i,
                                                [](Settings& s) { s.timers.gateway = 1s; }));
        others.back()->dns = p.a.dns;
        others.back()->initiate(p.b, p.pair, 1);
        while (others.back()->drain()) {
        }
        while (!p.world.wire.empty()) p.world.hand_over(p.world.take());
    }
    CHECK(p.b.engine->status().size() == 8);
    p.b.answer_keys = true;
    p.world.story.clear();
    p.key_up();
    CAPTURE(p.world.told());
    CHECK(p.b.engine->counters().cookies_sent == 1);
    CHECK(p.world.story.size() == 6);
    CHECK(p.world.story.at(2) == "A -> B IKE_SA_INIT request 0");
    CHECK(p.world.story.at(5) == "B -> A IKE_AUTH answer 1");
}

TEST_CASE("a flood of IKE_SA_INIT meets cookies, not state", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    const Datagram first = p.world.take();
    for (unsigned i = 0; i < 1000; ++i) {
        Datagram forged = first;
        forged.from.address = Address::ipv4(0xC6120000u + i * 256);  // 198.18.0.0/15
        for (std::size_t at = 0; at < 8; ++at)
            forged.bytes[at] = static_cast<std::uint8_t>(i * 7 + at + (i >> 8));
        p.world.hand_over(forged);
    }
    CHECK(p.b.engine->status().size() == 128);
    CHECK(p.b.engine->counters().cookies_sent == 1000 - 128);
    p.world.wire.clear();
    p.world.hand_over(first);  // and an honest peer still gets through
    p.world.run();
    CHECK(p.a.live.size() == 1);
    p.world.pass(31s);
    CHECK(p.b.num_established() == 1);
    CHECK(p.b.engine->status().size() == 1);  // the half-open ones are gone
    CHECK(p.b.engine->counters().half_open_expired == 128);
}

TEST_CASE("INVALID_KE_PAYLOAD is followed to the group that the peer wants", "[exchange]") {
    Pairing p([](Settings&) {}, [](Settings& s) { s.ike.groups = {DhGroup::modp2048}; });
    p.key_up();
    CAPTURE(p.world.told());
    CHECK(p.world.story.size() == 6);
    CHECK(p.a.engine->status().front().suite == "aes128-gcm16/prfsha256/modp2048");
}

TEST_CASE("one lost datagram delays the keying and does not prevent it", "[exchange]") {
    const int lost = GENERATE(0, 1, 2, 3);
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    for (int i = 0; i < lost; ++i) p.world.deliver();
    CAPTURE(p.world.take().line);
    p.world.pass(2s);
    CAPTURE(p.world.told());
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(p.b.wanted_keys.size() == 1);
    CHECK(p.b.installed.size() == 1);
}

TEST_CASE("whatever arrives twice has no second effect", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    std::vector<Datagram> seen;
    for (;;) {
        p.world.settle();
        if (p.world.wire.empty()) break;
        Datagram datagram = p.world.take();
        if (seen.size() < 40) seen.push_back(datagram);
        p.world.hand_over(datagram);
        if (seen.size() < 40) p.world.hand_over(datagram);
    }
    for (const Datagram& datagram : seen) p.world.hand_over(datagram);  // and late once more
    CHECK(p.a.installed.size() == 1);
    CHECK(p.b.installed.size() == 1);
    CHECK(p.b.wanted_keys.size() == 1);
    CHECK(p.b.wanted_authorization.size() == 1);
}

TEST_CASE("a lossy, repeating, reordering wire keys in the end", "[exchange]") {
    const auto seed = GENERATE(range(1, 41));
    CAPTURE(seed);
    Pairing p([](Settings& s) { s.timers.gateway = 30s; });
    SeededRandom chaos(static_cast<std::uint64_t>(seed));
    p.a.initiate(p.b, p.pair, 1);
    for (int step = 0; step < 400 && p.a.live.empty(); ++step) {
        p.world.settle();
        if (p.world.wire.empty() || chaos.below(4) == 0) {
            p.world.pass(100ms, false);
            continue;
        }
        const auto at = chaos.below(p.world.wire.size());
        const Datagram datagram = p.world.wire[at];
        if (chaos.below(4) != 0) p.world.wire.erase(p.world.wire.begin() + static_cast<long>(at));
        if (chaos.below(4) != 0) p.world.hand_over(datagram);
    }
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(p.b.wanted_authorization.size() == 1);
}

TEST_CASE("the same IKE_AUTH during the key lookup meets silence, nothing starts twice", "[exchange]") {
    Pairing p;
    p.b.answer_keys = false;
    p.a.initiate(p.b, p.pair, 1);
    p.world.pass(3s);
    CAPTURE(p.world.told());
    CHECK(p.b.wanted_keys.size() == 1);
    CHECK(p.world.story.back() == "A -> B IKE_AUTH request 1");
    CHECK(p.b.engine->counters().repeated >= 2);
    p.b.engine->peer_keys(p.b.wanted_keys.front().sa, {key_a().public_key()}, Verdict::secure, p.world.now);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.wanted_keys.size() == 1);
}

TEST_CASE("a lookup that never ends: silence for the initiator, half-open time-out for the responder",
          "[exchange]") {
    Pairing p;
    p.b.answer_keys = false;
    p.a.initiate(p.b, p.pair, 1);
    p.world.pass(11s);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::silence);
    p.world.pass(60s);
    CHECK(p.b.engine->status().empty());
    CHECK(p.a.engine->status().empty());
    CHECK(p.a.failed.size() == 1);
    CHECK(p.a.spis.in_use.empty());
}

TEST_CASE("an answer after the gateway timer still keys (f.late)", "[exchange]") {
    Pairing p;
    p.b.answer_keys = false;
    p.a.initiate(p.b, p.pair, 9);
    p.world.pass(12s);
    REQUIRE(p.a.failed.size() == 1);
    p.b.engine->peer_keys(p.b.wanted_keys.front().sa, {key_a().public_key()}, Verdict::secure, p.world.now);
    p.world.run();
    REQUIRE(p.a.installed.size() == 1);
    CHECK(p.a.installed.front().connection == 9);
    CHECK(p.a.failed.size() == 1);
}

TEST_CASE("no published key: AUTHENTICATION_FAILED", "[exchange]") {
    Pairing p;
    p.b.dns.clear();
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::refused);
    CHECK(p.a.noticed("AUTHENTICATION_FAILED"));
    CHECK(p.b.noticed("DNS gives no usable key"));
    CHECK(p.b.installed.empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.wanted_authorization.empty());
}

TEST_CASE("a signature by an unpublished key is refused by the responder", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_c().public_key(), key_b().public_key()};
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::refused);
    CHECK(p.b.noticed("signature"));
    CHECK(p.b.wanted_authorization.empty());
    CHECK(p.b.installed.empty());
}

TEST_CASE("noise does not keep a security notice from being heard", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_c().public_key()};
    p.a.initiate(p.b, p.pair, 1);
    for (unsigned i = 0; i < 1000; ++i)
        p.world.hand_over({{ip("198.51.100.9"), 500}, {p.b.address, 500}, Bytes(20), "noise"});
    CHECK(p.b.engine->counters().notices_suppressed > 900);
    p.world.run();
    CHECK(p.b.noticed("refused with AUTHENTICATION_FAILED"));
}

TEST_CASE("an IKE version that we do not speak is answered seldom", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    Datagram later = p.world.take();
    later.bytes[17] = 0x30;
    for (unsigned i = 0; i < 1000; ++i) p.world.hand_over(later);
    CHECK(p.world.wire.size() <= 20);
    CHECK_FALSE(p.world.wire.empty());
}

TEST_CASE("any published key of the identity will do", "[exchange]") {
    Pairing p;
    p.b.dns[Identity::of(p.a.address)] = {key_c().public_key(), key_a().public_key()};
    p.a.dns[Identity::of(p.b.address)] = {key_c().public_key(), key_b().public_key()};
    p.key_up();
    CHECK(p.b.wanted_authorization.front().key == key_a().public_key());
}

TEST_CASE("a signature by an unpublished key is refused by the initiator, the responder is told",
          "[exchange]") {
    Pairing p;
    p.a.dns[Identity::of(p.b.address)] = {key_c().public_key()};
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CAPTURE(p.world.told());
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::signature);
    CHECK(p.a.installed.empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.a.noticed("is not who DNS says it is"));
    CHECK(p.b.live.empty());
    CHECK(p.world.story.at(4) == "A -> B INFORMATIONAL request 2");
    p.world.pass(20s);
    CHECK(p.a.engine->status().empty());
    CHECK(p.b.engine->status().empty());
}

TEST_CASE("a source that nobody delegates to the peer is refused, the IKE SA stays", "[exchange]") {
    Pairing p;
    p.b.delegations.clear();
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.front().pair.source == p.alice);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::child_refused);
    CHECK(p.a.failed.front().detail.find("TS_UNACCEPTABLE") != std::string::npos);
    CHECK(p.b.installed.empty());
    CHECK(p.a.installed.empty());
    CHECK(p.a.spis.in_use.empty());
    CHECK(p.b.spis.in_use.empty());
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
    // The channel serves the next pair.
    p.b.delegations[{Identity::of(p.a.address), p.anna}] = true;
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.world.story.size() == 6);
}

TEST_CASE("no answer within the gateway timer is silence, remembered for the pairs behind it", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.pass(11s, false);
    REQUIRE(p.a.failed.size() == 2);
    CHECK(p.a.failed[0].failure == Failure::silence);
    CHECK(p.a.failed[1].failure == Failure::silence);
    const auto sent = p.world.story.size();
    p.a.initiate(p.b, {p.anna, p.bert}, 3);
    p.world.settle();
    REQUIRE(p.a.failed.size() == 3);
    CHECK(p.world.story.size() == sent);
    CHECK(p.a.engine->status().empty());
    p.world.wire.clear();
    p.world.pass(61s);
    p.a.initiate(p.b, p.pair, 4);
    p.world.run();
    CHECK(p.a.live.size() == 1);
}

TEST_CASE("one IKE_SA_INIT per gateway: the second pair waits and uses the channel", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.run();
    CAPTURE(p.world.told());
    CHECK(p.a.live.size() == 2);
    CHECK(p.b.live.size() == 2);
    CHECK(p.world.story.size() == 6);
    CHECK(p.world.story.at(4) == "A -> B CREATE_CHILD_SA request 2");
}

TEST_CASE("a channel is reused by identity, key and verdict, never by address alone", "[exchange]") {
    Pairing p;
    p.key_up();
    SECTION("another verdict") {
        p.a.initiate(p.b, {p.anna, p.bob}, 2, Verdict::insecure);
        p.world.run();
        CHECK(p.world.story.at(4) == "A -> B IKE_SA_INIT request 0");
        CHECK(p.a.num_established() == 2);
    }
    SECTION("another key") {
        p.a.dns[Identity::of(p.b.address)] = {key_c().public_key()};
        p.a.initiate(p.b, {p.anna, p.bob}, 2);
        p.world.run();
        CHECK(p.world.story.at(4) == "A -> B IKE_SA_INIT request 0");
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::signature);
    }
    SECTION("the same") {
        p.a.initiate(p.b, {p.anna, p.bob}, 2);
        p.world.run();
        CHECK(p.world.story.at(4) == "A -> B CREATE_CHILD_SA request 2");
        CHECK(p.a.num_established() == 1);
    }
    SECTION("and from the other side") {
        p.b.initiate(p.a, {p.bert, p.alice}, 2);
        p.world.run();
        CHECK(p.world.story.at(4) == "B -> A CREATE_CHILD_SA request 0");
        CHECK(p.b.live.size() == 2);
    }
}

TEST_CASE("crossed initiation: both finish and agree on the lowest nonce", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.b.initiate(p.a, p.pair.reversed(), 2);
    p.world.run();
    CAPTURE(p.world.told());
    REQUIRE(p.a.installed.size() == 2);
    REQUIRE(p.b.installed.size() == 2);
    const auto& a0 = p.a.installed[0];
    const auto& a1 = p.a.installed[1];
    CHECK(a0.initiator != a1.initiator);
    CHECK(a0.lowest_nonce != a1.lowest_nonce);
    // The child with the lowest of the four nonces is closed by its creator (s.both).
    const auto& lowest = a0.lowest_nonce < a1.lowest_nonce ? a0 : a1;
    Peer& creator = lowest.initiator ? p.a : p.b;
    for (const auto& child : creator.installed)
        if (child.initiator) creator.engine->delete_child(child.child, p.world.now);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    CHECK(p.b.live.size() == 1);
    CHECK(p.a.live.begin()->second.spi_in == p.b.live.begin()->second.spi_out);
    p.world.pass(31min);  // the channel that carries nothing closes
    CHECK(p.a.num_established() == 1);
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("unprotected notifies decide nothing and do not shorten the wait", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.world.settle();
    const Datagram request = p.world.take();
    const auto type = GENERATE(wire::NotifyType::no_proposal_chosen, wire::NotifyType::authentication_failed,
                               wire::NotifyType::invalid_syntax, wire::NotifyType::invalid_major_version);
    wire::Header header = wire::parse_header(request.bytes).value();
    header.response = true;
    header.initiator = false;
    wire::Payloads forged;
    forged.add(wire::Notify::of(type));
    const Bytes bytes = wire::serialise(header, forged);
    p.world.hand_over({request.to, request.from, bytes, "forged"});
    CHECK(p.a.failed.empty());
    CHECK(p.a.engine->counters().unprotected == 1);
    p.world.hand_over(request);
    p.world.run();
    CHECK(p.a.live.size() == 1);
}

TEST_CASE("cookies and groups without end do not go round for ever", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    const Datagram request = p.world.take();
    wire::Header header = wire::parse_header(request.bytes).value();
    header.response = true;
    header.initiator = false;
    for (std::uint8_t i = 1; i <= 20; ++i) {
        wire::Payloads forged;
        forged.add(wire::Notify::of(wire::NotifyType::cookie, Bytes(8, i)));
        p.world.hand_over({request.to, request.from, wire::serialise(header, forged), "forged"});
    }
    CHECK(p.world.story.size() == 1 + 4);
    p.world.wire.clear();
    p.world.pass(11s, false);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::silence);
}

TEST_CASE("an unprotected NO_PROPOSAL_CHOSEN names the failure only when the timer ends it", "[exchange]") {
    Pairing p([](Settings& s) { s.ike.groups = {DhGroup::curve25519}; },
              [](Settings& s) { s.ike.groups = {DhGroup::modp2048}; });
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CHECK(p.a.failed.empty());
    CHECK(p.b.noticed("no proposal in common"));
    p.world.pass(11s);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::no_proposal);
}

TEST_CASE("forged messages on an established IKE SA change nothing", "[exchange]") {
    Pairing p;
    p.key_up();
    const auto status = p.a.engine->status().front();
    wire::Header header;
    header.spi_initiator = status.spi_initiator;
    header.spi_responder = status.spi_responder;
    header.exchange = wire::ExchangeType::informational;
    header.initiator = true;
    header.message_id = 2;
    wire::Payloads forged;
    forged.add(wire::Delete{wire::ProtocolId::ike, {}});
    const Endpoint at_a{p.a.address, 500}, at_b{p.b.address, 500};
    p.world.hand_over({at_a, at_b, wire::serialise(header, forged), "forged"});
    CHECK(p.b.engine->counters().unprotected == 1);
    SkSealer wrong(Secret(20));
    p.world.hand_over({at_a, at_b, wrong.seal(header, forged), "forged"});
    CHECK(p.b.engine->counters().bad_icv == 1);
    CHECK(p.world.wire.empty());
    CHECK(p.b.num_established() == 1);
    CHECK(p.b.live.size() == 1);
}

TEST_CASE("malformed messages are refused with a notice that names the peer, and nothing stops",
          "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    const Datagram init = p.world.take();
    for (std::size_t len = 0; len < init.bytes.size(); ++len)
        p.world.hand_over({init.from, init.to,
                           Bytes(init.bytes.begin(), init.bytes.begin() + static_cast<long>(len)), "cut"});
    CHECK(p.b.engine->counters().malformed == init.bytes.size());
    REQUIRE_FALSE(p.b.notices.empty());
    CHECK(p.b.notices.front().remote.address == p.a.address);
    CHECK(p.b.notices.front().text.find("header") != std::string::npos);
    CHECK(p.b.notices.size() <= 64);  // a flood does not fill the log
    CHECK(p.b.engine->counters().notices_suppressed > 0);
    for (std::size_t at = 16; at < init.bytes.size(); ++at) {
        Datagram bent = init;
        bent.bytes[at] ^= 0xff;
        bent.from.address = Address::ipv4(0xC6120000u + static_cast<std::uint32_t>(at) * 256);
        p.world.hand_over(bent);
    }
    p.world.wire.clear();
    p.world.pass(31s, false);
    p.world.wire.clear();
    CHECK(p.b.engine->status().empty());
    p.a.initiate(p.b, p.pair, 2);
    p.world.pass(61s);
    p.a.initiate(p.b, p.pair, 3);
    p.world.run();
    CHECK(p.a.live.size() == 1);
    // And of what is encrypted: every bit matters.
    const auto told_before = p.b.engine->counters().invalid_spi_answered;
    p.a.engine->check_liveness(p.a.live.begin()->first, p.world.now);
    const Datagram alive = p.world.take();
    for (std::size_t at = 0; at < alive.bytes.size(); ++at) {
        Datagram bent = alive;
        bent.bytes[at] ^= 0x01;
        p.world.hand_over(bent);
    }
    // Where a bent SPI makes it a stranger's request the sender is told so: unprotected,
    // and rate-limited.
    CHECK(p.world.wire.size() == p.b.engine->counters().invalid_spi_answered - told_before);
    CHECK(p.world.wire.size() <= 20);
    for (const Datagram& told : p.world.wire) CHECK(told.bytes.size() == 36);  // header and one notify
    p.world.wire.clear();
    p.world.hand_over(alive);
    CHECK(p.world.wire.size() == 1);
}

TEST_CASE("an address translator: IKE moves to port 4500, and ESP goes in UDP to where it comes from",
          "[exchange]") {
    Pairing p;
    const Endpoint outside{ip("203.0.113.9"), 40000};
    p.a.initiate(p.b, p.pair, 1);
    Datagram init = p.world.take();
    init.from = outside;
    p.world.hand_over(init);
    Datagram answer = p.world.take();
    CHECK(answer.to == outside);
    p.a.engine->on_datagram({p.a.address, 500}, answer.from, answer.bytes, p.world.now);
    Datagram auth = p.world.take();
    CHECK(auth.from.port == 4500);
    CHECK(auth.to.port == 4500);
    const Endpoint floated{outside.address, 40001};  // another hole for another port
    auth.from = floated;
    p.world.hand_over(auth);
    answer = p.world.take();
    CHECK(answer.to == floated);
    p.a.engine->on_datagram({p.a.address, 4500}, answer.from, answer.bytes, p.world.now);
    p.world.settle();
    REQUIRE(p.a.installed.size() == 1);
    REQUIRE(p.b.installed.size() == 1);
    CHECK(p.a.installed.front().udp == UdpPorts{4500, 4500});
    CHECK(p.b.installed.front().udp == UdpPorts{4500, 40001});
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK(p.b.wanted_authorization.front().nat);
    CHECK(p.b.installed.front().remote == outside.address);
    CHECK(p.a.installed.front().outbound.key == p.b.installed.front().inbound.key);
}

TEST_CASE("without a translator ESP is plain", "[exchange]") {
    Pairing p;
    p.key_up();
    REQUIRE(p.b.wanted_authorization.size() == 1);
    CHECK_FALSE(p.b.wanted_authorization.front().nat);
    CHECK_FALSE(p.a.installed.front().udp.used());
    CHECK_FALSE(p.b.installed.front().udp.used());
}

TEST_CASE("every suite is negotiated, with 64-bit sequence numbers where both may", "[exchange]") {
    for (const EspSuiteFacts& f : kEspSuites)
        for (const bool esn : {false, true}) {
            CAPTURE(f.name, esn);
            Pairing p([&](Settings& s) { s.ike.suites = {f.suite}; },
                      [&](Settings& s) {
                          s.ike.suites = {EspSuite::aes_gcm_16_128, f.suite};
                          s.ike.esn = esn;
                          s.key_log = true;
                      });
            p.key_up();
            const InstallChild& ours = p.a.installed.front();
            const InstallChild& theirs = p.b.installed.front();
            CHECK(ours.inbound.suite == f.suite);
            CHECK(theirs.outbound.suite == f.suite);
            CHECK(ours.esn == esn);
            CHECK(theirs.esn == esn);
            CHECK(ours.inbound.key == theirs.outbound.key);
            CHECK(ours.inbound.auth_key == theirs.outbound.auth_key);
            CHECK(ours.outbound.auth_key == theirs.inbound.auth_key);
            const auto filled = [](const auto& bytes, std::size_t len) {
                const auto zero = [](std::uint8_t b) { return b == 0; };
                const auto middle = bytes.begin() + static_cast<std::ptrdiff_t>(len);
                return (len == 0 || !std::all_of(bytes.begin(), middle, zero)) &&
                       std::all_of(middle, bytes.end(), zero);
            };
            CHECK(filled(ours.inbound.key, f.key_len));
            CHECK(filled(ours.inbound.auth_key, f.auth_key_len));
            CHECK(filled(ours.inbound.salt, f.salt_len));
            if (f.auth_key_len != 0) CHECK(ours.inbound.auth_key != ours.outbound.auth_key);
            CHECK(p.b.key_log.size() == 3);
        }
}

TEST_CASE("gateways without a suite in common make no child", "[exchange]") {
    Pairing p([](Settings& s) { s.ike.suites = {EspSuite::aes_cbc_128_sha256_128}; },
              [](Settings& s) { s.ike.suites = {EspSuite::aes_cbc_256_sha256_128}; });
    p.a.initiate(p.b, p.pair, 1);
    p.world.run();
    CHECK(p.a.live.empty());
    CHECK(p.b.live.empty());
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::child_refused);
}

TEST_CASE("key log lines appear only when asked for", "[exchange]") {
    const bool asked = GENERATE(false, true);
    Pairing p([&](Settings& s) { s.key_log = asked; });
    p.key_up();
    if (!asked) {
        CHECK(p.a.key_log.empty());
        return;
    }
    REQUIRE(p.a.key_log.size() == 3);
    CHECK(p.a.key_log[0].find("\"AES-GCM-128 with 16 octet ICV [RFC5282]\"") != std::string::npos);
    const auto& child = p.a.installed.front();
    CHECK(p.a.key_log[2] ==
          fmt::format("\"IPv4\",\"192.1.0.1\",\"192.2.0.2\",\"0x{:08x}\",\"AES-GCM with 16 octet ICV "
                      "[RFC4106]\",\"0x{}{}\",\"NULL\",\"\"",
                      child.spi_out, to_hex(ByteView(child.outbound.key).first(16)),
                      to_hex(child.outbound.salt)));
}

TEST_CASE("no room for an inbound SA", "[exchange]") {
    Pairing p;
    SECTION("at the initiator") {
        p.a.spis.limit = 0;
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::too_many);
    }
    SECTION("at the responder") {
        p.b.spis.limit = 0;
        p.a.initiate(p.b, p.pair, 1);
        p.world.run();
        REQUIRE(p.a.failed.size() == 1);
        CHECK(p.a.failed.front().failure == Failure::full);
        CHECK(p.a.num_established() == 1);
    }
}

TEST_CASE("a forgotten connection's exchange is dropped before the peer is authenticated", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    p.world.settle();
    p.a.engine->forget(1);
    p.world.run();
    REQUIRE(p.a.live.size() == 1);
    CHECK(p.a.live.begin()->second.connection == 2);
    CHECK(p.a.failed.empty());
}

TEST_CASE("an IKE SA that goes while its crypto job runs is not missed", "[exchange]") {
    Pairing p;
    p.a.initiate(p.b, p.pair, 1);
    p.a.engine->shutdown(p.world.now);  // the Diffie-Hellman job is still in the pool
    p.world.run();
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.failed.front().failure == Failure::shutdown);
    CHECK(p.a.engine->status().empty());
}
