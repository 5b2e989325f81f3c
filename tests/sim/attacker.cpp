#include "attacker.hpp"

#include <array>

#include "base/cursor.hpp"
#include "ike/wire/constants.hpp"

namespace oegate::sim {
namespace {

using ike::wire::ExchangeType;
using ike::wire::NotifyType;
using ike::wire::PayloadType;

constexpr std::array kNotifies{NotifyType::invalid_ike_spi,    NotifyType::invalid_major_version,
                               NotifyType::invalid_syntax,     NotifyType::invalid_message_id,
                               NotifyType::invalid_spi,        NotifyType::no_proposal_chosen,
                               NotifyType::invalid_ke_payload, NotifyType::authentication_failed,
                               NotifyType::no_additional_sas,  NotifyType::ts_unacceptable,
                               NotifyType::temporary_failure,  NotifyType::child_sa_not_found,
                               NotifyType::initial_contact,    NotifyType::cookie,
                               static_cast<NotifyType>(12345)};

void put_header(Writer& out, std::uint64_t spi_i, std::uint64_t spi_r, PayloadType first, unsigned exchange,
                unsigned flags, std::uint32_t id, std::size_t body) {
    out.u64(spi_i).u64(spi_r).u8(static_cast<std::uint8_t>(first)).u8(0x20);
    out.u8(static_cast<std::uint8_t>(exchange)).u8(static_cast<std::uint8_t>(flags)).u32(id);
    out.u32(static_cast<std::uint32_t>(ike::wire::kHeaderLen + body));
}

}  // namespace

void Attacker::strike() {
    switch (world_.random.below(9)) {
        case 0:
            return replay();
        case 1:
            return mutilate();
        case 2:
        case 3:
            return unprotected_notify();
        case 4:
            return unknown_spi();
        case 5:
            return forged_esp();
        case 6:
            return old_esp();
        case 7:
            return icmp_too_big();
        default:
            return clear_text();
    }
}

void Attacker::replay() {
    if (world_.heard().empty()) return;
    ++num_strikes_;
    ike::SendDatagram d = world_.heard()[world_.random.below(world_.heard().size())];
    if (world_.random.below(3) == 0) std::swap(d.local, d.remote);
    world_.inject(d);
}

void Attacker::mutilate() {
    if (world_.heard().empty()) return;
    ++num_strikes_;
    ike::SendDatagram d = world_.heard()[world_.random.below(world_.heard().size())];
    if (d.payload.empty()) return;
    const std::size_t at = world_.random.below(d.payload.size());
    if (world_.random.below(3) == 0)
        d.payload.resize(at);
    else
        d.payload[at] ^= static_cast<std::uint8_t>(1u << world_.random.below(8));
    world_.inject(d);
}

/// In the name of whom the heard message went to, to its sender (RFC 7296 §2.21.1).
void Attacker::unprotected_notify() {
    if (world_.heard().empty()) return;
    ++num_strikes_;
    const ike::SendDatagram& victim = world_.heard()[world_.random.below(world_.heard().size())];
    Reader in(victim.payload);
    const std::uint64_t spi_i = in.u64();
    std::uint64_t spi_r = in.u64();
    in.skip(2);
    const unsigned exchange = in.u8();
    const unsigned flags = in.u8();
    const std::uint32_t id = in.u32();
    if (!in.ok()) return;
    if (exchange == 34 && world_.random.below(2) == 0) spi_r = world_.random.u64();
    const NotifyType type = kNotifies[world_.random.below(kNotifies.size())];
    const Bytes data = world_.random.bytes(type == NotifyType::cookie ? 1 + world_.random.below(64)
                                           : type == NotifyType::invalid_ke_payload ? 2
                                                                                    : world_.random.below(9));
    const bool closing = world_.random.below(4) == 0;  // a delete of the IKE SA instead
    Writer out;
    put_header(out, spi_i, spi_r, closing ? PayloadType::delete_sa : PayloadType::notify,
               closing ? 37 : exchange, (flags & 0x08) ^ 0x08 ^ (closing ? 0 : 0x20), id,
               8 + (closing ? 0 : data.size()));
    if (closing)
        out.u8(0).u8(0).u16(8).u8(1).u8(0).u16(0);
    else
        out.u8(0)
            .u8(0)
            .u16(static_cast<std::uint16_t>(8 + data.size()))
            .u8(0)
            .u8(0)
            .u16(static_cast<std::uint16_t>(type))
            .put(data);
    world_.inject(ike::SendDatagram{victim.remote, victim.local, std::move(out).take()});
}

void Attacker::unknown_spi() {
    ++num_strikes_;
    const unsigned to = static_cast<unsigned>(world_.random.below(world_.num_gateways()));
    const unsigned from = static_cast<unsigned>(world_.random.below(world_.num_gateways()));
    Esp esp;
    esp.local = World::gateway_address(from);
    esp.remote = World::gateway_address(to);
    esp.spi = world_.random.u32() | 0x100;
    esp.forged = true;
    world_.inject(Packet(esp), to);
}

void Attacker::forged_esp() {
    if (world_.heard_esp().empty()) return;
    ++num_strikes_;
    Esp esp = world_.heard_esp()[world_.random.below(world_.heard_esp().size())];
    esp.forged = true;
    esp.sequence += world_.random.below(1000);
    if (const auto to = world_.gateway_at(esp.remote)) world_.inject(Packet(esp), *to);
}

void Attacker::old_esp() {
    if (world_.heard_esp().empty()) return;
    ++num_strikes_;
    const Esp& esp = world_.heard_esp()[world_.random.below(world_.heard_esp().size())];
    if (const auto to = world_.gateway_at(esp.remote)) world_.inject(Packet(esp), *to);
}

void Attacker::icmp_too_big() {
    if (world_.heard_esp().empty()) return;
    ++num_strikes_;
    const Esp& esp = world_.heard_esp()[world_.random.below(world_.heard_esp().size())];
    PathMtu event;
    event.local = esp.local;
    event.remote = esp.remote;
    event.reporter = Address::ipv4(192, 99, 0, 1);
    event.spi = world_.random.below(2) == 0 ? esp.spi : world_.random.u32();
    event.mtu = static_cast<std::uint16_t>(world_.random.below(1500));
    if (const auto to = world_.gateway_at(esp.local)) world_.inject(Event(event), *to);
}

void Attacker::clear_text() {
    if (world_.heard_esp().empty()) return;
    ++num_strikes_;
    const Esp& esp = world_.heard_esp()[world_.random.below(world_.heard_esp().size())];
    if (const auto to = world_.gateway_at(esp.remote)) world_.inject(Packet(Clear{esp.pair, 0}), *to);
}

void Attacker::half_open(unsigned n) {
    for (unsigned k = 0; k < n; ++k) {
        ++num_strikes_;
        const unsigned to = static_cast<unsigned>(world_.random.below(world_.num_gateways()));
        const Address from = Address::ipv4(198, 18, static_cast<std::uint8_t>(world_.random.below(4)),
                                           static_cast<std::uint8_t>(world_.random.below(250)));
        world_.inject(
            ike::SendDatagram{{from, 500}, {World::gateway_address(to), 500}, init_request(world_.random)});
    }
}

Bytes init_request(SeededRandom& random) {
    Writer body;
    // SA: one IKE proposal, AES-GCM-16-128, PRF_HMAC_SHA2_256, curve25519 (RFC 7296 §3.3)
    body.u8(34).u8(0).u16(40).u8(0).u8(0).u16(36).u8(1).u8(1).u8(0).u8(3);
    body.u8(3).u8(0).u16(12).u8(1).u8(0).u16(20).u16(0x800e).u16(128);
    body.u8(3).u8(0).u16(8).u8(2).u8(0).u16(5);
    body.u8(0).u8(0).u16(8).u8(4).u8(0).u16(31);
    body.u8(40).u8(0).u16(40).u16(31).u16(0).put(random.bytes(32));  // KE
    body.u8(0).u8(0).u16(36).put(random.bytes(32));                  // Nonce
    Writer out;
    put_header(out, random.u64() | 1, 0, PayloadType::sa, 34, 0x08, 0, body.size());
    out.put(body.view());
    return std::move(out).take();
}

Bytes with_cookie(ByteView request, ByteView answer) {
    Reader in(answer);
    in.skip(16);
    const auto first = static_cast<PayloadType>(in.u8());
    in.skip(11);
    in.skip(2);
    const std::uint16_t len = in.u16();
    in.skip(2);
    const auto type = static_cast<NotifyType>(in.u16());
    if (!in.ok() || first != PayloadType::notify || type != NotifyType::cookie || len < 8) return {};
    const ByteView cookie = in.take(len - 8u);
    if (!in.ok() || request.size() < ike::wire::kHeaderLen) return {};
    Writer out;  // RFC 7296 §2.6: the cookie comes first, all else is unchanged
    out.put(request.subspan(0, 16)).u8(static_cast<std::uint8_t>(PayloadType::notify));
    out.put(request.subspan(17, 7)).u32(static_cast<std::uint32_t>(request.size() + len));
    out.u8(request[16]).u8(0).u16(len).u8(0).u8(0).u16(static_cast<std::uint16_t>(type)).put(cookie);
    out.put(request.subspan(ike::wire::kHeaderLen));
    return std::move(out).take();
}

}  // namespace oegate::sim
