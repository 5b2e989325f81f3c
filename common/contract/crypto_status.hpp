// How a worker asks the crypto library for each ESP suite: chosen by measurement at
// start, never changed after. Part of WorkerStatus; filled by dataplane/esp.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "contract/esp_suite.hpp"

namespace oegate {

/// direct: one call a packet. job: the library's queue, packet by packet. burst: the
/// same queue, all at once. split: all packets through the cipher, then through the hash
/// (inbound the other way round).
enum class CryptoPath : std::uint8_t { direct, job, burst, split };

constexpr std::string_view to_text(CryptoPath path) {
    switch (path) {
        case CryptoPath::direct:
            return "direct";
        case CryptoPath::job:
            return "job";
        case CryptoPath::burst:
            return "burst";
        case CryptoPath::split:
            return "split";
    }
    return "?";
}

struct CryptoChoice {
    CryptoPath path = CryptoPath::burst;
    std::uint32_t cycles = 0;  // TSC cycles of a 512-byte packet when it was measured; 0: was not
};

struct CryptoStatus {
    std::string_view architecture = "none";          // instruction set that the library uses
    std::array<CryptoChoice, kNumEspSuites> seal{};  // by EspSuite
    std::array<CryptoChoice, kNumEspSuites> open{};
};

}  // namespace oegate
