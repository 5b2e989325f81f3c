// A line on the management socket, hostile, in both directions: what is accepted
// survives the round trip.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "manage/protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace oegate::manage;
    const std::string line(reinterpret_cast<const char*>(data), size);
    std::string why;
    if (const auto request = parse_request(line, why)) {
        const std::string text = encode(*request);
        // One line, whatever is in it.
        if (text.find('\n') != text.size() - 1) std::abort();
        const auto again = parse_request(text, why);
        if (!again || again->arguments.size() != request->arguments.size()) std::abort();
    } else if (why.empty()) {
        std::abort();
    }
    if (const auto response = parse_response(line)) {
        const std::string text = encode(*response, !response->json.is_null());
        if (!parse_response(text) || text.find('\n') != text.size() - 1) std::abort();
    }
    return 0;
}
