// The key schedule of IKEv2: SKEYSEED and SK_* (RFC 7296 §2.14), keying material of
// children (§2.17), rekeyed IKE SAs (§2.18).
#pragma once

#include "base/secret.hpp"
#include "contract/sa.hpp"
#include "ike/crypto/prf.hpp"
#include "ike/wire/proposals.hpp"

namespace oegate::ike {

using wire::IkeSuite;

/// SK_ai and SK_ar do not exist with AEAD (RFC 5282 §7.1). SK_ei, SK_er end in the
/// four bytes of salt.
struct IkeKeys {
    Secret d;   // SK_d
    Secret ei;  // SK_ei
    Secret er;  // SK_er
    Secret pi;  // SK_pi
    Secret pr;  // SK_pr
};

/// SKEYSEED = prf(Ni | Nr, g^ir).
Secret skeyseed(PrfId prf, ByteView ni, ByteView nr, ByteView g_ir);
/// SKEYSEED = prf(SK_d (old), g^ir (new) | Ni | Nr), with the old SA's prf.
Secret rekey_skeyseed(PrfId old_prf, ByteView old_sk_d, ByteView g_ir, ByteView ni, ByteView nr);

/// SPIs in the order of the new SA's header; nonces of the exchange that makes it.
IkeKeys derive_ike_keys(const IkeSuite& suite, const Secret& skeyseed, ByteView ni, ByteView nr,
                        std::uint64_t spi_initiator, std::uint64_t spi_responder);

/// Initiator and responder of the exchange that makes the child. The caller
/// zeroises the SaKeys when they are handed on (they are plain contract records).
struct ChildKeys {
    SaKey to_responder;  // initiator → responder, taken first from KEYMAT
    SaKey to_initiator;
};
/// g_ir: empty without PFS.
ChildKeys derive_child_keys(PrfId prf, ByteView sk_d, EspSuite suite, ByteView g_ir, ByteView ni,
                            ByteView nr);
void zeroise(SaKey& key);

}  // namespace oegate::ike
