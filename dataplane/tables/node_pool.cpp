#include "tables/node_pool.hpp"

#include <sys/mman.h>

#include <new>

namespace oegate {

NodePool::NodePool(std::uint32_t max_nodes) : max_(max_nodes) {
    constexpr std::size_t kHugePage = std::size_t{2} << 20;
    reserved_bytes_ = std::size_t{max_} * sizeof(Node) + kHugePage;
    reserved_ = ::mmap(nullptr, reserved_bytes_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (reserved_ == MAP_FAILED) throw std::bad_alloc();
    ::madvise(reserved_, reserved_bytes_, MADV_HUGEPAGE);
    const auto at = (reinterpret_cast<std::uintptr_t>(reserved_) + kHugePage - 1) & ~(kHugePage - 1);
    nodes_ = reinterpret_cast<Node*>(at);
}

NodePool::~NodePool() {
    ::munmap(reserved_, reserved_bytes_);
}

std::uint32_t NodePool::take(std::uint32_t fill) {
    std::uint32_t i = 0;
    if (!free_.empty()) {
        i = free_.back();
        free_.pop_back();
    } else {
        i = num_touched_++;
        loads_.push_back(0);
    }
    loads_[i] = 0;
    for (std::atomic<std::uint32_t>& word : nodes_[i]) word.store(fill, std::memory_order_relaxed);
    return i;
}

}  // namespace oegate
