// The IKE engine: every IKE SA and its exchanges (RFC 7296), sans-IO. It is told of
// datagrams, time, answers to its own questions and finished crypto jobs, and it
// gives back what must happen. It knows no socket, no DNS and no worker: keys of a
// peer, the authorization of a source and the installation of an SA are questions
// that it asks as events and whose answers it waits for without blocking.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "base/random.hpp"
#include "base/secret.hpp"
#include "config/config.hpp"
#include "contract/sa.hpp"
#include "net/identity.hpp"

namespace oegate::ike {

using ConnectionId = std::uint64_t;  // keying's; 0: none (a responder's child)
using IkeSaId = std::uint64_t;       // local handle, never reused
using ChildId = std::uint64_t;       // local handle of an SA pair, never reused

struct Endpoint {
    Address address;
    std::uint16_t port = 500;
    auto operator<=>(const Endpoint&) const = default;
};

/// Why an exchange that keying asked for came to nothing; the g rows of keying.md.
enum class Failure : std::uint8_t {
    silence,        // g.silence: no answer within the gateway timer
    dead_channel,   // g.dead: a reused channel did not answer
    signature,      // g.signature: signature or identity wrong, with every key
    refused,        // g.refused: AUTHENTICATION_FAILED in a protected answer
    child_refused,  // g.child: TS_UNACCEPTABLE, NO_PROPOSAL_CHOSEN in a protected answer, or narrowed
    full,           // g.full: NO_ADDITIONAL_SAS
    no_proposal,    // unprotected NO_PROPOSAL_CHOSEN only; ends like silence when the timer does
    too_many,       // our own bound of exchanges
    shutdown,
};

// ---- requests ---------------------------------------------------------------

/// Key one host pair with one gateway. An established IKE SA with the same local
/// address, gateway, identity, key and verdict is reused (p.channel).
struct Initiate {
    ConnectionId connection = 0;
    Pair pair;      // outbound: source is our host
    Address local;  // our outside address and identity
    Address gateway;
    Identity peer;
    std::vector<Identity> also;  // identities that it may prove instead (discovery::Candidate)
    std::vector<PublicKey> keys;
    Verdict verdict = Verdict::indeterminate;
    bool fresh = false;  // do not reuse a channel (g.dead, g.full)
    /// Send INITIAL_CONTACT: the peer is known to hold SAs of a former life of ours
    /// (RFC 7296 §2.4). The engine itself sends it after a peer died (k.dead).
    bool initial_contact = false;
    bool configured = false;  // a peer of the configuration: INITIAL_CONTACT is not for it
};

/// Tell a peer of a former life that the SAs of then are void: INITIAL_CONTACT on an IKE
/// SA without a child (RFC 6023), which then is a channel like others. Where the peer
/// does not take that, its next exchange with us carries it. Ends with GreetEnded.
struct Greet {
    Identity own;  // as it was then
    Identity peer;
    Address local;
    Address remote;
    std::vector<PublicKey> keys;
    Verdict verdict = Verdict::indeterminate;
};

// ---- events ------------------------------------------------------------------

struct SendDatagram {
    Endpoint local;
    Endpoint remote;
    Bytes payload;  // without non-ESP marker; port 4500 means it is needed
};

/// Responder, after IKE_AUTH decrypted (r.key): answer with peer_keys().
struct WantPeerKeys {
    IkeSaId sa = 0;
    Identity peer;
    Address remote;
};

/// Responder, peer authenticated: may this peer speak for pair.source, and may it
/// reach pair.destination? Answer with authorize(). Orientation as the peer sees
/// it: source is the peer's host (TSi), destination is behind us (TSr).
struct WantAuthorization {
    ChildId child = 0;
    IkeSaId sa = 0;
    Pair pair;
    Identity peer;
    Address remote;
    PublicKey key;  // the one that verified
    Verdict verdict = Verdict::indeterminate;
    bool nat = false;  // a translator was seen between us
};

/// A child SA pair is agreed. The receiver installs the inbound SA and calls
/// child_installed(); only then does a responder answer (r.install). Keys move out.
/// The inbound SPI belongs to the receiver from here on: it releases it some time
/// after ChildGone. (The engine releases SPIs of children that never got this far.)
struct InstallChild {
    ChildId child = 0;
    IkeSaId sa = 0;
    ConnectionId connection = 0;      // initiator: as in Initiate; else 0
    bool initiator = false;           // of this exchange
    std::optional<ChildId> replaces;  // a rekey of this child
    Pair pair;                        // outbound orientation: source is our host
    Address local;
    Address remote;
    Identity peer;
    PublicKey peer_key;  // with which it authenticated the channel (k.key-gone)
    Verdict verdict = Verdict::indeterminate;
    std::uint32_t spi_in = 0;
    std::uint32_t spi_out = 0;
    SaKey inbound;
    SaKey outbound;
    bool esn = false;
    UdpPorts udp;  // an address translator is on the path
    /// s.both: the lower of the two nonces of the exchange that made this child;
    /// the child with the lowest of the four is closed by its creator.
    Bytes lowest_nonce;

    /// Every copy on the way wipes its keys when it goes.
    ~InstallChild() {
        for (SaKey* key : {&inbound, &outbound}) {
            oegate::zeroise(key->key);
            oegate::zeroise(key->auth_key);
            oegate::zeroise(key->salt);
        }
    }
};

/// The child is no more: delete received or sent, or its IKE SA is gone.
struct ChildGone {
    enum class Reason : std::uint8_t {
        deleted_by_peer,
        deleted_by_us,
        lost_by_peer,  // it said INVALID_SPI; deleted by us then
        rekeyed,
        ike_gone,
        ike_dead,
        initial_contact
    };
    ChildId child = 0;
    Reason reason = Reason::deleted_by_peer;
};

struct InitiateFailed {
    ConnectionId connection = 0;
    Failure failure = Failure::silence;
    std::string detail;
};

/// Rekey of a child was given up (k.rekey-fail).
struct RekeyFailed {
    ChildId child = 0;
    std::string detail;
};

/// An IKE SA with this peer is established, or (PeerForgotten) the last one has ended so
/// that the peer knows it: what has to survive a crash. Not of configured peers, nor
/// under a name of ours, which other gateways may share.
struct PeerKnown {
    Identity own;
    Identity peer;
    Address local;
    Address remote;
    Verdict verdict = Verdict::indeterminate;
};
struct PeerForgotten {
    Identity own;
    Identity peer;
};
struct GreetEnded {
    Identity peer;
    Address remote;
    bool established = false;
    std::string detail;  // why not
};

/// The IKE SA was rekeyed: time to see whether the peer's key is still published (k.key-gone).
struct IkeRekeyed {
    IkeSaId sa = 0;
    Identity peer;
    Address remote;
    PublicKey key;  // the one that verified when it was made
    Verdict verdict = Verdict::indeterminate;
};

/// For the log: a peer's malformed or refused message names peer and field.
struct Notice {
    enum class Level : std::uint8_t { info, notice, warning, security };
    Level level = Level::info;
    Endpoint remote;
    std::string text;
};

/// For --insecure-key-log only: what tshark needs. Emitted only when asked for.
struct KeyLog {
    std::string line;
};

using IkeEvent =
    std::variant<SendDatagram, WantPeerKeys, WantAuthorization, InstallChild, ChildGone, InitiateFailed,
                 RekeyFailed, PeerKnown, PeerForgotten, GreetEnded, IkeRekeyed, Notice, KeyLog>;

// ---- injected parts ------------------------------------------------------------

/// Inbound SPIs name their owner, so whoever knows the workers hands them out.
class SpiAllocator {
  public:
    virtual ~SpiAllocator() = default;
    /// pair in outbound orientation. nullopt: the table is full.
    virtual std::optional<std::uint32_t> allocate(const Pair& pair) = 0;
    virtual void release(std::uint32_t spi) = 0;
};

/// A public-key operation that may run on another thread. `work` touches nothing
/// but what it captured; `done` runs later on the control thread, never inside submit().
struct Job {
    std::function<void()> work;
    std::function<void(Time now)> done;
};
class CryptoPool {
  public:
    virtual ~CryptoPool() = default;
    virtual void submit(Job job) = 0;
};

class PrivateKey;  // crypto/rsa.hpp

/// How we sign. automatic: RFC 7427 with PKCS#1 v1.5 and SHA-256 where the peer can
/// verify it, else method 1. The others are for peers with peculiar needs, and tests.
enum class SignatureForm : std::uint8_t { automatic, rsa_method_1, pss };

struct Settings {
    config::Ike ike;
    config::Timers timers;
    config::Limits limits;
    std::vector<Address> identities;  // our outside addresses
    bool key_log = false;
    SignatureForm signature_form = SignatureForm::automatic;
    bool announce_childless = true;  // RFC 6023; off: as peers without it are
};

/// What was refused or bounded, since the start.
struct Counters {
    std::uint64_t malformed = 0;         // messages with a wrong field
    std::uint64_t unprotected = 0;       // g.unprotected: decided nothing
    std::uint64_t bad_icv = 0;           // not authentic
    std::uint64_t unknown_spi = 0;       // of no IKE SA of ours
    std::uint64_t out_of_window = 0;     // message IDs of the past or future
    std::uint64_t repeated = 0;          // requests answered from the cache, or met with silence
    std::uint64_t refused_requests = 0;  // IKE_SA_INIT without a common proposal
    std::uint64_t cookies_sent = 0;
    std::uint64_t half_open_dropped = 0;  // over a bound that a cookie does not lift
    std::uint64_t half_open_expired = 0;
    std::uint64_t verifications_put_off = 0;  // limits.verifications, -per-source: the peer asks again
    std::uint64_t invalid_spi_answered = 0;   // INVALID_IKE_SPI sent
    std::uint64_t esp_spis_told = 0;          // INVALID_SPI sent, inside an IKE SA
    std::uint64_t esp_spis_untold = 0;        // beyond what one channel is told in timers.liveness
    std::uint64_t children_lost_by_peer = 0;  // closed for the peer's INVALID_SPI
    std::uint64_t invalid_spi_of_none = 0;    // the peer's, of no SA pair that we send on
    std::uint64_t channels_ousted = 0;        // childless, for newer ones (limits.ike-sas, -per-peer)
    std::uint64_t channels_refused = 0;       // nobody could give way
    std::uint64_t channels_over_share = 0;    // limits.ike-sas-per-source: IKE_SA_INIT dropped
    std::uint64_t children_over_share = 0;    // limits.children-per-source: NO_ADDITIONAL_SAS
    std::uint64_t lingering_dropped = 0;      // ended IKE SAs that repeat their answer no more
    std::uint64_t notices_suppressed = 0;
    std::uint64_t num_refused = 0;                  // sum of the following
    std::map<std::string, std::uint64_t> refusals;  // "state/event" without a row
    // Of those above, what a source's or identity's own share refused, not the total:
    std::uint64_t cookies_for_share = 0;         // ike.half-open-per-source
    std::uint64_t half_open_over_share = 0;      // dropped, beyond four times that
    std::uint64_t verifications_over_share = 0;  // limits.verifications-per-source
    std::uint64_t channels_over_peer = 0;        // limits.ike-sas-per-peer
    std::uint64_t exchanges_refused = 0;         // ike.max-exchanges
};

/// What is there now against each bound; `most`: of the source, or identity, that has most.
struct Load {
    std::size_t exchanges = 0;
    std::size_t half_open = 0, half_open_most = 0;
    std::size_t channels = 0, channels_most_of_peer = 0, channels_most_of_source = 0;
    std::size_t children_most_of_source = 0;
    std::size_t verifications = 0, verifications_most = 0;
};

// ---- snapshots -----------------------------------------------------------------

struct IkeSaStatus {
    IkeSaId id = 0;
    Endpoint local;
    Endpoint remote;
    std::uint64_t spi_initiator = 0;
    std::uint64_t spi_responder = 0;
    bool initiator = false;
    std::string state;  // the row's state, e.g. "established"
    std::string suite;  // "aes128-gcm16/prfsha256/curve25519"
    Identity peer;
    Verdict verdict = Verdict::indeterminate;
    Time created;
    unsigned num_children = 0;
};

class Engine {
  public:
    /// All references must outlive the engine.
    Engine(const Settings& settings, const PrivateKey& key, Random& random, SpiAllocator& spis,
           CryptoPool& pool);
    ~Engine();

    /// Key rollover (OE draft §5.4): what is signed from now on is signed with this one.
    /// IKE SAs go on; a signature in the making is finished with the key it began with.
    void set_key(const PrivateKey& key);

    void initiate(const Initiate& request, Time now);
    /// The connection is not interested any more; the exchange may still finish.
    void forget(ConnectionId connection);
    /// Our next exchange with this peer carries INITIAL_CONTACT: it may hold SAs of a
    /// former life of ours. greet() does not wait for a next one.
    void expect_stale(const Identity& own, const Identity& peer);
    void greet(const Greet& request, Time now);

    /// payload: without the non-ESP marker.
    void on_datagram(const Endpoint& local, const Endpoint& remote, ByteView payload, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

    /// Answer to WantPeerKeys; no keys: AUTHENTICATION_FAILED (r.nokey). configured: they
    /// come from the configuration (r.configured).
    void peer_keys(IkeSaId sa, std::vector<PublicKey> keys, Verdict verdict, Time now,
                   bool configured = false);
    /// Answer to WantAuthorization; refused: TS_UNACCEPTABLE, the IKE SA stays.
    void authorize(ChildId child, bool allowed, Time now);
    /// Answer to InstallChild.
    void child_installed(ChildId child, Time now);

    void rekey_child(ChildId child, Time now);
    void delete_child(ChildId child, Time now);
    /// Liveness check (RFC 7296 §2.4) of the channel of this child, rate-limited here.
    void check_liveness(ChildId child, Time now);
    /// ESP came to `local` under an SPI that we do not have. Forgeable: at most the peer with
    /// this address is told, inside an IKE SA (INVALID_SPI, RFC 7296 §1.5), rate-limited here.
    void on_unknown_spi(const Address& local, const Address& remote, std::uint32_t spi, Time now);
    void delete_ike_sa(IkeSaId sa, Time now);
    /// Deletes for everything; new offers are ignored from now on (x.shutdown).
    void shutdown(Time now);

    std::optional<IkeEvent> next_event();
    std::vector<IkeSaStatus> status() const;
    /// IKE SAs that are more than a repeated answer.
    std::size_t num_alive() const;
    /// How often each row of the machines was taken, in the order of docs/states.md.
    std::vector<std::uint64_t> rows_taken() const;
    const Counters& counters() const;
    Load load() const;

  private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace oegate::ike
