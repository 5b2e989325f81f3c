// Reads the workers' counters in place, on the control thread, without waiting: what
// `show interfaces`, `show drops` and `show status` print, and the ledger.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "contract/snapshot.hpp"
#include "worker/worker.hpp"

namespace oegate {

class CounterReader final : public Observer {
  public:
    CounterReader(const std::vector<InterfaceInfo>& interfaces, const std::vector<std::string>& names,
                  const std::vector<std::string>& devices,
                  const std::vector<std::unique_ptr<Worker>>& workers, const std::atomic<bool>* link_up)
        : interfaces_(interfaces), names_(names), devices_(devices), workers_(workers), link_up_(link_up) {}

    std::vector<InterfaceStatus> interfaces() const override;
    std::vector<WorkerStatus> workers() const override;
    std::vector<MemoryStatus> memory() const override;
    std::uint64_t clock_ns() const override;

  private:
    const std::vector<InterfaceInfo>& interfaces_;
    const std::vector<std::string>& names_;
    const std::vector<std::string>& devices_;
    const std::vector<std::unique_ptr<Worker>>& workers_;
    const std::atomic<bool>* link_up_;
};

}  // namespace oegate
