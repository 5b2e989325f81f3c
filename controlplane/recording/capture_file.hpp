// A file in the capture directory: made anew, mode 0600, written in blocks, never longer
// than its bound. A name is a word, so that it leads nowhere else. Called by Captures.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace oegate::observe {

/// Letters, digits, "-" and "_", at most 64: no path, no hidden file.
bool is_capture_name(const std::string& name);

/// Bytes of the files in the directory; 0 when there is none.
std::uint64_t bytes_in(const std::string& directory);

class CaptureFile {
  public:
    /// Makes the directory (0700) if it is missing. A directory that others may write to,
    /// a link in its place, and a file that is there already are refused. The error is a
    /// sentence for the operator.
    static Result<CaptureFile, std::string> make(const std::string& directory, const std::string& name,
                                                 std::uint64_t max_bytes);
    CaptureFile(CaptureFile&& other) noexcept;
    CaptureFile& operator=(CaptureFile&&) = delete;
    ~CaptureFile();

    /// Whole blocks, or nothing: a block that the disk takes only in part is cut off
    /// again. The error is a sentence for the operator.
    std::optional<std::string> write(ByteView blocks);

    std::uint64_t len() const { return len_; }
    std::uint64_t max_bytes() const { return max_bytes_; }
    const std::string& path() const { return path_; }

  private:
    CaptureFile(int fd, std::string path, std::uint64_t max_bytes)
        : fd_(fd), path_(std::move(path)), max_bytes_(max_bytes) {}
    int fd_;
    std::string path_;
    std::uint64_t len_ = 0;
    std::uint64_t max_bytes_;
};

}  // namespace oegate::observe
