#include "discovery/places.hpp"

#include <algorithm>

namespace oegate::discovery {

Address source_of(const Address& on_behalf) {
    return on_behalf.is_ipv4() ? on_behalf : Prefix(on_behalf, 64).address();
}

bool Places::may_take(const Address& source) const {
    if (!any_free()) return false;
    if (source.is_unspecified()) return true;
    const auto at = sources_.find(source);
    const std::size_t num_active = sources_.size() + (at == sources_.end() ? 1 : 0);
    return at == sources_.end() || at->second.held < std::max<std::size_t>(1, max_ / (num_active + 1));
}

void Places::take(const Address& source) {
    ++taken_;
    ++sources_[source].held;
}

void Places::give_back(const Address& source) {
    --taken_;
    const auto at = sources_.find(source);
    --at->second.held;
    drop_idle(at);
}

void Places::drop_idle(std::map<Address, Source>::iterator at) {
    if (at->second.held == 0 && at->second.line.empty()) sources_.erase(at);
}

std::optional<Places::Waiting> Places::wait(const Address& source, const Question& question) {
    Source& own = sources_[source];
    if (own.line.empty()) turns_.push_back(source);
    own.line.push_back(question);
    if (++waiting_ <= max_waiting_) return std::nullopt;
    const auto longest = std::ranges::max_element(
        sources_, {}, [&](const auto& s) { return std::pair(s.second.line.size(), s.first == source); });
    Waiting loser{longest->first, longest->second.line.back()};
    stop_waiting(loser.source, loser.question);
    return loser;
}

void Places::stop_waiting(const Address& source, const Question& question) {
    const auto at = sources_.find(source);
    if (at == sources_.end()) return;
    // From the back: the last is what a full line loses.
    auto& line = at->second.line;
    const auto found = std::find(line.rbegin(), line.rend(), question);
    if (found == line.rend()) return;
    line.erase(std::next(found).base());
    --waiting_;
    if (line.empty()) std::erase(turns_, source);
    drop_idle(at);
}

std::optional<Places::Waiting> Places::next() {
    for (std::size_t num_left = any_free() ? turns_.size() : 0; num_left > 0; --num_left) {
        const Address source = turns_.front();
        turns_.pop_front();
        if (!may_take(source)) {
            turns_.push_back(source);
            continue;
        }
        const auto at = sources_.find(source);
        Waiting waiting{source, std::move(at->second.line.front())};
        at->second.line.pop_front();
        --waiting_;
        if (!at->second.line.empty()) turns_.push_back(source);
        drop_idle(at);
        return waiting;
    }
    return std::nullopt;
}

}  // namespace oegate::discovery
