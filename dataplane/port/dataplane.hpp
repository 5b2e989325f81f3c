// The data plane as main.cpp sees it: brought up from a configuration, handed to
// control as tables, rings and an observer, stopped. No DPDK type appears here.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "config/config.hpp"
#include "contract/link.hpp"
#include "contract/snapshot.hpp"
#include "contract/tables.hpp"
#include "net/owner.hpp"
#include "port/memory.hpp"

namespace oegate {

struct DataplaneParts;  // port/parts.hpp, for tests and benchmarks

class Dataplane {
  public:
    enum class Workers : std::uint8_t {
        launched,  // each on its own lcore; they receive once routes and classes are set
        by_hand,   // the caller polls them (tests)
    };

    /// EAL (once a process; the calling thread becomes its main lcore and is pinned to
    /// dataplane.control_lcore), ports, memory, rings, workers. The error is a sentence
    /// for the operator. Interfaces keep their configuration index. handoff_entries: of
    /// each hand-over ring; tests make them small.
    static Result<std::unique_ptr<Dataplane>, std::string> start(const config::Config&, OwnerSeed,
                                                                 Workers = Workers::launched,
                                                                 unsigned handoff_entries = kHandoffRing);
    /// Stops.
    ~Dataplane();
    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;

    Tables& tables();
    const Observer& observer() const;
    /// What works, but not as well as it could: sentences for the operator.
    const std::vector<std::string>& warnings() const;
    /// A line for each port: driver, queues, link.
    std::vector<std::string> describe_ports() const;
    const std::vector<WorkerLink>& links() const;
    MacAddress mac(std::uint16_t interface) const;
    /// fe80::/64 address of the interface (RFC 4291 appendix A), or the configured one.
    Address link_local(std::uint16_t interface) const;

    /// What is not as configured and yet no error, a sentence each; for the log.
    const std::vector<std::string>& remarks() const;

    /// Reads the ports' link state for workers and `show interfaces`; control calls it
    /// about once a second.
    void refresh_links();

    /// Workers finish their turn and end; what waits or is in rings is freed. Idempotent.
    void stop();

    DataplaneParts& parts() { return *parts_; }

  private:
    Dataplane();
    std::unique_ptr<DataplaneParts> parts_;
};

struct MachineReport {
    std::string text;  // lines
    bool usable = false;
};
/// Whether CPUs, memory and devices of this machine are what the configuration needs, and
/// what to do where they are not. Starts nothing; for `oegated --check-devices`.
MachineReport check_machine(const config::Config&);

/// Before the process ends, when no Dataplane lives any more: removes EAL's traces.
void leave_eal();

}  // namespace oegate
