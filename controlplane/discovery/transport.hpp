// Carries discovery's queries over kernel sockets on the management side: one
// connected, non-blocking socket a query, so that the kernel draws a fresh source
// port and filters foreign senders (RFC 5452 §9.2). Used by the reactor. It knows
// nothing of DNS but the two-byte length of TCP (RFC 7766 §8).
#pragma once

#include <functional>
#include <map>

#include "discovery/discovery.hpp"
#include "loop/io.hpp"

namespace oegate::discovery {

class Transport {
  public:
    using OnMessage = std::function<void(QueryId query, ByteView message)>;
    using OnError = std::function<void(QueryId query)>;

    /// Both are called from inside carry() or the watcher; neither may call carry().
    /// The watcher must outlive this.
    Transport(loop::IoWatcher& watcher, OnMessage on_message, OnError on_error);
    ~Transport();
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    /// Carries out what discovery asks for.
    void carry(const TransportAction& action);
    std::size_t num_sockets() const { return sockets_.size(); }

  private:
    struct Socket {
        int fd = -1;
        bool tcp = false;
        Bytes out;  // TCP: what is not yet sent, length included
        Bytes in;   // TCP: length and as much of the answer as came
    };

    void send(const SendQuery& query);
    void close(QueryId query);
    void ready(QueryId query);
    void ready_udp(QueryId query);
    void ready_tcp(QueryId query);
    bool flush(QueryId query, Socket& socket);

    loop::IoWatcher& watcher_;
    OnMessage on_message_;
    OnError on_error_;
    std::map<QueryId, Socket> sockets_;
};

}  // namespace oegate::discovery
