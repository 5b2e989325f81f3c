// The configuration file, hostile: any text gives a configuration or problems with
// places inside the text; what is accepted shows as a text that loads to the same.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/loader.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace oegate::config;
    const std::string text(reinterpret_cast<const char*>(data), size);
    const auto config = load_text(text, "fuzz.yaml", {.check_files = false});
    if (config) {
        const std::string shown = show(*config);
        const auto again = load_text(shown, "fuzz.yaml", {.check_files = false});
        if (!again || show(*again) != shown) std::abort();
    } else {
        if (config.error().empty()) std::abort();
        for (const Problem& problem : config.error())
            if (problem.what.empty() || problem.text().empty()) std::abort();
    }
    return 0;
}
