// Inside of World: one gateway, its modelled workers and the rings between them.
// Included by this room's sources only.
#pragma once

#include "translator.hpp"
#include "world.hpp"

namespace oegate::sim {

struct World::Node {
    /// Real mathematics, done at once; what follows from it comes a little later.
    class Pool final : public ike::CryptoPool {
      public:
        Pool(World& world, unsigned i) : world_(world), i_(i) {}
        void submit(ike::Job job) override;

      private:
        World& world_;
        unsigned i_;
    };

    Node(World& world, unsigned i, config::Config c) : config(std::move(c)), pool(world, i) {}

    config::Config config;
    Pool pool;
    Fault fault = Fault::none;
    bool up = false;
    bool touched = false;         // since the last check
    std::uint64_t events = 0;     // checks of it
    std::uint64_t limits_at = 0;  // events, when its bounds are looked at again
    unsigned life = 0;            // counts beginnings and ends
    bool keeps_store = true;
    unsigned key = 0;             // which of World's keys it signs with
    std::chrono::seconds wall{};  // its calendar is so much ahead
    std::optional<Translator> translator;
    store::Contents stored;
    OwnerSeed seed;
    std::unique_ptr<keying::Realm> realm;
    std::unique_ptr<SeededRandom> random;
    std::unique_ptr<WorkerModel> worker;
    std::unique_ptr<gateway::Gateway> gateway;
    std::array<std::uint64_t, 2> commands_under_way{};
    std::array<Time, 2> ring_free{};  // commands and events keep their order
    std::array<Time, 2> event_free{};
    Time armed = kNever;

    bool idle_rings() const { return commands_under_way == std::array<std::uint64_t, 2>{}; }
};

/// The configuration of gateway i, which is number `nth` at its site.
config::Config make_config(unsigned i, unsigned site, unsigned nth);

/// One line of an IKE message: "IKE_SA_INIT request 0".
std::string ike_line(ByteView message);

}  // namespace oegate::sim
