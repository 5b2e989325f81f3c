// Answers by owner until they are stale. Strangers decide which owners are asked for
// and how long their answers hold, so the cache is ordered, not hashed, and bounded:
// when it is full, what is stale makes room, else what was longest not asked for, so
// that a scan pushes out its own answers before those in use. Used by discovery.
#pragma once

#include <list>
#include <map>
#include <set>
#include <utility>

#include "base/clock.hpp"

namespace oegate::discovery {

template <class Key, class Answer>
class Cache {
    struct Entry;
    using Entries = std::map<Key, Entry>;
    struct Entry {
        Answer answer;
        Time stored;
        Time expires;
        typename std::list<Key>::iterator used;  // in by_use_, the longest unused first
    };

  public:
    explicit Cache(std::size_t capacity) : capacity_(capacity) {}

    /// nullptr: unknown or stale. It counts as use.
    const Entry* find(const Key& key, Time now) {
        const auto at = entries_.find(key);
        if (at == entries_.end() || at->second.expires <= now) return nullptr;
        by_use_.splice(by_use_.end(), by_use_, at->second.used);
        return &at->second;
    }
    /// The same without counting.
    const Entry* peek(const Key& key, Time now) const {
        const auto at = entries_.find(key);
        return at == entries_.end() || at->second.expires <= now ? nullptr : &at->second;
    }
    /// Returns how many that were not yet stale had to make room.
    std::size_t put(const Key& key, Answer answer, Time now, Time expires) {
        erase(entries_.find(key));
        while (!by_expiry_.empty() && by_expiry_.begin()->first <= now)
            erase(entries_.find(by_expiry_.begin()->second));
        std::size_t num_evicted = 0;
        for (; !entries_.empty() && entries_.size() >= capacity_; ++num_evicted)
            erase(entries_.find(by_use_.front()));
        by_expiry_.emplace(expires, key);
        by_use_.push_back(key);
        entries_.emplace(key, Entry{std::move(answer), now, expires, std::prev(by_use_.end())});
        return num_evicted;
    }
    void forget(const Key& key) { erase(entries_.find(key)); }
    /// To be changed; nullptr: unknown. Stale or not.
    Answer* get(const Key& key) {
        const auto at = entries_.find(key);
        return at == entries_.end() ? nullptr : &at->second.answer;
    }
    void clear() {
        entries_.clear();
        by_expiry_.clear();
        by_use_.clear();
    }
    std::size_t size() const { return entries_.size(); }
    const Entries& entries() const { return entries_; }

  private:
    void erase(typename Entries::iterator at) {
        if (at == entries_.end()) return;
        by_expiry_.erase({at->second.expires, at->first});
        by_use_.erase(at->second.used);
        entries_.erase(at);
    }

    std::size_t capacity_;
    Entries entries_;
    std::set<std::pair<Time, Key>> by_expiry_;
    std::list<Key> by_use_;
};

}  // namespace oegate::discovery
