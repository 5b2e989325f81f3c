// How children and IKE SAs end: what each side says of SPIs that the other does not have,
// and requests that meet an end (RFC 7296 §1.4.1, §2.25).
#include <algorithm>

#include "ike/v2/child_offer.hpp"
#include "insider.hpp"

using namespace exchange;

namespace {

wire::Payloads rekey_request(const Pairing& p, std::uint32_t old_spi) {
    wire::Payloads request;
    request.add(wire::Notify::of_esp(wire::NotifyType::rekey_sa, old_spi));
    request.add(wire::offer_esp(config::Ike{}, 0x70000001, false));
    request.add(wire::Nonce{Bytes(32, 7)});
    v2::add_selectors(request, p.pair);
    return request;
}

void log_keys(Settings& settings) {
    settings.key_log = true;
}

}  // namespace

TEST_CASE("a rekey of a child that we do not have is told so, with its SPI", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    Insider a(p, true);
    a.say(wire::ExchangeType::create_child_sa, false, 2, rekey_request(p, 0x12345678));
    const wire::Payloads answer = Listener(p, true).hear(p.world.take());
    const auto* error = answer.notify(wire::NotifyType::child_sa_not_found);
    REQUIRE(error != nullptr);
    CHECK(error->esp_spi() == 0x12345678u);
    CHECK(p.b.live.size() == 1);
}

TEST_CASE("a rekey of a child that we are closing is put off", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    Insider a(p, true);
    p.b.engine->delete_child(p.b.live.begin()->first, p.world.now);
    p.world.take();  // B's delete is lost for now
    a.say(wire::ExchangeType::create_child_sa, false, 2, rekey_request(p, p.b.installed.front().spi_out));
    const wire::Payloads answer = Listener(p, true).hear(p.world.take());
    CHECK(answer.notify(wire::NotifyType::temporary_failure) != nullptr);
    CHECK(p.b.installed.size() == 1);
}

TEST_CASE("a delete of SPIs that we do not have is answered without them", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    Insider a(p, true);
    wire::Payloads request;
    request.add(wire::Delete{wire::ProtocolId::esp, {0x12345678, p.a.installed.front().spi_in, 0x9abcdef0}});
    a.say(wire::ExchangeType::informational, false, 2, request);
    const wire::Payloads answer = Listener(p, true).hear(p.world.take());
    REQUIRE(answer.deletes().size() == 1);
    CHECK(answer.deletes().front()->spis == std::vector<std::uint32_t>{p.b.installed.front().spi_in});
    CHECK(p.b.live.empty());
    CHECK(p.b.num_established() == 1);
}

TEST_CASE("a child that the peer says it does not have is gone, not rekeyed for ever", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    const ChildId child = p.a.live.begin()->first;
    p.a.engine->rekey_child(child, p.world.now);
    const auto asked = wire::parse(p.world.take().bytes);
    REQUIRE(asked);
    Insider b(p, false);
    wire::Payloads answer;
    answer.add(wire::Notify::of_esp(wire::NotifyType::child_sa_not_found, p.a.installed.front().spi_in));
    b.say(wire::ExchangeType::create_child_sa, true, asked->header.message_id, answer);
    CHECK(p.a.live.empty());
    REQUIRE(p.a.gone.size() == 1);
    CHECK(p.a.gone.front().reason == ChildGone::Reason::deleted_by_peer);
    CHECK(p.a.rekey_failed.empty());
    CHECK(p.a.num_established() == 1);
    CHECK(p.a.spis.in_use.empty());
}

TEST_CASE("a gateway that is always busy keeps none of our inbound SAs", "[exchange]") {
    Pairing p([](Settings& s) { s.key_log = true; });
    p.key_up();
    Insider busy(p, false);
    wire::Payloads later;
    later.add(wire::Notify::of(wire::NotifyType::temporary_failure));
    unsigned times = 0;
    p.a.initiate(p.b, {p.anna, p.bob}, 2);
    for (unsigned i = 0; i < 150; ++i) {
        while (!p.world.wire.empty()) {
            const auto header = wire::parse_header(p.world.take().bytes);
            REQUIRE(header);
            if (header->exchange != wire::ExchangeType::create_child_sa) continue;
            busy.say(wire::ExchangeType::create_child_sa, true, header->message_id, later);
            ++times;
        }
        p.world.pass(100ms, false);
    }
    CHECK(times >= 3);
    REQUIRE(p.a.failed.size() == 1);
    CHECK(p.a.spis.in_use.size() == 1);  // that of the first pair
}

TEST_CASE("INITIAL_CONTACT counts in IKE_AUTH only", "[exchange]") {
    Pairing p(log_keys);
    p.key_up();
    Insider a(p, true);
    wire::Payloads request;
    request.add(wire::Notify::of(wire::NotifyType::initial_contact));
    a.say(wire::ExchangeType::informational, false, 2, request);
    const wire::Payloads answer = Listener(p, true).hear(p.world.take());
    CHECK(answer.deletes().empty());
    CHECK(p.b.live.size() == 1);
}
