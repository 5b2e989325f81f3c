// Nodes of the route tries: 256 words each, named by index, in one reserved stretch of
// address space that the control thread touches as it grows, so that workers meet no
// page fault and nothing ever moves. A node that a worker may still read is not given
// out again: the caller says when (tables/fib.cpp). Ordinary memory, on huge pages
// where the kernel has them.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

namespace oegate {

class NodePool {
  public:
    using Node = std::array<std::atomic<std::uint32_t>, 256>;

    /// Throws std::bad_alloc: only at start. max_nodes is the bound, not what is used.
    explicit NodePool(std::uint32_t max_nodes);
    ~NodePool();
    NodePool(const NodePool&) = delete;
    NodePool& operator=(const NodePool&) = delete;

    Node& operator[](std::uint32_t i) { return nodes_[i]; }
    const Node& operator[](std::uint32_t i) const { return nodes_[i]; }

    // Control thread only.
    std::uint32_t num_free() const { return max_ - num_touched_ + static_cast<std::uint32_t>(free_.size()); }
    std::uint32_t num_used() const { return max_ - num_free(); }
    /// Every word is `fill`. num_free() must not be 0.
    std::uint32_t take(std::uint32_t fill);
    void give_back(std::uint32_t i) { free_.push_back(i); }
    /// Routes that end in the node, and its children.
    std::uint16_t& load(std::uint32_t i) { return loads_[i]; }
    std::size_t num_bytes() const { return std::size_t{num_touched_} * sizeof(Node); }

  private:
    std::uint32_t max_;
    std::uint32_t num_touched_ = 0;
    void* reserved_ = nullptr;
    std::size_t reserved_bytes_ = 0;
    Node* nodes_ = nullptr;
    std::vector<std::uint16_t> loads_;
    std::vector<std::uint32_t> free_;
};
static_assert(sizeof(NodePool::Node) == 1024);

}  // namespace oegate
