// The verbs: checks the arguments of a request, asks the Provider, renders. Called by
// the management server; knows no socket. Every request is answered exactly once.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "manage/arguments.hpp"
#include "manage/log.hpp"
#include "manage/protocol.hpp"
#include "manage/provider.hpp"
#include "manage/render.hpp"
#include "manage/wall_time.hpp"

namespace oegate::manage {

/// Who asks, as the socket knows it.
struct Caller {
    unsigned user = 0;
    Role role = Role::viewer;
};

class Commands {
  public:
    using Reply = manage::Reply;

    /// All must outlive the commands. log: for `show log` only; may be null.
    Commands(Provider& provider, const Log* log, WallClock wall, std::function<Time()> now);

    void run(const Request& request, const Caller& caller, const Reply& reply);

    /// Samples the workers' cycle counters, so that `show status` tells the load of
    /// the last seconds; call when next_deadline() has come.
    void on_timer(Time now);
    Time next_deadline() const { return next_sample_; }

  private:
    using Arguments = std::vector<std::string>;
    struct Sample {
        std::uint64_t busy = 0;
        std::uint64_t total = 0;
        std::uint64_t loops = 0;
        std::uint64_t received = 0;
        Time at{};
    };

    void show_status(const Reply& reply);
    void show_flows(const Arguments& arguments, const Reply& reply);
    void show_tunnels(const Arguments& arguments, const Reply& reply);
    void show_dns(const Arguments& arguments, const Reply& reply);
    void show_drops(const Arguments& arguments, const Reply& reply);
    void show_config(const Reply& reply);
    void show_log(const Arguments& arguments, const Reply& reply);
    void explain(const Arguments& arguments, const Reply& reply);
    void clear_sticky(const Arguments& arguments, const Reply& reply);
    void add_route(const Arguments& arguments, const Reply& reply);
    void remove_route(const Arguments& arguments, const Reply& reply);
    void reload_key(const Arguments& arguments, const Caller& caller, const Reply& reply);
    void act(const Arguments& arguments, const Reply& reply, ActionResult (Provider::*action)(const Pair&));
    // observe_commands.cpp
    void measure(const Arguments& arguments, const Reply& reply);
    void trace_start(const Arguments& arguments, const Caller& caller, const Reply& reply);
    void trace_read(const Arguments& arguments, const Reply& reply);
    void trace_stop(const Reply& reply);
    void capture_start(const Arguments& arguments, const Caller& caller, const Reply& reply);
    void capture_stop(const Arguments& arguments, const Reply& reply);
    std::optional<std::uint16_t> interface_argument(const std::string& name, const Reply& reply) const;

    std::vector<Sample> sample() const;
    std::vector<WorkerLoad> loads() const;

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
