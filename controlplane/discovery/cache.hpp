// Answers by owner until they are stale. Strangers decide which owners are asked
// for, so the cache is ordered, not hashed, and bounded: when it is full the entry
// that would go stale first makes room. Used by discovery.
#pragma once

#include <map>
#include <set>
#include <utility>

#include "base/clock.hpp"

namespace oegate::discovery {

template <class Key, class Answer>
class Cache {
  public:
    explicit Cache(std::size_t capacity) : capacity_(capacity) {}

    struct Entry {
        Answer answer;
        Time stored;
        Time expires;
    };

    /// nullptr: unknown or stale.
    const Entry* find(const Key& key, Time now) const {
        const auto at = entries_.find(key);
        return at == entries_.end() || at->second.expires <= now ? nullptr : &at->second;
    }
    void put(const Key& key, Answer answer, Time now, Time expires) {
        erase(key);
        while (!by_expiry_.empty() && (by_expiry_.begin()->first <= now || entries_.size() >= capacity_)) {
            entries_.erase(by_expiry_.begin()->second);
            by_expiry_.erase(by_expiry_.begin());
        }
        by_expiry_.emplace(expires, key);
        entries_.emplace(key, Entry{std::move(answer), now, expires});
    }
    void clear() {
        entries_.clear();
        by_expiry_.clear();
    }
    std::size_t size() const { return entries_.size(); }
    const std::map<Key, Entry>& entries() const { return entries_; }

  private:
    void erase(const Key& key) {
        const auto at = entries_.find(key);
        if (at == entries_.end()) return;
        by_expiry_.erase({at->second.expires, key});
        entries_.erase(at);
    }

    std::size_t capacity_;
    std::map<Key, Entry> entries_;
    std::set<std::pair<Time, Key>> by_expiry_;
};

}  // namespace oegate::discovery
