// Two or three engines in one process, in virtual time, joined by a wire that a test
// narrates: every datagram is a line ("A -> B IKE_SA_INIT request 0") and stays on
// the wire until the test delivers, loses, repeats or forges it. DNS answers, the
// authorization and the installation of SAs are played by each gateway's Peer.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>

#include "catch.hpp"
#include "ike/crypto/rsa.hpp"
#include "ike/engine.hpp"
#include "ike/wire/message.hpp"

namespace exchange {

using namespace oegate;
using namespace oegate::ike;

/// Runs jobs in order, when the test says so: nothing completes inside submit().
class SteppedPool final : public CryptoPool {
  public:
    void submit(Job job) override { jobs_.push_back(std::move(job)); }
    bool run(Time now) {
        if (jobs_.empty() || paused) return false;
        Job job = std::move(jobs_.front());
        jobs_.pop_front();
        job.work();
        job.done(now);
        return true;
    }

    bool paused = false;

  private:
    std::deque<Job> jobs_;
};

class CountedSpis final : public SpiAllocator {
  public:
    std::optional<std::uint32_t> allocate(const Pair&) override {
        if (in_use.size() >= limit) return std::nullopt;
        in_use.insert(++last_);
        return last_;
    }
    void release(std::uint32_t spi) override { CHECK(in_use.erase(spi) == 1); }
    std::set<std::uint32_t> in_use;
    std::size_t limit = 1000;

  private:
    std::uint32_t last_ = 0x01000000;
};

struct Datagram {
    Endpoint from, to;
    Bytes bytes;
    std::string line;
};

class World;

/// One gateway: its engine, and all that a gateway answers its engine with.
class Peer {
  public:
    Peer(World& world, std::string name, Address address, const PrivateKey& key, std::uint64_t seed,
         const std::function<void(Settings&)>& adjust);
    /// The process dies and begins anew: nothing is known but what was stored.
    void restart(const std::function<void(Settings&)>& adjust = [](Settings&) {});

    World& world;
    std::string name;
    Address address;
    const PrivateKey& key;
    CountedSpis spis;
    SteppedPool pool;
    SeededRandom random;
    std::unique_ptr<Engine> engine;

    // How it answers.
    std::map<Identity, std::vector<PublicKey>> dns;
    std::map<std::pair<Identity, Address>, bool> delegations;  // identity may speak for the host
    bool answer_keys = true, answer_authorization = true, install = true;
    bool configured = false;  // the keys that it answers with are of the configuration

    // What came out.
    std::vector<InstallChild> installed;
    std::map<ChildId, InstallChild> live;
    std::vector<ChildGone> gone;
    std::vector<InitiateFailed> failed;
    std::vector<RekeyFailed> rekey_failed;
    std::vector<Notice> notices;
    std::vector<std::string> key_log;
    std::vector<PeerKnown> known;  // with what survives a crash
    std::vector<PeerForgotten> forgotten;
    std::vector<GreetEnded> greeted;
    std::vector<IkeRekeyed> ike_rekeyed;
    std::vector<WantPeerKeys> wanted_keys;
    std::vector<WantAuthorization> wanted_authorization;

    bool drain();  // events and jobs; true when there were any
    void initiate(const Peer& with, const Pair& pair, ConnectionId connection,
                  Verdict verdict = Verdict::secure, bool fresh = false);
    bool noticed(const std::string& part) const;
    std::size_t num_established() const;
};

class World {
  public:
    World();
    Peer& add(
        const std::string& name, const std::string& address,
        const std::function<void(Settings&)>& adjust = [](Settings&) {});
    Peer& at(const Address& address);

    Time now{};
    std::deque<Datagram> wire;
    std::vector<std::string> story;  // every datagram that was ever sent
    bool narrate = true;

    /// Everything that is ready happens; datagrams stay on the wire.
    void settle();
    /// Delivers the oldest datagram. false: the wire is empty.
    bool deliver();
    Datagram take();  // off the wire: lost, or to be delivered later
    void hand_over(const Datagram& datagram);
    /// Delivers until the wire is empty.
    void run();
    /// Time passes, timers go off in order, datagrams are delivered.
    void pass(Duration duration, bool delivering = true);
    std::string told() const;

  private:
    std::vector<std::unique_ptr<Peer>> peers_;
    std::uint64_t seed_ = 1;
};

/// Keys are made once for all tests; a is for A, b for B, c is a stranger's.
const PrivateKey& key_a();
const PrivateKey& key_b();
const PrivateKey& key_c();
Address ip(const std::string& text);
/// The story so far, for REQUIRE messages.
std::string join(const std::vector<std::string>& lines);

/// A and B with everything published and delegated: alice (192.1.0.65) behind A
/// (192.1.0.1), bob (192.2.0.66) behind B (192.2.0.2).
struct Pairing {
    explicit Pairing(
        const std::function<void(Settings&)>& a_adjust = [](Settings&) {},
        const std::function<void(Settings&)>& b_adjust = [](Settings&) {});
    World world;
    Peer& a;
    Peer& b;
    Address alice = ip("192.1.0.65"), anna = ip("192.1.0.66");
    Address bob = ip("192.2.0.66"), bert = ip("192.2.0.67");
    Pair pair{alice, bob};

    /// A keys alice -> bob; returns when nothing is left to do.
    void key_up(ConnectionId connection = 1);
};

}  // namespace exchange
