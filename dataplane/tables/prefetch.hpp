// Asking for a cache line before it is needed. Used by the tables' prefetch functions
// instead of the bare builtin: g++ 12 takes a function that does nothing else for one
// without effect, and drops its calls.
#pragma once

namespace oegate {

inline void prefetch_line(const void* at) {
    __builtin_prefetch(at);
    asm volatile("");  // no instruction: an effect that the compiler sees
}

}  // namespace oegate
