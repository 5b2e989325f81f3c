// The verbs: checks the arguments of a request, asks the Provider, renders. Called by
// the management server; knows no socket. Every request is answered exactly once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "manage/log.hpp"
#include "manage/protocol.hpp"
#include "manage/provider.hpp"
#include "manage/wall_time.hpp"

namespace oegate::manage {

class Commands {
  public:
    using Reply = std::function<void(Response)>;

    /// All must outlive the commands. log: for `show log` only; may be null.
    Commands(Provider& provider, const Log* log, WallClock wall, std::function<Time()> now);

    void run(const Request& request, const Reply& reply);

    /// Samples the workers' cycle counters, so that `show status` tells the load of
    /// the last seconds; call when next_deadline() has come.
    void on_timer(Time now);
    Time next_deadline() const { return next_sample_; }

  private:
    using Arguments = std::vector<std::string>;
    struct Sample {
        std::uint64_t busy = 0;
        std::uint64_t total = 0;
    };

    void show_status(const Reply& reply);
    void show_flows(const Arguments& arguments, const Reply& reply);
    void show_tunnels(const Arguments& arguments, const Reply& reply);
    void show_dns(const Arguments& arguments, const Reply& reply);
    void show_drops(const Arguments& arguments, const Reply& reply);
    void show_config(const Reply& reply);
    void show_log(const Arguments& arguments, const Reply& reply);
    void explain(const Arguments& arguments, const Reply& reply);
    void add_route(const Arguments& arguments, const Reply& reply);
    void remove_route(const Arguments& arguments, const Reply& reply);
    void act(const Arguments& arguments, const Reply& reply, ActionResult (Provider::*action)(const Pair&));
    std::vector<double> loads() const;

    Provider& provider_;
    const Log* log_;
    WallClock wall_;
    std::function<Time()> now_;
    Time started_;
    WallTime started_wall_;
    Time next_sample_;
    std::vector<Sample> former_, latest_;
};

}  // namespace oegate::manage
