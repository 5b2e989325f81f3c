// What is wrong with an IKE message: the payload and the field, for the log line
// that names them and for the notify that answers (RFC 7296 §2.21).
#pragma once

#include <string>
#include <string_view>

#include "base/result.hpp"
#include "ike/wire/constants.hpp"

namespace oegate::ike::wire {

// enum, name in log lines
#define OEGATE_IKE_FIELDS(X)                                   \
    X(header, "header shorter than 28 bytes")                  \
    X(major_version, "major version")                          \
    X(spi_initiator, "initiator SPI is zero")                  \
    X(message_length, "message length")                        \
    X(num_payloads, "number of payloads")                      \
    X(payload_header, "generic payload header")                \
    X(payload_length, "payload length")                        \
    X(critical, "critical bit on an unknown payload")          \
    X(duplicate, "payload that may occur only once")           \
    X(not_last, "encrypted payload is not the last")           \
    X(nested, "encrypted payload inside an encrypted payload") \
    X(fragment, "SKF fragment that was not negotiated")        \
    X(num_proposals, "number of proposals")                    \
    X(proposal_header, "proposal header")                      \
    X(proposal_last, "proposal's last-or-more byte")           \
    X(proposal_length, "proposal length")                      \
    X(proposal_number, "proposal number")                      \
    X(spi_size, "SPI size")                                    \
    X(num_transforms, "number of transforms")                  \
    X(transform_header, "transform header")                    \
    X(transform_last, "transform's last-or-more byte")         \
    X(transform_length, "transform length")                    \
    X(attribute, "transform attribute")                        \
    X(ke_length, "key exchange data length")                   \
    X(id_length, "identification data length")                 \
    X(auth_data, "authentication data")                        \
    X(nonce_length, "nonce length")                            \
    X(notify_header, "notify header")                          \
    X(notify_data, "notification data length")                 \
    X(protocol, "protocol ID")                                 \
    X(num_spis, "number of SPIs")                              \
    X(num_selectors, "number of traffic selectors")            \
    X(selector_type, "traffic selector type")                  \
    X(selector_length, "traffic selector length")              \
    X(selector_ports, "traffic selector ports")                \
    X(selector_addresses, "traffic selector addresses")        \
    X(iv, "initialization vector")                             \
    X(icv, "integrity check value")                            \
    X(pad_length, "pad length")                                \
    X(trailing, "bytes after the last payload")

enum class Field : std::uint8_t {
#define X(id, text) id,
    OEGATE_IKE_FIELDS(X)
#undef X
};
std::string_view to_text(Field);

struct ParseError {
    Field field = Field::header;
    PayloadType payload = PayloadType::none;  // none: the header or the chain
    /// "Nonce payload: nonce length"
    std::string text() const;
    /// The error notify that names this mistake: UNSUPPORTED_CRITICAL_PAYLOAD (its
    /// data is the payload type), INVALID_MAJOR_VERSION or INVALID_SYNTAX. Sent only
    /// where RFC 7296 §2.21 allows it.
    NotifyType notify() const;
    bool operator==(const ParseError&) const = default;
};

template <class T>
using Parsed = Result<T, ParseError>;

}  // namespace oegate::ike::wire
