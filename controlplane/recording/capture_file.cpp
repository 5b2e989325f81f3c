#include "recording/capture_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

namespace oegate::observe {
namespace {

constexpr std::size_t kMaxName = 64;

std::string because(const std::string& path, const char* what) {
    return fmt::format("{}: {}", path, what);
}

struct Descriptor {
    int fd;
    explicit Descriptor(int descriptor) : fd(descriptor) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (fd >= 0) close(fd);
    }
};

/// Nobody but us (and root) may have put anything into it.
Result<int, std::string> open_directory(const std::string& directory) {
    std::error_code ignored;  // told by open
    std::filesystem::create_directories(std::filesystem::path(directory).parent_path(), ignored);
    mkdir(directory.c_str(), 0700);
    const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) return fail(because(directory, std::strerror(errno)));
    struct stat status {};
    if (fstat(fd, &status) == 0 && status.st_uid == geteuid() && (status.st_mode & 022) == 0) return fd;
    close(fd);
    return fail(
        because(directory, "not ours alone: captures need a directory that nobody else may write to"));
}

}  // namespace

bool is_capture_name(const std::string& name) {
    return !name.empty() && name.size() <= kMaxName && name[0] != '-' &&
           std::all_of(name.begin(), name.end(), [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
           });
}

std::uint64_t bytes_in(const std::string& directory) {
    std::uint64_t sum = 0;
    std::error_code error;
    for (auto entry = std::filesystem::directory_iterator(directory, error);
         !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
        std::error_code ignored;  // gone meanwhile
        if (entry->is_regular_file(ignored)) {
            const std::uintmax_t size = entry->file_size(ignored);
            if (!ignored) sum += size;
        }
    }
    return sum;
}

Result<CaptureFile, std::string> CaptureFile::make(const std::string& directory, const std::string& name,
                                                   std::uint64_t max_bytes) {
    const auto opened = open_directory(directory);
    if (!opened) return fail(opened.error());
    const Descriptor at(*opened);
    const std::string file = name + ".pcapng";
    const int fd =
        openat(at.fd, file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
    const std::string path = directory + "/" + file;
    if (fd < 0 && errno == EEXIST)
        return fail(because(path, "is there already: take another name, or remove it"));
    if (fd < 0) return fail(because(path, std::strerror(errno)));
    return CaptureFile(fd, path, max_bytes);
}

CaptureFile::CaptureFile(CaptureFile&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      path_(std::move(other.path_)),
      len_(other.len_),
      max_bytes_(other.max_bytes_) {}

CaptureFile::~CaptureFile() {
    if (fd_ >= 0) close(fd_);
}

std::optional<std::string> CaptureFile::write(ByteView blocks) {
    if (len_ + blocks.size() > max_bytes_) return "its size is reached";
    std::size_t done = 0;
    while (done < blocks.size()) {
        const ssize_t now = ::write(fd_, blocks.data() + done, blocks.size() - done);
        if (now < 0 && errno == EINTR) continue;
        if (now <= 0) {
            const std::string why = now < 0 ? std::strerror(errno) : "nothing was written";
            if (ftruncate(fd_, static_cast<off_t>(len_)) != 0) return why + ", and its end is broken";
            lseek(fd_, static_cast<off_t>(len_), SEEK_SET);
            return why;
        }
        done += static_cast<std::size_t>(now);
    }
    len_ += blocks.size();
    return std::nullopt;
}

}  // namespace oegate::observe
