// One ethdev port: found or made, configured, its queues dealt out to the workers,
// started. Never hot.
#pragma once

#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "net/address.hpp"

struct rte_mempool;

namespace oegate {

struct Port {
    std::string device;
    std::uint16_t id = 0;  // ethdev
    bool made = false;     // by us: closed again by us
    std::uint16_t num_rx = 0;
    std::uint16_t num_tx = 0;
    MacAddress mac;
    std::vector<const void*> callbacks;  // port/receive.hpp, by queue
    std::string description;             // driver, queues, descriptors, what of the hardware is used
    std::vector<int> interrupt_fds;      // by receive queue; empty: a worker cannot sleep on it
};

/// Opens and starts the port. `device` as in the configuration; the error names it and
/// the interface. mtu: the largest of its interfaces.
Result<Port, std::string> open_port(const std::string& device, const std::string& interface_name,
                                    std::uint16_t mtu, const config::Dataplane&, rte_mempool* pool);
void close_port(const Port&);
bool link_is_up(const Port&);
/// One line for the operator, with the link as it is now.
std::string describe(const Port&);

/// Queue of the port that a worker uses, or nothing: queues are dealt out from worker
/// `ordinal` on, so that the ports of a gateway have different first workers.
struct Deal {
    unsigned num_workers;
    unsigned ordinal;  // of the port
    unsigned num_queues;
    /// Queue number, or kNoQueue (0xffff).
    std::uint16_t queue_of(unsigned worker) const {
        const unsigned at = (worker + num_workers - ordinal % num_workers) % num_workers;
        return at < num_queues ? static_cast<std::uint16_t>(at) : std::uint16_t{0xffff};
    }
    /// Worker of queue 0: transmits for those who have none.
    unsigned first() const { return ordinal % num_workers; }
};

}  // namespace oegate
