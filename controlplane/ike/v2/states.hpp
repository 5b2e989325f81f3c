// The states, events and facts of the two machines of IKEv2: an IKE SA and a child
// SA pair. What leads from where to where is in the rows of each exchange; all of
// them together in rows.hpp.
#pragma once

#include <cstdint>
#include <string_view>

namespace oegate::ike::v2 {

// state, meaning
#define OEGATE_SA_STATES(X)                                                                           \
    X(pairing, "initiator: our Diffie-Hellman pair is being made")                                    \
    X(init_sent, "initiator: IKE_SA_INIT sent")                                                       \
    X(deriving, "initiator: answered; shared secret and signature are being made")                    \
    X(auth_sent, "initiator: IKE_AUTH sent")                                                          \
    X(proving, "initiator: the peer's signature is being verified")                                   \
    X(answering, "responder: Diffie-Hellman for IKE_SA_INIT under way")                               \
    X(half_open, "responder: IKE_SA_INIT answered")                                                   \
    X(finding_keys, "responder: IKE_AUTH decrypted, the peer's keys are being looked up")             \
    X(checking, "responder: the peer's signature is being verified")                                  \
    X(first_child, "responder: peer authenticated, its child is being authorized and installed")      \
    X(established, "both authenticated")                                                              \
    X(succ_pairing, "successor that we asked for: Diffie-Hellman pair being made")                    \
    X(succ_sent, "successor that we asked for: request sent on the old SA")                           \
    X(succ_deriving, "successor that we asked for: answered, keys being derived")                     \
    X(succ_answering, "successor that the peer asked for: keys being derived")                        \
    X(succ_held, "successor that the peer asked for while ours is under way: waits for the decision") \
    X(rekeyed, "replaced by its successor; one side deletes it")                                      \
    X(closing, "our delete is on its way")                                                            \
    X(lingering, "gone; only repeats its last answer")

enum class SaState : std::uint8_t {
#define X(id, text) id,
    OEGATE_SA_STATES(X)
#undef X
};

#define OEGATE_SA_EVENTS(X)                                                 \
    X(pair_made, "Diffie-Hellman pair ready")                               \
    X(init_answered, "IKE_SA_INIT answer acceptable")                       \
    X(cookie_wanted, "unprotected COOKIE")                                  \
    X(group_wanted, "INVALID_KE_PAYLOAD")                                   \
    X(init_unprotected, "any other unprotected answer")                     \
    X(secret_made, "shared secret ready")                                   \
    X(crypto_failed, "Diffie-Hellman or signing refused")                   \
    X(auth_answered, "IKE_AUTH answer with AUTH")                           \
    X(auth_refused, "protected error instead of AUTH")                      \
    X(proved, "a candidate key verifies the peer's signature")              \
    X(disproved, "no candidate key verifies, or the identity is another")   \
    X(auth_received, "IKE_AUTH request decrypts")                           \
    X(auth_unusable, "IKE_AUTH request decrypts but is not well-formed")    \
    X(keys_found, "keys of the peer's identity")                            \
    X(keys_missing, "no key for the peer's identity")                       \
    X(child_settled, "the first child is installed, or refused")            \
    X(create_child_received, "CREATE_CHILD_SA request for a child")         \
    X(rekey_ike_received, "CREATE_CHILD_SA request for the IKE SA")         \
    X(informational_received, "INFORMATIONAL request")                      \
    X(ike_delete_received, "INFORMATIONAL request that deletes the IKE SA") \
    X(malformed_inside, "authentic request with a malformed payload")       \
    X(rekey_answered, "answer to our rekey of the IKE SA")                  \
    X(rekey_declined, "our rekey of the IKE SA was refused")                \
    X(adopted, "the successor takes over")                                  \
    X(superseded, "a successor has taken over from this one")               \
    X(delete_answered, "our delete was answered")                           \
    X(close_asked, "delete asked for on our side")                          \
    X(silent, "retransmissions exhausted, or the exchange took too long")   \
    X(overdue, "half-open for too long")                                    \
    X(peer_restarted, "INITIAL_CONTACT on a newer IKE SA")                  \
    X(ousted, "has no children and must give way to a newer one")

enum class SaEvent : std::uint8_t {
#define X(id, text) id,
    OEGATE_SA_EVENTS(X)
#undef X
};

/// Facts that rows of the IKE SA machine may ask for.
struct SaFact {
    enum : std::uint32_t {
        retry_left = 1,       // cookies and groups are bounded
        offer_ok = 2,         // the first child's offer is acceptable
        child_busy = 4,       // we are creating, rekeying or closing a child
        rekey_under_way = 8,  // our rekey of this IKE SA is under way
        rival = 16,           // the peer's successor is held (RFC 7296 §2.8.1)
        fatal = 32,           // INVALID_SYNTAX (RFC 7296 §2.21.3)
        childless = 64,       // IKE_AUTH is to make no child, or asks for none (RFC 6023)
        refuses_none = 128,   // the peer has not said that it takes such an IKE_AUTH
        room = 256,           // for one more IKE SA with this peer
        may_verify = 512,     // a stranger's signature may be verified now
    };
};

#define OEGATE_CHILD_STATES(X)                                                    \
    X(waiting, "initiator: waits for its turn in the window")                     \
    X(pairing, "initiator: our Diffie-Hellman pair is being made")                \
    X(offered, "initiator: offer sent")                                           \
    X(deriving, "initiator: answered, shared secret being made")                  \
    X(installing, "initiator: keys handed over for installation")                 \
    X(asking, "responder: authorization asked for")                               \
    X(answering, "responder: Diffie-Hellman under way")                           \
    X(readying, "responder: keys handed over for installation, answer to follow") \
    X(live, "installed on both sides")                                            \
    X(replaced, "we rekeyed it; our delete is on its way")                        \
    X(superseded, "the peer rekeyed it; its delete is expected")                  \
    X(closing, "our delete is on its way")                                        \
    X(gone, "no more")

enum class ChildState : std::uint8_t {
#define X(id, text) id,
    OEGATE_CHILD_STATES(X)
#undef X
};

#define OEGATE_CHILD_EVENTS(X)                                         \
    X(put_off, "it comes after an IKE_AUTH without it")                \
    X(begin, "its turn in the window")                                 \
    X(pair_made, "Diffie-Hellman pair ready")                          \
    X(accepted, "the peer accepted exactly what we asked for")         \
    X(declined, "the peer refused")                                    \
    X(unacceptable, "the peer made something that we did not ask for") \
    X(retry, "TEMPORARY_FAILURE")                                      \
    X(group_wanted, "INVALID_KE_PAYLOAD in a protected answer")        \
    X(secret_made, "shared secret ready")                              \
    X(crypto_failed, "Diffie-Hellman refused")                         \
    X(authorized, "keying allows the pair")                            \
    X(refused, "keying refuses the pair")                              \
    X(installed, "the inbound SA is in its worker")                    \
    X(rekeyed_by_us, "our rekey of it is installed")                   \
    X(rekeyed_by_peer, "the peer's rekey of it is installed")          \
    X(close_asked, "delete asked for on our side")                     \
    X(delete_received, "the peer's delete")                            \
    X(lost_by_peer, "the peer says that it has it no more")            \
    X(delete_answered, "our delete was answered")                      \
    X(sa_gone, "its IKE SA is gone")

enum class ChildEvent : std::uint8_t {
#define X(id, text) id,
    OEGATE_CHILD_EVENTS(X)
#undef X
};

/// Facts that rows of the child machine may ask for.
struct ChildFact {
    enum : std::uint32_t {
        pfs = 1,          // a Diffie-Hellman of its own
        retry_left = 2,   // TEMPORARY_FAILURE and groups are bounded
        unwanted = 4,     // closed meanwhile, or redundant (RFC 7296 §2.8.1)
        delete_sent = 8,  // ours; crossed with the peer's (RFC 7296 §1.4.1)
    };
};

std::string_view to_text(SaState);
std::string_view to_text(SaEvent);
std::string_view to_text(ChildState);
std::string_view to_text(ChildEvent);

}  // namespace oegate::ike::v2
