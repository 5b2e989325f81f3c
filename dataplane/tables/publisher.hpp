// The data plane's side of contract/tables.hpp. Routes and neighbours change in place,
// classes and own addresses are built aside and swapped in; what workers may still read
// is used again when every worker has passed a quiescent state. Control thread only;
// never waits.
#pragma once

#include <deque>
#include <memory>

#include "contract/tables.hpp"
#include "tables/classes.hpp"
#include "tables/fib.hpp"
#include "tables/neighbours.hpp"
#include "tables/own_addresses.hpp"
#include "worker/worker.hpp"

namespace oegate {

class Publisher final : public Tables {
  public:
    /// Empty tables are published at once. Null when there is no memory.
    static std::unique_ptr<Publisher> make(unsigned num_interfaces, std::uint32_t max_neighbours,
                                           std::uint32_t max_routes, rte_rcu_qsbr* qsbr);
    ~Publisher() override;

    const PublishedTables& published() const { return published_; }
    const RouteTable& routes() const { return *routes_; }
    /// Things that wait for workers to move on.
    std::size_t num_retired() const {
        return retired_.size() + routes_->num_retired() + neighbours_->num_retired();
    }

    Result<void, TablesError> set_routes(std::span<const Route> routes) override;
    Result<void, TablesError> add_route(const Route& route) override;
    bool remove_route(const Prefix& prefix) override;
    void begin_changes() override { in_changes_ = true; }
    void end_changes() override;
    Result<void, TablesError> set_addresses(std::span<const OwnAddress> addresses) override;
    Result<void, TablesError> set_classes(std::span<const ClassRule> rules, ClassKind fallback) override;
    Result<void, TablesError> set_neighbour(std::uint16_t interface, const Address&,
                                            const MacAddress&) override;
    void remove_neighbour(std::uint16_t interface, const Address&) override;
    void reclaim() override;

  private:
    struct Retired {
        std::uint64_t token = 0;
        std::unique_ptr<const ClassTable> classes;
        std::unique_ptr<const OwnAddresses> own;
    };
    Publisher(unsigned num_interfaces, rte_rcu_qsbr* qsbr) : num_interfaces_(num_interfaces), qsbr_(qsbr) {}

    /// After a change: what workers remember of ways ends with their present loop, and
    /// what the change removed may go when that has passed.
    void moved();
    void note(bool& said);

    bool routes_said_ = false, classes_said_ = false;
    bool in_changes_ = false, changed_ = false;
    unsigned num_interfaces_;
    rte_rcu_qsbr* qsbr_;
    PublishedTables published_;
    std::unique_ptr<NeighbourTable> neighbours_;
    std::unique_ptr<RouteTable> routes_;
    std::unique_ptr<const ClassTable> classes_;
    std::unique_ptr<const OwnAddresses> own_;
    std::deque<Retired> retired_;  // token 0: not stamped yet
};

}  // namespace oegate
