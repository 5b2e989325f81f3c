// One of the two gateways, as a test writes its messages: sealed with the keys of an IKE
// SA between A and B, so that the other one must take them for authentic.
#pragma once

#include <string>
#include <vector>

#include "ike/crypto/sk.hpp"
#include "wire.hpp"

namespace exchange {

class Insider {
  public:
    /// Of the pairing's first IKE SA, which A initiated; its A must write key_log.
    Insider(Pairing& pairing, bool as_a) : pairing_(pairing), as_a_(as_a) {
        REQUIRE_FALSE(pairing.a.key_log.empty());
        const IkeSaStatus channel = pairing.a.engine->status().front();
        header_.spi_initiator = channel.spi_initiator;
        header_.spi_responder = channel.spi_responder;
        header_.initiator = as_a;
        std::vector<std::string> fields{""};  // SPIi,SPIr,SK_ei,SK_er,...
        for (const char c : pairing.a.key_log.front())
            if (c == ',')
                fields.emplace_back();
            else
                fields.back().push_back(c);
        REQUIRE(fields.size() > 3);
        const auto key = from_hex(fields[as_a ? 2 : 3]);
        REQUIRE(key);
        sealer_ = std::make_unique<SkSealer>(Secret(Bytes(*key)));
    }

    /// Arrives at the other gateway; what that sends stays on the wire.
    void say(wire::ExchangeType exchange, bool response, std::uint32_t id, const wire::Payloads& payloads) {
        wire::Header header = header_;
        header.exchange = exchange;
        header.response = response;
        header.message_id = id;
        const Peer& from = as_a_ ? pairing_.a : pairing_.b;
        const Peer& to = as_a_ ? pairing_.b : pairing_.a;
        pairing_.world.hand_over(
            {{from.address, 500}, {to.address, 500}, sealer_->seal(header, payloads), "insider"});
    }

  private:
    Pairing& pairing_;
    bool as_a_;
    wire::Header header_;
    std::unique_ptr<SkSealer> sealer_;
};

/// What a datagram says to who has the keys: those of its sender.
class Listener {
  public:
    explicit Listener(const Pairing& pairing, bool to_a) {
        std::vector<std::string> fields{""};
        for (const char c : pairing.a.key_log.front())
            if (c == ',')
                fields.emplace_back();
            else
                fields.back().push_back(c);
        opener_ = std::make_unique<SkOpener>(Secret(Bytes(*from_hex(fields.at(to_a ? 3 : 2)))));
    }
    wire::Payloads hear(const Datagram& datagram) {
        const auto message = wire::parse(datagram.bytes);
        REQUIRE(message);
        auto opened = opener_->open(datagram.bytes, *message);
        REQUIRE(opened);
        return *std::move(opened);
    }

  private:
    std::unique_ptr<SkOpener> opener_;
};

}  // namespace exchange
