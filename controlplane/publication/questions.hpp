// Asks many DNS servers many questions at once and waits for all the answers: over UDP,
// again when there is none, over TCP when it was cut off. For the `oegate` command,
// which has nothing else to do meanwhile; the daemon's own lookups are discovery's.
#pragma once

#include <deque>
#include <map>

#include "base/random.hpp"
#include "discovery/transport.hpp"
#include "discovery/wire.hpp"
#include "loop/reactor.hpp"

namespace oegate::publication {

struct Server {
    Address address;
    std::uint16_t port = 53;
    std::string text() const;
    auto operator<=>(const Server&) const = default;
};

struct Ask {
    Server server;
    discovery::Question question;
    bool recursive = true;           // RD; an authority is asked for what it has itself
    bool checking_disabled = false;  // CD
};

struct Answer {
    enum class State : std::uint8_t { silent, malformed, answered };
    State state = State::silent;
    discovery::Message message;  // answered
    std::string trouble;         // else, for people
};

struct Patience {
    Duration wait = 1500ms;  // for one datagram
    Duration tcp_wait = 5s;
    unsigned tries = 3;
    std::size_t in_flight = 32;
    /// A server that let so many questions go by and answered none is asked no more.
    unsigned silences = 2;
};

class Questions {
  public:
    Questions(loop::Reactor& reactor, Random& random, Patience patience = {});
    /// One answer for each, in their order. An interrupt (Reactor::stopped) leaves the
    /// rest silent.
    std::vector<Answer> ask(const std::vector<Ask>& asks);

  private:
    struct Attempt {
        std::size_t ask = 0;
        std::uint16_t id = 0;
        bool tcp = false;
        Time deadline{};
    };
    struct Conduct {
        unsigned silent = 0;
        bool answered = false;
    };
    struct Arrival {
        discovery::QueryId query = 0;
        std::optional<Bytes> message;  // none: the socket broke
    };

    void start(std::size_t ask, bool tcp);
    void take(const Arrival& arrival);
    void again(std::size_t ask, std::string trouble);
    void conclude(std::size_t ask, Answer answer);
    bool hopeless(const Server& server) const;

    loop::Reactor& reactor_;
    Random& random_;
    const Patience patience_;
    std::deque<Arrival> arrivals_;
    discovery::Transport transport_;
    discovery::QueryId last_query_ = 0;
    std::map<Server, Conduct> conduct_;  // over all calls

    // of the call that runs
    const std::vector<Ask>* asks_ = nullptr;
    std::vector<Answer> answers_;
    std::vector<unsigned> tries_;
    std::map<discovery::QueryId, Attempt> attempts_;
};

}  // namespace oegate::publication
