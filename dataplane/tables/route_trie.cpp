#include "tables/route_trie.hpp"

#include <algorithm>

namespace oegate {

RouteTrie::RouteTrie(NodePool& pool, unsigned first_byte)
    : pool_(pool), first_byte_(first_byte), root_(std::make_unique<Word[]>(1u << kRootBits)) {}

RouteTrie::Place RouteTrie::place(const Prefix& prefix) const {
    Place p;
    const std::uint8_t* bytes = prefix.address().bytes().data() + first_byte_;
    const unsigned length = prefix.length();
    p.root = static_cast<std::uint32_t>(bytes[0] << 8 | bytes[1]);
    p.key = bytes + 2;
    if (length <= kRootBits) {
        p.first = p.root;
        p.count = 1u << (kRootBits - length);
        return p;
    }
    p.levels = (length - kRootBits + kNodeBits - 1) / kNodeBits;
    p.first = p.key[p.levels - 1];
    p.count = 1u << (kRootBits + p.levels * kNodeBits - length);
    return p;
}

unsigned RouteTrie::num_missing(const Place& p) const {
    const Word* word = &root_[p.root];
    for (unsigned level = 0; level < p.levels; ++level) {
        const std::uint32_t at = word->load(std::memory_order_relaxed);
        if ((at & kNode) == 0) return p.levels - level;
        word = &below(at, p.key[level]);
    }
    return 0;
}

void RouteTrie::paint(Word* words, unsigned first, unsigned count, unsigned low, unsigned high,
                      std::uint32_t to) {
    for (unsigned i = first; i < first + count; ++i) {
        const std::uint32_t at = words[i].load(std::memory_order_relaxed);
        if ((at & kNode) != 0) {
            paint(pool_[at & ~kNode].data(), 0, 256, low, high, to);
        } else if (length_of(at) >= low && length_of(at) <= high) {
            words[i].store(to, std::memory_order_release);
        }
    }
}

bool RouteTrie::set(const Prefix& prefix, std::uint16_t value, bool is_new) {
    const Place p = place(prefix);
    if (num_missing(p) > pool_.num_free()) return false;
    Word* words = root_.get();
    Word* word = &root_[p.root];
    std::uint32_t parent = kNode;  // the root
    for (unsigned level = 0; level < p.levels; ++level) {
        std::uint32_t at = word->load(std::memory_order_relaxed);
        if ((at & kNode) == 0) {
            at = pool_.take(at) | kNode;
            word->store(at, std::memory_order_release);
            if (parent != kNode) ++pool_.load(parent);
        }
        parent = at & ~kNode;
        words = pool_[parent].data();
        word = &words[p.key[level]];
    }
    if (is_new && parent != kNode) ++pool_.load(parent);
    paint(words, p.first, p.count, 0, prefix.length(), leaf(value, prefix.length()));
    return true;
}

void RouteTrie::clear(const Prefix& prefix, std::uint16_t covering, unsigned covering_length,
                      std::vector<std::uint32_t>& retired) {
    const Place p = place(prefix);
    std::array<Word*, kMaxLevels> hooks;  // the word that each node on the way hangs in
    std::array<std::uint32_t, kMaxLevels> nodes;
    Word* words = root_.get();
    Word* word = &root_[p.root];
    for (unsigned level = 0; level < p.levels; ++level) {
        hooks[level] = word;
        nodes[level] = word->load(std::memory_order_relaxed) & ~kNode;
        words = pool_[nodes[level]].data();
        word = &words[p.key[level]];
    }
    paint(words, p.first, p.count, prefix.length(), prefix.length(), leaf(covering, covering_length));
    // A node in which no route ends and no node hangs says the same everywhere.
    for (unsigned level = p.levels; level-- > 0;) {
        if (--pool_.load(nodes[level]) > 0) break;
        hooks[level]->store(pool_[nodes[level]][0].load(std::memory_order_relaxed),
                            std::memory_order_release);
        retired.push_back(nodes[level]);
    }
}

std::uint16_t RouteTrie::find(const Address& address) const {
    const std::uint8_t* key = address.bytes().data() + first_byte_;
    std::uint32_t at = root_[key[0] << 8 | key[1]].load(std::memory_order_acquire);
    for (unsigned i = 2; (at & kNode) != 0; ++i) at = below(at, key[i]).load(std::memory_order_acquire);
    return static_cast<std::uint16_t>(at);
}

void RouteTrie::find_ipv4(const std::uint32_t* hosts, unsigned count, std::uint32_t* out) const {
    for (unsigned i = 0; i < count; ++i) {
        out[i] = root_[hosts[i] >> 16].load(std::memory_order_acquire);
        if ((out[i] & kNode) != 0) __builtin_prefetch(&below(out[i], hosts[i] >> 8 & 0xff));
    }
    bool deeper = false;
    for (unsigned i = 0; i < count; ++i) {
        if ((out[i] & kNode) == 0) continue;
        out[i] = below(out[i], hosts[i] >> 8 & 0xff).load(std::memory_order_acquire);
        if ((out[i] & kNode) == 0) continue;
        __builtin_prefetch(&below(out[i], hosts[i] & 0xff));
        deeper = true;
    }
    if (deeper)
        for (unsigned i = 0; i < count; ++i)
            if ((out[i] & kNode) != 0)
                out[i] = below(out[i], hosts[i] & 0xff).load(std::memory_order_acquire);
    for (unsigned i = 0; i < count; ++i) out[i] &= 0xffff;
}

void RouteTrie::find_ipv6(const Address* addresses, unsigned count, std::uint32_t* out) const {
    std::uint8_t walking[kFindBurst];
    unsigned num = 0;
    for (unsigned i = 0; i < count; ++i) {
        const std::uint8_t* key = addresses[i].bytes().data();
        out[i] = root_[key[0] << 8 | key[1]].load(std::memory_order_acquire);
        if ((out[i] & kNode) == 0) continue;
        __builtin_prefetch(&below(out[i], key[2]));
        walking[num++] = static_cast<std::uint8_t>(i);
    }
    for (unsigned at = 2; num > 0; ++at) {
        unsigned left = 0;
        for (unsigned k = 0; k < num; ++k) {
            const unsigned i = walking[k];
            const std::uint8_t* key = addresses[i].bytes().data();
            out[i] = below(out[i], key[at]).load(std::memory_order_acquire);
            if ((out[i] & kNode) == 0) continue;
            __builtin_prefetch(&below(out[i], key[at + 1]));
            walking[left++] = static_cast<std::uint8_t>(i);
        }
        num = left;
    }
    for (unsigned i = 0; i < count; ++i) out[i] &= 0xffff;
}

}  // namespace oegate
