// Key material: zeroised when it goes, never printed, compared in constant time.
#pragma once

#include <utility>

#include "base/bytes.hpp"

namespace oegate {

/// Overwrites memory in a way that the compiler may not remove.
void zeroise(MutableBytes bytes);

/// Constant-time in the contents; the lengths are not secret.
bool equal_constant_time(ByteView a, ByteView b);

/// Bytes that are overwritten before their memory is given back. Move-only in
/// spirit: copying is explicit (clone).
class Secret {
  public:
    Secret() = default;
    explicit Secret(std::size_t num_bytes) : bytes_(num_bytes) {}
    explicit Secret(ByteView bytes) : bytes_(bytes.begin(), bytes.end()) {}
    /// Takes the bytes over without a copy.
    explicit Secret(Bytes&& bytes) : bytes_(std::move(bytes)) {}
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            zeroise(bytes_);
            bytes_ = std::exchange(other.bytes_, {});
        }
        return *this;
    }
    ~Secret() { zeroise(bytes_); }

    Secret clone() const { return Secret(ByteView(bytes_)); }
    ByteView view() const { return bytes_; }
    MutableBytes mutable_view() { return bytes_; }
    std::size_t size() const { return bytes_.size(); }
    bool empty() const { return bytes_.empty(); }

  private:
    Bytes bytes_;
};

}  // namespace oegate
