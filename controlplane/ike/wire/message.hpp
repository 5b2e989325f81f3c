// A whole IKE message: the header (RFC 7296 §3.1) and the chain of payloads (§3.2).
// Parses datagrams and what was inside SK, writes unencrypted messages; encrypted
// ones are written by crypto/sk.hpp. Knows nothing of what an exchange expects.
#pragma once

#include <variant>
#include <vector>

#include "ike/wire/notify.hpp"
#include "ike/wire/payloads.hpp"
#include "ike/wire/sa.hpp"
#include "ike/wire/traffic_selector.hpp"

namespace oegate::ike::wire {

struct Header {
    std::uint64_t spi_initiator = 0;
    std::uint64_t spi_responder = 0;
    ExchangeType exchange = ExchangeType::ike_sa_init;
    bool initiator = false;  // flag I: sent by the original initiator of the IKE SA
    bool response = false;   // flag R
    std::uint32_t message_id = 0;
    /// From a datagram only; written as 2.0.
    std::uint8_t major_version = 2;
    std::uint8_t minor_version = 0;

    bool operator==(const Header&) const = default;
};

using Payload = std::variant<Sa, KeyExchange, Identification, Authentication, Nonce, Notify, Delete, VendorId,
                             TrafficSelectors, Encrypted, Skipped>;

PayloadType type_of(const Payload& payload);

inline constexpr std::size_t kMaxPayloads = 64;
inline constexpr std::size_t kMaxMessageLen = 65535;

/// The payloads of a message, in order, with the look-ups that exchanges need.
struct Payloads {
    std::vector<Payload> list;

    template <class T>
    const T* find() const {
        for (const Payload& payload : list)
            if (const T* found = std::get_if<T>(&payload)) return found;
        return nullptr;
    }
    const Identification* id(PayloadType type) const;
    const TrafficSelectors* ts(PayloadType type) const;
    /// The first notify of this type.
    const Notify* notify(NotifyType type) const;
    std::vector<const Notify*> notifies() const;
    /// The first error notify (type below 16384).
    const Notify* first_error() const;
    std::vector<const Delete*> deletes() const;

    template <class T>
    Payloads& add(T payload) {
        list.emplace_back(std::move(payload));
        return *this;
    }
};

struct Message {
    Header header;
    Payloads payloads;

    bool encrypted() const { return payloads.find<Encrypted>() != nullptr; }
};

/// The header alone, to find the IKE SA before anything else is looked at. A major
/// version other than 2 is an error here too; the header's fields are then in
/// `parse_header_any_version`.
Parsed<Header> parse_header(ByteView datagram);
/// Version not checked: for the INVALID_MAJOR_VERSION answer (RFC 7296 §2.5) and to
/// recognise IKEv1.
Parsed<Header> parse_header_any_version(ByteView datagram);

/// datagram: without the non-ESP marker. SK is kept encrypted.
Parsed<Message> parse(ByteView datagram);

/// The chain inside SK. first: SK's next-payload field; trailing bytes are an error.
Parsed<Payloads> parse_chain(PayloadType first, ByteView bytes, bool inside_sk);

/// An unencrypted message. payloads must hold no Encrypted and no Skipped.
Bytes serialise(const Header& header, const Payloads& payloads);

/// For sk.hpp: the chain without header; `first` gets the type of the first payload.
Bytes serialise_chain(const Payloads& payloads, PayloadType& first);
/// For sk.hpp: the 28 bytes.
void serialise_header(Writer& out, const Header& header, PayloadType first, std::uint32_t length);

}  // namespace oegate::ike::wire
