// Forced before every file that uses DPDK (meson.build): DPDK 24.11 declares these two
// functions of rte_ring_elem.h without C linkage, so that C++ would look for other
// symbols. A first declaration with C linkage decides. No other use.
#pragma once

#include <sys/types.h>

extern "C" {
struct rte_ring;
ssize_t rte_ring_get_memsize_elem(unsigned int esize, unsigned int count);
struct rte_ring* rte_ring_create_elem(const char* name, unsigned int esize, unsigned int count, int socket_id,
                                      unsigned int flags);
}
