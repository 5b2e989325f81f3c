// The chain of IPv6 extension headers (RFC 8200 §4). Called by parse for the rare
// datagram whose next header is one of them; bounded.
#pragma once

#include "net/headers.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// Whether this next header stands for an extension header that is walked over.
constexpr bool is_extension(Protocol next) {
    return next == Protocol::hop_by_hop || next == Protocol::routing ||
           next == Protocol::destination_options || next == Protocol::fragment;
}

/// Walks the chain; sets protocol, header_len and the fragment marks. `bytes` begins
/// with the IPv6 header and holds the datagram. Drop::kCount when the chain is good.
Drop walk_extensions(ByteView bytes, Meta&);

}  // namespace oegate
