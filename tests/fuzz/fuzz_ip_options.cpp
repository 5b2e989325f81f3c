// IPv4 options, and the options of TCP, in memory of exactly their size: the first byte
// of the input says how many bytes are the IPv4 header's, the rest is a TCP header.
#include <cstdlib>
#include <memory>
#include <vector>

#include "stages/ip_options.hpp"
#include "stages/mss.hpp"

using namespace oegate;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size == 0) return 0;
    const std::size_t options = std::min<std::size_t>(input[0] % 41, size - 1);
    const std::size_t header_len = 20 + options;
    const auto header = std::make_unique<std::uint8_t[]>(header_len);
    std::copy(input + 1, input + 1 + options, header.get() + 20);
    const Drop reason = check_options({header.get(), header_len});
    if (reason != Drop::kCount && reason != Drop::ip_options_malformed) std::abort();

    const std::size_t tcp_len = size - 1 - options;
    const auto tcp = std::make_unique<std::uint8_t[]>(tcp_len);
    std::copy(input + 1 + options, input + size, tcp.get());
    const std::vector<std::uint8_t> before(tcp.get(), tcp.get() + tcp_len);
    const bool changed = lower_mss({tcp.get(), tcp_len}, 1000);
    if (changed == std::equal(before.begin(), before.end(), tcp.get())) {
        // Two changes can leave the checksum as it was, but never the options.
        std::abort();
    }
    if (lower_mss({tcp.get(), tcp_len}, 1000)) std::abort();  // nothing is left to lower
    return 0;
}
