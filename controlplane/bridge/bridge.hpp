// The control plane's end of the rings: events and punts in, commands and datagrams
// out. Together with datagram.cpp the only control-plane code that knows of DPDK
// (rte_ring). Called on the control thread only; never waits for a worker.
#pragma once

#include <deque>
#include <vector>

#include "base/bytes.hpp"
#include "contract/command.hpp"
#include "contract/datagram.hpp"
#include "contract/event.hpp"
#include "contract/link.hpp"
#include "contract/snapshot.hpp"

namespace oegate::bridge {

/// Who is told what came in.
class Inbox {
  public:
    virtual ~Inbox() = default;
    virtual void on_event(const Event& event) = 0;
    /// data: of the whole packet, which may be longer than the record.
    virtual void on_punt(const Punt& punt, ByteView data) = 0;
    virtual void on_snapshot(unsigned worker, const SnapshotRecord& record) = 0;
    virtual void on_trace(const TraceRecord&) {}
    virtual void on_capture(const CaptureRecord&) {}
    /// Every command of this worker up to `sequence` is in force.
    virtual void on_applied(unsigned worker, std::uint64_t sequence) = 0;
};

class Bridge {
  public:
    /// The links must outlive the bridge.
    explicit Bridge(std::vector<WorkerLink> links);
    ~Bridge();
    Bridge(const Bridge&) = delete;
    Bridge& operator=(const Bridge&) = delete;

    unsigned num_workers() const { return static_cast<unsigned>(links_.size()); }
    /// Commands are never lost: what does not fit the ring waits in an outbox.
    /// Returns the command's sequence number, counting from 1 per worker.
    std::uint64_t post(unsigned worker, Command command);
    /// A whole IP datagram or frame. Unlike a command it may be lost, as on any wire:
    /// beyond kMaxTransmits waiting records, and beyond kMaxPacketBytes, it is counted and dropped.
    void transmit(unsigned worker, Transmit::Kind kind, std::uint16_t interface, ByteView data);

    /// Takes in what the workers have for us (at most kMaxPerPoll of each kind and
    /// worker, but for the kinds below) and retries the outboxes. True when there was anything.
    bool poll(Inbox& inbox);

    std::uint64_t num_transmits_lost() const { return num_transmits_lost_; }
    std::size_t num_waiting() const;
    /// No copy of a packet waits in any ring.
    bool captures_drained() const;
    /// Records that found their ring full, of all workers, since the last start.
    std::uint64_t traces_lost() const;
    std::uint64_t captures_lost(std::uint8_t slot) const;

    static constexpr std::size_t kMaxTransmits = 1024;
    static constexpr unsigned kMaxPerPoll = 256;
    static constexpr unsigned kMaxRecordsPerPoll = 1024;  // of snapshots: a million within some seconds
    static constexpr unsigned kMaxCopiesPerPoll = 64;     // of 2 KiB each, and each goes to a file

  private:
    struct Worker {
        std::uint64_t posted = 0;
        std::uint64_t applied = 0;
        std::deque<Command> commands;
        std::deque<Transmit> transmits;
    };
    bool flush(unsigned worker);
    bool take_in(unsigned worker, Inbox& inbox);
    bool take_punts(rte_ring* ring, Inbox& inbox);

    std::vector<WorkerLink> links_;
    std::vector<Worker> workers_;
    std::uint64_t num_transmits_lost_ = 0;
    Bytes packet_;  // one that came in several records
};

}  // namespace oegate::bridge
