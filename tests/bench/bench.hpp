// What scripts/bench dataplane measures: one case is a direction, a suite, a size, and
// how many SAs and flows; its result is cycles per packet of the whole worker loop, next
// to those of the in-memory ports alone and of the cryptography alone, all in one run.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.hpp"
#include "contract/esp_suite.hpp"

namespace oegate::bench {

enum class Path : std::uint8_t { clear, outbound, inbound };

inline constexpr std::size_t kImix = 0;  // as a size: 7 of 64, 4 of 576, 1 of 1420

struct Case {
    Path path = Path::clear;
    EspSuite suite = EspSuite::aes_gcm_16_128;
    std::size_t size = 64;  // inner IP length
    unsigned sas = 1;       // clear: none
    unsigned flows = 1;     // in all; at least one per SA
};

struct Spread {
    double least = 0, median = 0;
};

struct Result {
    Spread loop;       // everything
    Spread io;         // receive and transmit of the same frames, nothing between
    Spread bare;       // AES-GCM: io, headers and the cryptography, without asking any table
    double floor = 0;  // the cryptography of the same lengths and keys alone
    double mean_len = 0;
    std::vector<std::pair<std::string, double>> stages;  // cycles per packet, clocked apart
    double secgw = 0;                                    // DPDK's ipsec-secgw on the same frames
    std::string note;
};

/// Exits with a message when the case cannot be set up.
Result measure(const Case&);

/// Cycles that intel-ipsec-mb takes for one packet of `size`, the least of several rounds,
/// over num_keys keys in turn and nonces that never repeat.
double crypto_floor(EspSuite, std::size_t size, unsigned num_keys, bool sealing);

/// The same input through DPDK's ipsec-secgw, in a process of its own; cycles per packet, or
/// the reason why there is none (no such suite there, too many SAs for it, it did not start).
tl::expected<double, std::string> measure_secgw(const std::string& program, const Case&);

/// Whether this run has enough of them: known after start_for.
bool has_huge_pages();

/// Inner lengths of the packets that a size stands for, in turn.
std::vector<std::size_t> lengths_of(std::size_t size);

[[noreturn]] void give_up(const std::string& why);

}  // namespace oegate::bench
