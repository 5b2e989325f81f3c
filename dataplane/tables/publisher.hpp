// The data plane's side of contract/tables.hpp: builds tables aside, swaps them in
// and frees the old ones when every worker has passed a quiescent state. Control
// thread only; never waits.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "contract/tables.hpp"
#include "tables/classes.hpp"
#include "tables/fib.hpp"
#include "tables/neighbours.hpp"
#include "worker/worker.hpp"

namespace oegate {

class Publisher final : public Tables {
  public:
    /// Empty tables are published at once. Null when there is no memory.
    static std::unique_ptr<Publisher> make(unsigned num_interfaces, std::uint32_t max_neighbours,
                                           std::uint32_t max_routes, rte_rcu_qsbr* qsbr);
    ~Publisher() override;

    const PublishedTables& published() const { return published_; }
    std::size_t num_retired() const { return retired_.size(); }

    Result<void, TablesError> set_routes(std::span<const Route> routes) override;
    Result<void, TablesError> set_classes(std::span<const ClassRule> rules, ClassKind fallback) override;
    Result<void, TablesError> set_neighbour(std::uint16_t interface, const Address&,
                                            const MacAddress&) override;
    void remove_neighbour(std::uint16_t interface, const Address&) override;
    void reclaim() override;

  private:
    struct Retired {
        std::uint64_t token = 0;
        std::unique_ptr<const RouteTable> routes;
        std::unique_ptr<const ClassTable> classes;
    };
    Publisher(unsigned num_interfaces, std::uint32_t max_routes, rte_rcu_qsbr* qsbr)
        : num_interfaces_(num_interfaces), max_routes_(max_routes), qsbr_(qsbr) {}

    void note(bool& said);

    bool routes_said_ = false, classes_said_ = false;
    unsigned num_interfaces_;
    std::uint32_t max_routes_;
    rte_rcu_qsbr* qsbr_;
    PublishedTables published_;
    std::unique_ptr<NeighbourTable> neighbours_;
    std::unique_ptr<const RouteTable> routes_;
    std::unique_ptr<const ClassTable> classes_;
    std::vector<Retired> retired_;
};

}  // namespace oegate
