// Captures that run: told by the operator what to copy, tells the workers, writes what
// they copy into pcapng files, ends each after its time, packets or bytes. Control thread
// only; writes a bounded number of bytes a turn. Workers are reached through `post`.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "base/result.hpp"
#include "contract/command.hpp"
#include "recording/capture_file.hpp"

namespace oegate::observe {

struct CaptureOrder {
    std::string name;
    StartCapture what;  // slot, token, snaplen and packets are filled in here
    std::uint32_t snaplen = kMaxCaptureBytes;
    std::uint32_t packets = 10'000;
    std::uint64_t max_bytes = std::uint64_t{64} << 20;
    Duration time = 60s;
};

/// For `show captures`; ended ones too, the last few.
struct CaptureView {
    std::string name;
    std::string what;  // "interface outside", "drops", "decrypted"
    std::string path;
    std::string state;  // running, ending, or why it ended
    std::uint64_t packets = 0;
    std::uint64_t bytes = 0;
    std::uint64_t lost = 0;  // copies that found no room between worker and control
    Duration left{};         // running: until its time is over
};

class Captures {
  public:
    struct Outside {
        std::string directory;
        std::vector<std::string> interfaces;  // names
        unsigned num_workers = 1;
        /// Returns the command's number for this worker.
        std::function<std::uint64_t(unsigned worker, const Command&)> post;
        std::function<std::uint64_t(std::uint8_t slot)> lost;  // of all workers, since the start
        std::function<std::uint64_t()> clock_ns;               // of the records
        std::function<std::uint64_t()> wall_ns;                // since the epoch
        std::function<void(const std::string&)> log;           // something ended by itself
    };
    /// Files of one directory together; a capture that may go beyond it does not begin.
    static constexpr std::uint64_t kMaxDirectoryBytes = std::uint64_t{4} << 30;
    static constexpr std::size_t kKeptViews = 16;

    explicit Captures(Outside outside);
    ~Captures();

    /// Text: where it is written.
    Result<std::string, std::string> start(const CaptureOrder& order, Time now);
    /// False: none of this name runs.
    bool stop(const std::string& name);
    std::vector<CaptureView> list(Time now) const;

    void on_record(const CaptureRecord& record, Time now);
    void on_applied(unsigned worker, std::uint64_t sequence);
    /// Once a turn, after the records: writes what they left. drained: no record waits
    /// in any ring.
    void on_turn(bool drained, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

  private:
    struct Running;
    void end(Running& running, std::string why);
    void write(Running& running, bool whole);
    void close(std::uint8_t slot);
    std::uint32_t interface_in_file(Running& running, const CaptureRecord& record);
    CaptureView view(const Running& running, Time now) const;

    Outside outside_;
    std::uint32_t next_token_ = 1;
    std::array<std::unique_ptr<Running>, kMaxCaptures> running_;
    std::vector<CaptureView> ended_;
};

}  // namespace oegate::observe
