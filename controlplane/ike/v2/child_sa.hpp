// A child SA pair (RFC 7296 §1.3, §2.17): its keys and its life from offer to delete,
// whichever exchange carries it.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// Responder: asks keying, or for a rekey goes on at once.
void ask_authorization(Turn& turn, Child& child);

namespace child {
void hand_over(Turn&);      // keys to whoever installs
void derive(Turn&);         // initiator: PFS secret
void derive_answer(Turn&);  // responder: PFS pair and secret
void prepare(Turn&);        // responder without PFS: offer, SPI, hand over
void settle(Turn&);         // responder: installed, answer now
void refuse(Turn&);         // responder: not authorized
void refuse_crypto(Turn&);
void become_live(Turn&);         // initiator: installed
void give_up(Turn&);             // declined
void give_up_and_delete(Turn&);  // the peer made what we cannot use
void mark_unwanted(Turn&);
void close(Turn&);
void refuse_uninstalled(Turn&);  // responder: keys were handed over, nobody installed them
void cancel(Turn&);
void queue_delete(Turn&);
void queue_rekey_delete(Turn&);
void close_lost(Turn&);
void mark_superseded(Turn&);
void end_by_peer(Turn&);
void taken_back(Turn&);  // initiator: the peer thought better of it before we were ready
void end_closed(Turn&);
void lose(Turn&);
}  // namespace child

inline constexpr std::array kChildSaRows{
    // Initiator: the answer.
    ChildRow{"RFC 7296 1.3.1",
             ChildState::offered,
             ChildEvent::accepted,
             {ChildFact::pfs, 0},
             child::derive,
             ChildState::deriving},
    ChildRow{"g.keyed",
             ChildState::offered,
             ChildEvent::accepted,
             {0, ChildFact::pfs | ChildFact::unwanted},
             child::hand_over,
             ChildState::installing},
    ChildRow{"RFC 7296 2.8.1",
             ChildState::offered,
             ChildEvent::accepted,
             {ChildFact::unwanted, ChildFact::pfs},
             child::queue_delete,
             ChildState::closing},
    ChildRow{"g.keyed",
             ChildState::deriving,
             ChildEvent::secret_made,
             {0, ChildFact::unwanted},
             child::hand_over,
             ChildState::installing},
    ChildRow{"RFC 7296 2.8.1",
             ChildState::deriving,
             ChildEvent::secret_made,
             {ChildFact::unwanted, 0},
             child::queue_delete,
             ChildState::closing},
    ChildRow{"g.child",
             ChildState::deriving,
             ChildEvent::crypto_failed,
             {},
             child::give_up_and_delete,
             ChildState::closing},
    ChildRow{"g.child", ChildState::offered, ChildEvent::declined, {}, child::give_up, ChildState::gone},
    ChildRow{"g.child",
             ChildState::offered,
             ChildEvent::unacceptable,
             {},
             child::give_up_and_delete,
             ChildState::closing},
    ChildRow{"g.keyed",
             ChildState::installing,
             ChildEvent::installed,
             {0, ChildFact::unwanted},
             child::become_live,
             ChildState::live},
    ChildRow{"g.keyed",
             ChildState::installing,
             ChildEvent::installed,
             {ChildFact::unwanted, 0},
             child::queue_delete,
             ChildState::closing},

    // Responder.
    ChildRow{"r.self, r.source",
             ChildState::asking,
             ChildEvent::authorized,
             {ChildFact::pfs, 0},
             child::derive_answer,
             ChildState::answering},
    ChildRow{"r.self, r.source",
             ChildState::asking,
             ChildEvent::authorized,
             {0, ChildFact::pfs},
             child::prepare,
             ChildState::readying},
    ChildRow{
        "r.class, r.source", ChildState::asking, ChildEvent::refused, {}, child::refuse, ChildState::gone},
    ChildRow{"r.install",
             ChildState::answering,
             ChildEvent::secret_made,
             {},
             child::prepare,
             ChildState::readying},
    ChildRow{"RFC 7296 2.21",
             ChildState::answering,
             ChildEvent::crypto_failed,
             {},
             child::refuse_crypto,
             ChildState::gone},
    ChildRow{"r.install", ChildState::readying, ChildEvent::installed, {}, child::settle, ChildState::live},
    ChildRow{"RFC 7296 2.21", ChildState::readying, ChildEvent::refused, {}, child::refuse, ChildState::gone},

    // Replacement.
    ChildRow{"k.soft",
             ChildState::live,
             ChildEvent::rekeyed_by_us,
             {},
             child::queue_rekey_delete,
             ChildState::replaced},
    ChildRow{"k.rekey-both",
             ChildState::superseded,
             ChildEvent::rekeyed_by_us,
             {},
             child::queue_rekey_delete,
             ChildState::replaced},
    ChildRow{"k.rekey-peer",
             ChildState::live,
             ChildEvent::rekeyed_by_peer,
             {},
             child::mark_superseded,
             ChildState::superseded},
    ChildRow{
        "k.rekey-both", ChildState::replaced, ChildEvent::rekeyed_by_peer, {}, nullptr, ChildState::replaced},

    // The end, by us.
    ChildRow{
        "e.close", ChildState::live, ChildEvent::close_asked, {}, child::queue_delete, ChildState::closing},
    ChildRow{
        "e.close", ChildState::superseded, ChildEvent::close_asked, {}, child::close, ChildState::closing},
    ChildRow{"e.close", ChildState::replaced, ChildEvent::close_asked, {}, nullptr, ChildState::replaced},
    ChildRow{"e.close", ChildState::closing, ChildEvent::close_asked, {}, nullptr, ChildState::closing},
    ChildRow{"e.close", ChildState::waiting, ChildEvent::close_asked, {}, child::cancel, ChildState::gone},
    ChildRow{"e.close",
             ChildState::pairing,
             ChildEvent::close_asked,
             {},
             child::mark_unwanted,
             ChildState::pairing},
    ChildRow{"e.close",
             ChildState::offered,
             ChildEvent::close_asked,
             {},
             child::mark_unwanted,
             ChildState::offered},
    ChildRow{"e.close",
             ChildState::deriving,
             ChildEvent::close_asked,
             {},
             child::mark_unwanted,
             ChildState::deriving},
    ChildRow{
        "e.close", ChildState::installing, ChildEvent::close_asked, {}, child::close, ChildState::closing},
    ChildRow{"r.install",
             ChildState::readying,
             ChildEvent::close_asked,
             {},
             child::refuse_uninstalled,
             ChildState::gone},
    ChildRow{"r.class", ChildState::asking, ChildEvent::close_asked, {}, child::refuse, ChildState::gone},
    ChildRow{"r.class", ChildState::answering, ChildEvent::close_asked, {}, child::refuse, ChildState::gone},
    ChildRow{
        "e.close", ChildState::closing, ChildEvent::delete_answered, {}, child::end_closed, ChildState::gone},
    ChildRow{
        "k.soft", ChildState::replaced, ChildEvent::delete_answered, {}, child::end_closed, ChildState::gone},

    // The end, by the peer. A delete that crosses ours is answered without our SPI,
    // and ours goes on (RFC 7296 §1.4.1).
    ChildRow{
        "k.delete", ChildState::live, ChildEvent::delete_received, {}, child::end_by_peer, ChildState::gone},
    ChildRow{"k.delete",
             ChildState::installing,
             ChildEvent::delete_received,
             {},
             child::end_by_peer,
             ChildState::gone},
    ChildRow{"g.child",
             ChildState::deriving,
             ChildEvent::delete_received,
             {},
             child::taken_back,
             ChildState::gone},
    ChildRow{"k.rekey-peer",
             ChildState::superseded,
             ChildEvent::delete_received,
             {},
             child::end_by_peer,
             ChildState::gone},
    ChildRow{
        "k.delete", ChildState::live, ChildEvent::lost_by_peer, {}, child::close_lost, ChildState::closing},
    ChildRow{"k.rekey-peer",
             ChildState::superseded,
             ChildEvent::lost_by_peer,
             {},
             child::end_by_peer,
             ChildState::gone},
    ChildRow{"RFC 7296 1.4.1",
             ChildState::replaced,
             ChildEvent::delete_received,
             {ChildFact::delete_sent, 0},
             nullptr,
             ChildState::replaced},
    ChildRow{"k.rekey-both",
             ChildState::replaced,
             ChildEvent::delete_received,
             {0, ChildFact::delete_sent},
             child::end_by_peer,
             ChildState::gone},
    ChildRow{"RFC 7296 1.4.1",
             ChildState::closing,
             ChildEvent::delete_received,
             {ChildFact::delete_sent, 0},
             nullptr,
             ChildState::closing},
    ChildRow{"k.delete",
             ChildState::closing,
             ChildEvent::delete_received,
             {0, ChildFact::delete_sent},
             child::end_by_peer,
             ChildState::gone},

    // Its IKE SA is gone.
    ChildRow{"k.ike-gone", ChildState::waiting, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::pairing, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::offered, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::deriving, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::installing, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::asking, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::answering, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::readying, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::live, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::replaced, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::superseded, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
    ChildRow{"k.ike-gone", ChildState::closing, ChildEvent::sa_gone, {}, child::lose, ChildState::gone},
};

}  // namespace oegate::ike::v2
