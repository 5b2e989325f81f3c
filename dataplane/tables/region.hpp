// Zeroed memory of a table that is made at start and lives as long as its worker:
// mapped at once, on transparent huge pages where the kernel has them, so that the
// hot path meets no page fault. Needs no EAL. The flow cache and the SAD sit on it.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

#include "base/secret.hpp"

namespace oegate {

template <class T>
class Region {
    static_assert(std::is_trivially_destructible_v<T>);

  public:
    Region() = default;
    /// Throws std::bad_alloc: only at start. All bytes are zero.
    explicit Region(std::size_t num) : num_(num) {
        void* at = ::mmap(nullptr, num_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED) throw std::bad_alloc();
        ::madvise(at, num_bytes(), MADV_HUGEPAGE);
        at_ = static_cast<T*>(at);
        zeroise({static_cast<std::uint8_t*>(at), num_bytes()});
    }
    Region(Region&& other) noexcept
        : at_(std::exchange(other.at_, nullptr)), num_(std::exchange(other.num_, 0)) {}
    Region& operator=(Region&& other) noexcept {
        std::swap(at_, other.at_);
        std::swap(num_, other.num_);
        return *this;
    }
    /// Overwrites the memory first: there may be keys in it.
    ~Region() {
        if (at_ == nullptr) return;
        zeroise({static_cast<std::uint8_t*>(static_cast<void*>(at_)), num_bytes()});
        ::munmap(at_, num_bytes());
    }

    T& operator[](std::size_t i) { return at_[i]; }
    const T& operator[](std::size_t i) const { return at_[i]; }
    T* data() { return at_; }
    const T* data() const { return at_; }
    std::size_t size() const { return num_; }

  private:
    std::size_t num_bytes() const { return num_ * sizeof(T); }
    T* at_ = nullptr;
    std::size_t num_ = 0;
};

}  // namespace oegate
