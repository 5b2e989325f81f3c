// What some drivers leave undone with the frames that they hand us, done before a worker
// sees them. An ethdev receive callback of those drivers' ports only; real NICs have none.
#pragma once

#include <cstddef>
#include <cstdint>

namespace oegate {

/// A frame that never was on a wire (veth, tap) may carry a TCP or UDP checksum that the
/// sender left to hardware: the field then holds the sum of the pseudo-header alone, and
/// nothing in the mbuf says so. Encrypted like that it would be wrong at the other end.
/// Completes such a one, true if it did. A good checksum that happens to look like it
/// (one in 65,536) comes out as it was. Frames it does not understand stay as they are.
bool complete_checksum(std::uint8_t* frame, std::size_t len);

/// Whether frames of this driver need finish_received().
bool leaves_frames_unfinished(const char* driver);

/// Makes every burst of this queue pass complete_checksum(), and clears what its mbufs
/// may bring along as orders for the next driver (RTE_MBUF_F_TX_*). Null when it cannot.
const void* finish_received(std::uint16_t port_id, std::uint16_t queue);
/// Takes that back; the port must stand still.
void forget_received(std::uint16_t port_id, std::uint16_t queue, const void* callback);

}  // namespace oegate
