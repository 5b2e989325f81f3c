#include "manage/monitor.hpp"

#include <fmt/format.h>

#include <utility>

#include "manage/log.hpp"

namespace oegate::manage {
namespace {

Response transition_line(const gateway::TransitionView& t, const std::string& time) {
    const std::string row = t.row.empty() ? "refused" : t.row;
    Json json{{"event", "transition"},
              {"time", time},
              {"src", t.pair ? Json(t.pair->source.text()) : Json(nullptr)},
              {"dst", t.pair ? Json(t.pair->destination.text()) : Json(nullptr)},
              {"from", t.from},
              {"to", t.to},
              {"reason", row},
              {"help", t.help},
              {"detail", t.detail},
              {"advice", t.advice},
              {"security", t.security}};
    std::string text = fmt::format("{}  {}  {} to {}  {}{}{}", time, t.pair ? t.pair->text() : "offer",
                                   t.from, t.to, row, t.detail.empty() ? "" : ": ", t.detail);
    if (t.security) text += "  [security]";
    if (!t.advice.empty()) text += "  -> " + t.advice;
    return {Status::done, std::move(json), printable(text) + "\n"};
}

Response event_line(const char* event, const std::string& time, std::uint64_t lost) {
    Json json{{"event", event}, {"time", time}};
    if (lost != 0) json["lines"] = lost;
    return {Status::done, std::move(json),
            lost != 0
                ? fmt::format("{}  {} lines were lost: they came faster than they were read\n", time, lost)
                : fmt::format("{}  {}\n", time, event)};
}

}  // namespace

bool Monitor::Filter::admits(const std::optional<Pair>& pair) const {
    if (!source) return true;
    if (!pair) return false;
    if (destination) return *pair == Pair{*source, *destination} || *pair == Pair{*destination, *source};
    return pair->source == *source || pair->destination == *source;
}

std::optional<Monitor::Filter> Monitor::filter_argument(const std::vector<std::string>& arguments,
                                                        const Reply& reply) {
    Filter filter;
    if (arguments.size() > 1) {
        const auto pair = pair_argument(arguments, reply);
        if (!pair) return std::nullopt;
        filter.source = pair->source;
        filter.destination = pair->destination;
    } else if (!arguments.empty()) {
        filter.source = address_argument(arguments[0], reply);
        if (!filter.source) return std::nullopt;
    }
    return filter;
}

std::optional<Monitor::ReaderId> Monitor::open(Filter filter, bool json, std::function<void()> wake) {
    if (readers_.size() >= kMaxReaders) {
        ++num_refused_;
        return std::nullopt;
    }
    const ReaderId id = next_++;
    Reader& reader = readers_[id];
    reader.filter = std::move(filter);
    reader.json = json;
    // So that a reader knows from when on it misses nothing.
    add(reader, event_line("begin", rfc3339(wall_()), 0));
    reader.wake = std::move(wake);
    return id;
}

void Monitor::tell(const gateway::TransitionView& transition) {
    std::optional<Response> line;  // made once, and only if somebody wants it
    for (auto& [id, reader] : readers_) {
        if (!reader.filter.admits(transition.pair)) continue;
        if (!line) line = transition_line(transition, rfc3339(wall_()));
        add(reader, *line);
    }
}

void Monitor::add(Reader& reader, const Response& line) {
    // The line that tells of lost ones needs a place too.
    if (reader.lines.size() + (reader.lost != 0 ? 1 : 0) >= kMaxLines) {
        ++reader.lost;
        ++num_lost_;
        return;
    }
    const bool wake = reader.lines.empty() && reader.wake;
    if (const std::uint64_t lost = std::exchange(reader.lost, 0); lost != 0)
        reader.lines.push_back(encode(event_line("lost", rfc3339(wall_()), lost), reader.json));
    reader.lines.push_back(encode(line, reader.json));
    if (wake) reader.wake();
}

std::optional<std::string> Monitor::next(ReaderId id) {
    const auto found = readers_.find(id);
    if (found == readers_.end()) return std::nullopt;
    Reader& reader = found->second;
    // Nothing more came after the loss: it is told all the same.
    if (reader.lines.empty()) {
        const std::uint64_t lost = std::exchange(reader.lost, 0);
        if (lost == 0) return std::nullopt;
        return encode(event_line("lost", rfc3339(wall_()), lost), reader.json);
    }
    std::string line = std::move(reader.lines.front());
    reader.lines.pop_front();
    return line;
}

}  // namespace oegate::manage
