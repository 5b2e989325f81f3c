// Forged input: somebody on the path who hears everything and can say anything, but
// stops nothing and knows no key. Whatever it says may cost a check or a cookie; it
// must not close, clear or weaken anything.
#pragma once

#include "world.hpp"

namespace oegate::sim {

class Attacker {
  public:
    explicit Attacker(World& world) : world_(world) {}
    /// One of the following, at random.
    void strike();

    void replay();               // an IKE message, to whom it was sent or to its sender
    void mutilate();             // a flipped bit, or cut off
    void unprotected_notify();   // an answer to an IKE_SA_INIT, or to anything else, in the clear
    void unknown_spi();          // ESP under an SPI that nobody gave
    void forged_esp();           // ESP under an SPI that was heard, with a wrong ICV
    void old_esp();              // ESP that was heard
    void icmp_too_big();         // quoting an SPI that was heard, or another
    void clear_text();           // as if from a host whose pair may be keyed
    void half_open(unsigned n);  // IKE_SA_INIT requests from addresses of its own

    std::uint64_t num_strikes() const { return num_strikes_; }

  private:
    World& world_;
    std::uint64_t num_strikes_ = 0;
};

/// A well-formed IKE_SA_INIT request with a key exchange value that is no secret of
/// anybody; another initiator SPI each time.
Bytes init_request(SeededRandom& random);
/// The same request once more, with the cookie of this answer; empty: it holds none.
Bytes with_cookie(ByteView request, ByteView answer);

}  // namespace oegate::sim
