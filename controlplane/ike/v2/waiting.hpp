// Pairs that wait until somebody else's IKE_SA_INIT with their gateway is over, in the
// orders in which they are looked for; and the gateways that were silent a moment ago.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/clock.hpp"
#include "ike/engine.hpp"

namespace oegate::ike::v2 {

struct Waiting {
    Initiate request;
    Time deadline{};  // when the gateway timer of this request runs out
};

class WaitingRoom {
  public:
    void add(Waiting item) {
        const std::uint64_t id = ++last_;
        by_gateway_.insert({item.request.gateway, id});
        by_connection_.insert({item.request.connection, id});
        by_deadline_.insert({item.deadline, id});
        items_.emplace(id, std::move(item));
    }
    /// In order of arrival; they are out of the room then.
    std::vector<Waiting> take(const Address& gateway) { return take_range(by_gateway_, gateway); }
    std::vector<Waiting> take(ConnectionId connection) { return take_range(by_connection_, connection); }
    std::vector<Waiting> take_due(Time now) {
        std::vector<Waiting> taken;
        while (!by_deadline_.empty() && by_deadline_.begin()->first <= now)
            taken.push_back(take_one(by_deadline_.begin()->second));
        return taken;
    }
    std::vector<Waiting> take_all() {
        std::vector<Waiting> taken;
        while (!items_.empty()) taken.push_back(take_one(items_.begin()->first));
        return taken;
    }
    Time first_deadline() const { return by_deadline_.empty() ? kNever : by_deadline_.begin()->first; }

  private:
    Waiting take_one(std::uint64_t id) {
        auto node = items_.extract(id);
        Waiting item = std::move(node.mapped());
        by_gateway_.erase({item.request.gateway, id});
        by_connection_.erase({item.request.connection, id});
        by_deadline_.erase({item.deadline, id});
        return item;
    }
    template <class Index, class Key>
    std::vector<Waiting> take_range(const Index& index, const Key& key) {
        std::vector<std::uint64_t> ids;
        for (auto at = index.lower_bound({key, 0}); at != index.end() && at->first == key; ++at)
            ids.push_back(at->second);
        std::vector<Waiting> taken;
        for (const std::uint64_t id : ids) taken.push_back(take_one(id));
        return taken;
    }

    std::map<std::uint64_t, Waiting> items_;
    std::set<std::pair<Address, std::uint64_t>> by_gateway_;
    std::set<std::pair<ConnectionId, std::uint64_t>> by_connection_;
    std::set<std::pair<Time, std::uint64_t>> by_deadline_;
    std::uint64_t last_ = 0;
};

/// g.silence, remembered for all pairs behind a gateway. Always for the same time, so
/// that the order of arrival is the order of the ends.
class SilentGateways {
  public:
    void remember(const Address& gateway, Time until) {
        until_[gateway] = until;
        ends_.push_back({until, gateway});
    }
    void forget(const Address& gateway) { until_.erase(gateway); }
    bool has(const Address& gateway, Time now) const {
        const auto found = until_.find(gateway);
        return found != until_.end() && found->second > now;
    }
    void expire(Time now) {
        for (; !ends_.empty() && ends_.front().first <= now; ends_.pop_front()) {
            const auto found = until_.find(ends_.front().second);
            if (found != until_.end() && found->second <= now) until_.erase(found);
        }
    }

  private:
    std::map<Address, Time> until_;
    std::deque<std::pair<Time, Address>> ends_;
};

}  // namespace oegate::ike::v2
