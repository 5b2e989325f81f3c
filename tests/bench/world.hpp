// A whole data plane for one case of the benchmark: pcap with infinite_rx gives copies of
// the case's frames, net_null swallows what is sent; tables, flows and SAs as it says.
#pragma once

#include <memory>

#include "bench/bare.hpp"
#include "bench/bench.hpp"
#include "bench/frames.hpp"
#include "net/address.hpp"
#include "port/dataplane.hpp"
#include "port/parts.hpp"

struct rte_eth_rxtx_callback;

namespace oegate::bench {

/// Starts EAL for the largest cases that will come.
void start_for(unsigned most_frames, unsigned most_flows);

class World {
  public:
    explicit World(const Case&);
    ~World();
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    /// Frames in one pass over the case's input, a multiple of the receive burst.
    unsigned num_frames() const { return num_frames_; }
    double mean_len() const { return mean_len_; }
    /// One pass through the worker loop, through the ports alone, or through the bare loop; cycles.
    std::uint64_t pass_loop();
    std::uint64_t pass_io();
    std::uint64_t pass_bare(Bare&);
    /// Cycles per packet of each stage, by the clock that `oegate workers measure` starts; it
    /// takes cycles itself, so these passes are not among those that are measured.
    std::vector<std::pair<std::string, double>> clock_stages(unsigned passes);
    Worker& worker() { return *dataplane_->parts().workers[0]; }
    std::uint64_t dropped() { return worker().ledger.dropped.get(); }

  private:
    void write_frames(const std::string& path, const MacAddress& to);
    std::uint16_t source();
    std::uint16_t sink();
    void install();
    void command(Command);
    void apply_all();
    void forget_numbers();

    Case case_;
    unsigned num_frames_;
    double mean_len_ = 0;
    std::uint64_t sequence_ = 0;  // of commands
    std::unique_ptr<Dataplane> dataplane_;
    /// More flows than frames: the destination is written into each as it is received.
    struct Feed {
        std::uint32_t next = 0, count = 0;
        std::uint64_t sum = 0;  // of the header without checksum and destination
    };
    Feed feed_;
    const rte_eth_rxtx_callback* callback_ = nullptr;
    static std::uint16_t feed(std::uint16_t, std::uint16_t, rte_mbuf**, std::uint16_t, std::uint16_t, void*);
};

}  // namespace oegate::bench
