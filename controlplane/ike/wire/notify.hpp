// The Notify payload (RFC 7296 §3.10) and the data of the notifies we use.
#pragma once

#include <optional>
#include <vector>

#include "base/cursor.hpp"
#include "ike/wire/error.hpp"

namespace oegate::ike::wire {

struct Notify {
    ProtocolId protocol = ProtocolId::none;
    Bytes spi;  // 4 bytes with ESP or AH, else empty
    NotifyType type = NotifyType::none;
    Bytes data;

    static Notify of(NotifyType type, Bytes data = {}) {
        return {ProtocolId::none, {}, type, std::move(data)};
    }
    /// REKEY_SA and CHILD_SA_NOT_FOUND: the SPI is the one its sender expects in
    /// inbound ESP (RFC 7296 §1.3.3).
    static Notify of_esp(NotifyType type, std::uint32_t spi);
    /// INVALID_KE_PAYLOAD: the group that is wanted (RFC 7296 §1.3).
    static Notify of_u16(NotifyType type, std::uint16_t value);
    /// INVALID_SPI: the SPI of the ESP packet (RFC 7296 §3.10.1).
    static Notify of_u32(NotifyType type, std::uint32_t value);
    /// SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4).
    static Notify of_hashes(const std::vector<HashId>& hashes);

    /// The ESP SPI; nullopt when there is none.
    std::optional<std::uint32_t> esp_spi() const;
    /// Two bytes of data as a number; nullopt for another length.
    std::optional<std::uint16_t> u16() const;
    /// Four of them.
    std::optional<std::uint32_t> u32() const;
    /// SIGNATURE_HASH_ALGORITHMS; numbers that we do not know are kept.
    std::vector<HashId> hashes() const;

    static Parsed<Notify> parse(ByteView body);
    void serialise(Writer& out) const;
    bool operator==(const Notify&) const = default;
};

}  // namespace oegate::ike::wire
