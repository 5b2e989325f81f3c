// Feeds a fuzz target what its corpus directory holds: each file, and each of the
// file's prefixes, because truncation is the commonest malformation. Run by
// `meson test --suite unit` with any compiler; looks for nothing new.
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

/// A prefix has its own allocation, so that a sanitizer sees a read past its end.
void replay(const std::vector<std::uint8_t>& whole) {
    constexpr std::size_t kMaxPrefixes = 512;
    for (std::size_t size = 0; size < whole.size() && size < kMaxPrefixes; ++size) {
        const std::vector<std::uint8_t> prefix(whole.begin(),
                                               whole.begin() + static_cast<std::ptrdiff_t>(size));
        LLVMFuzzerTestOneInput(prefix.data(), prefix.size());
    }
    LLVMFuzzerTestOneInput(whole.data(), whole.size());
}

int replay_directory(const char* directory) {
    int num_files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> text{std::istreambuf_iterator<char>(file), {}};
        std::printf("%s\n", entry.path().c_str());
        std::fflush(stdout);  // names the culprit when the next line aborts
        replay({text.begin(), text.end()});
        ++num_files;
    }
    return num_files;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
        return 2;
    }
    try {
        const int num_files = replay_directory(argv[1]);
        std::printf("%d files replayed\n", num_files);
        return num_files > 0 ? 0 : 1;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", argv[1], error.what());
        return 1;
    }
}
