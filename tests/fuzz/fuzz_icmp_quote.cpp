// ICMP errors, "too big" and "unreachable" messages from a stranger, in memory of exactly their size. The
// first byte of the input is an order (bit 0: IPv6).
#include <cstdlib>
#include <memory>

#include "stages/icmp_quote.hpp"

using namespace oegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size == 0) return 0;
    const bool v6 = (input[0] & 1) != 0;
    const auto message = std::make_unique<std::uint8_t[]>(size - 1);
    std::copy(input + 1, input + size, message.get());
    const Family family = v6 ? Family::ipv6 : Family::ipv4;
    if (const auto about = quoted_pair({message.get(), size - 1}, family))
        if (about->source.is_ipv6() != v6 || about->destination.is_ipv6() != v6) std::abort();
    if (const auto lost = read_unreachable({message.get(), size - 1}, family))
        if (lost->spi < 256 || lost->local.is_ipv6() != v6 || lost->remote.is_ipv6() != v6 || lost->mtu != 0)
            std::abort();
    const auto told = read_too_big({message.get(), size - 1}, family);
    if (!told) return 0;
    // What is passed on to control is in bounds and of one family.
    const bool plausible = told->spi >= 256 && told->local.is_ipv6() == v6 && told->remote.is_ipv6() == v6 &&
                           (v6 ? told->mtu >= 1280 : told->mtu == 0 || told->mtu >= 68);
    if (!plausible) std::abort();
    return 0;
}
