// transmit: finished frames into the port's queue, or to the worker that owns the
// port. Nobody touches an mbuf after it was enqueued.
#pragma once

#include "net/headers.hpp"
#include "worker/worker.hpp"

namespace oegate {

/// Puts the Ethernet header, with the interface's tag if it has one, before the
/// packet's data and queues the frame.
void transmit_datagram(Worker&, rte_mbuf* packet, std::uint16_t interface, const MacAddress& to, EtherType);

/// Datagrams whose Meta::way holds, whose neighbour is resolved and that fit the
/// interface: framed and queued. All others end in `rest`, unchanged, for the long way.
void depart(Worker&, Burst& datagrams, Burst& rest);

/// Queues a frame that has its link layer; Meta::out_interface names the interface.
void transmit_frame(Worker&, rte_mbuf* frame);

/// Gives what is queued for the port to its driver.
void flush(Worker&, PortUse&);

/// Control's records (contract/datagram.hpp), a bounded number: frames are queued,
/// datagrams go to `datagrams` for the loop to route.
void transmit_from_control(Worker&, Burst& datagrams);

}  // namespace oegate
