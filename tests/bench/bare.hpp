// The practical floor of ESP with AES-GCM: receive, headers from a template, direct calls,
// transmit, and nothing else. No table is asked, nothing is checked but the ICV, nothing is
// counted; SAs are taken in turn. What oegate costs beyond this is its own.
#pragma once

#include <rte_mbuf.h>

#include <array>

#include "bench/gcm.hpp"

namespace oegate::bench {

class Bare {
  public:
    /// Case::path is outbound or inbound, its suite AES-GCM.
    explicit Bare(const Case&);
    /// One burst from the port `source` to the port `sink`.
    void burst(std::uint16_t source, std::uint16_t sink);

  private:
    struct Work {
        std::uint8_t* esp;  // SPI, sequence number, IV, data, ICV
        std::uint32_t len;  // of what is encrypted
        unsigned sa;
        std::array<std::uint8_t, 12> nonce;
        std::array<std::uint8_t, 12> aad;
    };
    struct alignas(64) Sa {
        std::array<std::uint8_t, 52> front{};  // Ethernet, outer IP, SPI and sequence number, IV
        std::uint64_t sequence = 0;
    };
    void seal(rte_mbuf* const* packets, unsigned num);
    void open(rte_mbuf** packets, unsigned num);

    bool sealing_;
    Gcm gcm_;
    std::unique_ptr<Sa[]> sas_;
    unsigned next_ = 0;
    std::array<Work, 64> work_;
    std::array<std::array<std::uint8_t, 16>, 64> icvs_;
};

}  // namespace oegate::bench
