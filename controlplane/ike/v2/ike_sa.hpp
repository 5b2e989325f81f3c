// What is known of one IKE SA and of one child SA pair, and the two windows of an
// IKE SA (RFC 7296 §2.1-2.3). Data only: the exchanges change it, by their rows.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "ike/auth/auth.hpp"
#include "ike/crypto/dh.hpp"
#include "ike/crypto/keys.hpp"
#include "ike/crypto/sk.hpp"
#include "ike/engine.hpp"
#include "ike/v2/budget.hpp"
#include "ike/v2/child_table.hpp"
#include "ike/v2/states.hpp"

namespace oegate::ike::v2 {

/// Names an IkeSa object for ever. (The public IkeSaId names the channel: the
/// successor of a rekeyed IKE SA inherits it.)
using Serial = std::uint64_t;

/// What waits for its turn in our window of one request.
struct Task {
    enum class Kind : std::uint8_t {
        create_child,
        rekey_ike,
        delete_child,
        delete_ike,
        liveness,
        invalid_spi
    };
    Kind kind = Kind::liveness;
    ChildId child = 0;      // create_child, delete_child
    Serial successor = 0;   // rekey_ike
    std::uint32_t spi = 0;  // invalid_spi
    Time not_before{};      // TEMPORARY_FAILURE: later
};

/// The request that we have in flight.
struct Request {
    std::uint32_t id = 0;
    Bytes bytes;
    unsigned num_sent = 0;
    Duration wait{};  // until the next retransmission; doubled each time
    Time next{};
};

struct OutWindow {
    std::uint32_t next_id = 0;
    std::optional<Request> request;
    std::optional<Task> active;  // from the first crypto job to the end of the exchange
    std::deque<Task> queue;
    /// SPIs that the peer deleted and we do not know, while our CREATE_CHILD_SA is open: its
    /// answer, which the delete has overtaken, may be what makes them known.
    std::vector<std::uint32_t> taken_back;
    Time wake = kNever;  // when a postponed task may begin
};

/// The peer's last request and our answer to it, for byte-identical repetition.
struct InWindow {
    std::uint32_t expected = 0;
    Bytes request;
    Bytes answer;       // empty while we work on it
    bool busy = false;  // being worked on: repetitions meet silence
    wire::ExchangeType exchange = wire::ExchangeType::informational;
    Endpoint local, remote;  // where the answer goes
};

struct Child {
    ChildId id = 0;
    Serial sa = 0;
    ConnectionId connection = 0;
    ChildState state = ChildState::waiting;
    bool initiator = false;  // of the exchange that makes it
    bool first = false;      // rides on IKE_AUTH
    bool announced = false;  // InstallChild was given out: the SPI is the receiver's now
    bool unwanted = false;   // our side closed it before it was ready
    bool delete_sent = false;
    bool buried = false;
    bool failure_reported = false;
    std::optional<Address> counted_under;  // responder: the peer's /32 or /64
    Pair pair;                             // outbound: source is our host
    std::uint32_t spi_in = 0, spi_out = 0;
    wire::ChildSuite suite;
    Bytes ni, nr;
    Bytes lowest_nonce;
    std::optional<ChildId> replaces;
    ChildId rival = 0;    // on the old child: made by the peer's rekey of it
    Bytes rival_nonce;    // on our rekey of it: the lowest nonce of the peer's (RFC 7296 §2.8.1)
    ChildId attempt = 0;  // on the old child: our rekey of it, under way
    std::optional<ChildGone::Reason> close_reason;
    Time live_at = kNever, deadline = kNever;  // deadline: of the connection that asked
    unsigned attempts = 0;

    // negotiation, empty when live
    DhGroup group = DhGroup::curve25519;
    std::shared_ptr<DhKeyPair> dh;
    wire::Sa offer;   // ours (initiator) or the peer's (responder)
    wire::Sa answer;  // ours, as responder
    Bytes peer_public;
    Secret g_ir;
    wire::NotifyType refusal = wire::NotifyType::none;  // responder: what the answer says

    Pair peer_view() const { return pair.reversed(); }
};

struct IkeSa {
    Serial serial = 0;
    IkeSaId channel = 0;
    SaState state = SaState::pairing;
    bool initiator = false;  // original initiator of this IKE SA: flag I of its messages
    bool buried = false;
    bool counted_half_open = false;
    bool counted_exchange = false;
    bool counted_channel = false;
    bool opened_by_peer = false;  // this one, or the first that it succeeds
    std::optional<std::tuple<Endpoint, std::uint64_t, Bytes>> init_key;  // responder: remote, SPIi, Ni
    bool nat = false;
    std::uint64_t spi_i = 0, spi_r = 0;
    Endpoint local, remote;
    Identity own;
    Identity peer;
    std::vector<PublicKey> candidates;  // initiator: from DNS; responder: answer to WantPeerKeys
    PublicKey peer_key;                 // the one that verified
    std::uint32_t own_key = 0;          // Core::key_number when it was begun
    Verdict verdict = Verdict::indeterminate;
    Time created{}, established_at = kNever, last_heard{};
    std::vector<Identity> also;         // identities that it may prove instead
    bool configured = false;            // the peer and its keys are from the configuration
    bool initial_contact = false;       // send it
    bool greeting = false;              // initiator: made for INITIAL_CONTACT, without a child
    bool childless = false;             // initiator: ike.pfs strict, IKE_AUTH makes no child
    bool peer_takes_childless = false;  // CHILDLESS_IKEV2_SUPPORTED (RFC 6023)

    // IKE_SA_INIT and IKE_AUTH
    wire::Sa offer;
    wire::IkeSuite suite;
    Bytes ni, nr;
    Bytes init_request, init_answer;
    Bytes cookie;
    unsigned init_retries = 0;
    DhGroup group = DhGroup::curve25519;
    std::shared_ptr<DhKeyPair> dh;
    std::optional<std::vector<HashId>> peer_hashes;
    std::string heard;  // the last unprotected answer, for the failure's detail
    bool heard_no_proposal = false;
    wire::Payloads auth_payloads;  // of the IKE_AUTH message being judged
    wire::Authentication own_auth;
    ChildId first_child = 0;

    IkeKeys keys;
    std::unique_ptr<SkSealer> sealer;
    std::unique_ptr<SkOpener> opener;

    OutWindow out;
    InWindow in;
    ChildTable children;

    Serial predecessor = 0;  // of a successor
    Serial successor = 0;    // our rekey under way
    Serial rival = 0;        // the peer's successor, held
    Bytes lowest_nonce;      // of the exchange that made this successor
    unsigned rekey_attempts = 0;

    Time give_up = kNever;  // initiator: gateway timer; responder: half-open timer
    Time late = kNever;     // initiator: failure is reported, the exchange may still finish
    Time rekey_at = kNever;
    Time expires = kNever;
    Time idle_at = kNever;
    Time remove_at = kNever;  // lingering, rekeyed
    Time last_liveness{};
    bool checked_liveness = false;
    SaidLately told_spis;       // INVALID_SPI (RFC 7296 §1.5)
    Time armed = kNever;        // as in the engine's timer queue
    Time listed_idle = kNever;  // as in its list of those without children

    std::uint64_t own_spi() const { return initiator ? spi_i : spi_r; }
    bool authenticated() const { return established_at != kNever; }
};

}  // namespace oegate::ike::v2
