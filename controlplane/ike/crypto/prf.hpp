// The pseudo-random functions of RFC 4868 and prf+ (RFC 7296 §2.13), and the two
// hashes that IKE uses bare.
#pragma once

#include <initializer_list>

#include "base/secret.hpp"
#include "ike/wire/constants.hpp"

namespace oegate::ike {

using wire::PrfId;

/// Output and preferred key length in bytes.
std::size_t prf_len(PrfId prf);

/// prf(key, parts joined).
Secret prf(PrfId id, ByteView key, std::initializer_list<ByteView> parts);

/// The first num_bytes of T1 | T2 | …; at most 255 blocks.
Secret prf_plus(PrfId id, ByteView key, ByteView seed, std::size_t num_bytes);

/// SHA-1, only where RFC 7296 §2.23 asks for it.
Bytes sha1(std::initializer_list<ByteView> parts);
Bytes sha256(std::initializer_list<ByteView> parts);

}  // namespace oegate::ike
