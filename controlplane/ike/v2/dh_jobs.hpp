// Diffie-Hellman in the crypto pool: a pair of our own, the secret from a pair and
// the peer's value, or both at once for whoever answers. The private value is drawn
// here, on the control thread; a job touches only what it was given.
#pragma once

#include "ike/v2/core.hpp"

namespace oegate::ike::v2 {

/// done gets nullptr when the library refuses.
void make_dh_pair(Core& core, Serial serial, DhGroup group,
                  std::function<void(IkeSa&, std::shared_ptr<DhKeyPair>, Time)> done);

/// Ours and the peer's. pair is null on error.
struct DhAnswer {
    std::shared_ptr<DhKeyPair> pair;
    Secret g_ir;
    CryptoError error = CryptoError::library;
};
void make_dh_answer(Core& core, Serial serial, DhGroup group, Bytes peer_public,
                    std::function<void(IkeSa&, DhAnswer, Time)> done);

/// From a pair that exists. The pair in the answer is the same one.
void make_dh_secret(Core& core, Serial serial, std::shared_ptr<DhKeyPair> pair, Bytes peer_public,
                    std::function<void(IkeSa&, DhAnswer, Time)> done);

}  // namespace oegate::ike::v2
