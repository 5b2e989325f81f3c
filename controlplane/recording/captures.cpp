#include "recording/captures.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recording/pcapng.hpp"

namespace oegate::observe {
namespace {

/// Room that is kept for the statistics at the end, an interface.
constexpr std::size_t kStatisticsLen = 64;
/// Bytes gathered before they are written within a turn.
constexpr std::size_t kWriteAt = 64 * 1024;

std::string describe(const StartCapture& what, const std::vector<std::string>& interfaces) {
    switch (what.what) {
        case StartCapture::What::interface:
            return "interface " + interfaces.at(what.interface);
        case StartCapture::What::drops:
            return what.reason == Drop::kCount ? "drops" : fmt::format("drops {}", to_text(what.reason));
        case StartCapture::What::decrypted:
            return what.one_pair ? "decrypted " + what.pair.text() : "decrypted";
    }
    return "";
}

pcapng::Direction direction_of(const CaptureRecord& record) {
    switch (record.direction) {
        case CaptureRecord::Direction::inbound:
            return pcapng::Direction::inbound;
        case CaptureRecord::Direction::outbound:
            return pcapng::Direction::outbound;
        case CaptureRecord::Direction::unknown:
            break;
    }
    return pcapng::Direction::unknown;
}

}  // namespace

struct Captures::Running {
    Running(CaptureFile&& made, const CaptureOrder& asked) : file(std::move(made)), order(asked) {}

    CaptureFile file;
    CaptureOrder order;
    Time ends{};
    std::uint64_t wall_offset = 0;  // of the epoch, to the workers' clock
    Bytes buffer;
    std::map<std::pair<std::uint16_t, bool>, std::uint32_t> interfaces;  // index, Ethernet → in the file
    std::vector<std::uint64_t> packets_of;                               // by interface in the file
    std::uint64_t packets = 0;
    std::string why;                     // not empty: it is ending
    std::vector<std::uint64_t> stops;    // by worker: number of its StopCapture
    std::vector<std::uint64_t> applied;  // by worker
    bool broken = false;                 // the file takes no more

    std::uint64_t room() const {
        const std::uint64_t kept = (packets_of.size() + 2) * kStatisticsLen;
        const std::uint64_t used = file.len() + buffer.size() + kept;
        return used < file.max_bytes() ? file.max_bytes() - used : 0;
    }
};

Captures::Captures(Outside outside) : outside_(std::move(outside)) {}

Captures::~Captures() {
    for (std::uint8_t slot = 0; slot < kMaxCaptures; ++slot) {
        if (running_[slot] == nullptr) continue;
        running_[slot]->why = "oegated ended";
        close(slot);
    }
}

Result<std::string, std::string> Captures::start(const CaptureOrder& order, Time now) {
    if (!is_capture_name(order.name))
        return fail(std::string("the name is no word: expected up to 64 letters, digits, \"-\" or \"_\""));
    std::uint64_t promised = 0;
    std::uint8_t slot = kMaxCaptures;
    for (std::uint8_t i = kMaxCaptures; i-- > 0;) {
        if (running_[i] == nullptr)
            slot = i;
        else
            promised += running_[i]->order.max_bytes - running_[i]->file.len();
    }
    if (slot == kMaxCaptures)
        return fail(fmt::format("{} captures run already: stop one (show captures)", kMaxCaptures));
    const std::uint64_t there = bytes_in(outside_.directory);
    if (there + promised + order.max_bytes > kMaxDirectoryBytes)
        return fail(
            fmt::format("{} holds {} MiB and running captures may add {} MiB, of {} MiB in all: "
                        "remove files or ask for a smaller --size",
                        outside_.directory, there >> 20, promised >> 20, kMaxDirectoryBytes >> 20));
    auto file = CaptureFile::make(outside_.directory, order.name, order.max_bytes);
    if (!file) return fail(file.error());

    running_[slot] = std::make_unique<Running>(std::move(*file), order);
    Running& running = *running_[slot];
    running.ends = now + order.time;
    running.wall_offset = outside_.wall_ns() - outside_.clock_ns();
    running.applied.assign(outside_.num_workers, 0);
    StartCapture& what = running.order.what;
    what.slot = slot;
    what.token = next_token_++;
    what.snaplen = static_cast<std::uint16_t>(std::min<std::size_t>(order.snaplen, kMaxCaptureBytes));
    what.packets = order.packets;
    pcapng::section(running.buffer, "oegate " OEGATE_VERSION, describe(what, outside_.interfaces));
    for (unsigned worker = 0; worker < outside_.num_workers; ++worker) outside_.post(worker, Command(what));
    return running.file.path();
}

bool Captures::stop(const std::string& name) {
    for (auto& running : running_)
        if (running != nullptr && running->order.name == name && running->why.empty()) {
            end(*running, "stopped");
            return true;
        }
    return false;
}

void Captures::end(Running& running, std::string why) {
    if (!running.why.empty()) return;
    running.why = std::move(why);
    const StopCapture stop{running.order.what.slot, running.order.what.token};
    for (unsigned worker = 0; worker < outside_.num_workers; ++worker)
        running.stops.push_back(outside_.post(worker, Command(stop)));
}

std::uint32_t Captures::interface_in_file(Running& running, const CaptureRecord& record) {
    const auto [at, fresh] = running.interfaces.try_emplace(
        {record.interface, record.ethernet}, static_cast<std::uint32_t>(running.interfaces.size()));
    if (fresh) {
        running.packets_of.push_back(0);
        const bool known = record.interface < outside_.interfaces.size();
        pcapng::interface(running.buffer,
                          record.ethernet ? pcapng::LinkType::ethernet : pcapng::LinkType::raw_ip,
                          running.order.what.snaplen, known ? outside_.interfaces[record.interface] : "?",
                          describe(running.order.what, outside_.interfaces));
    }
    return at->second;
}

void Captures::on_record(const CaptureRecord& record, Time) {
    if (record.slot >= kMaxCaptures || running_[record.slot] == nullptr) return;
    Running& running = *running_[record.slot];
    if (record.token != running.order.what.token || running.broken) return;
    if (running.packets >= running.order.packets) return;  // several workers copied at once
    std::string comment;
    if (record.reason < Drop::kCount)
        comment = fmt::format("dropped: {} ({})", to_text(record.reason), help(record.reason));
    // A new interface and the packet, at most.
    if (running.room() < record.captured + comment.size() + 512) return end(running, "its size is reached");
    pcapng::Packet packet;
    packet.interface = interface_in_file(running, record);
    packet.time_ns = running.wall_offset + record.time_ns;
    packet.len = record.len;
    packet.direction = direction_of(record);
    packet.comment = comment;
    packet.data = {record.data.data(), std::min<std::size_t>(record.captured, record.data.size())};
    pcapng::packet(running.buffer, packet);
    ++running.packets;
    ++running.packets_of[packet.interface];
    if (running.packets >= running.order.packets) end(running, "its packets are there");
    if (running.buffer.size() >= kWriteAt) write(running, false);
}

void Captures::write(Running& running, bool whole) {
    if (running.broken || running.buffer.empty()) return;
    if (const auto error = running.file.write(running.buffer)) {
        running.broken = true;
        outside_.log(fmt::format("capture {}: {}: {}", running.order.name, running.file.path(), *error));
        if (!whole) end(running, *error);
        if (running.why.empty() || whole) running.why = *error;
    }
    running.buffer.clear();
}

void Captures::close(std::uint8_t slot) {
    Running& running = *running_[slot];
    const std::uint64_t lost = outside_.lost(slot);
    for (std::uint32_t i = 0; i < running.packets_of.size(); ++i)
        pcapng::statistics(running.buffer, {i, outside_.wall_ns(), running.packets_of[i], i == 0 ? lost : 0});
    write(running, true);
    if (ended_.size() == kKeptViews) ended_.erase(ended_.begin());
    CaptureView last = view(running, Time{});
    last.state = running.why;
    last.lost = lost;
    outside_.log(fmt::format("capture {} ended: {}; {} packets, {} lost, {}", last.name, last.state,
                             last.packets, last.lost, last.path));
    ended_.push_back(std::move(last));
    running_[slot].reset();
}

void Captures::on_applied(unsigned worker, std::uint64_t sequence) {
    for (auto& running : running_)
        if (running != nullptr && worker < running->applied.size()) running->applied[worker] = sequence;
}

void Captures::on_turn(bool drained, Time) {
    for (std::uint8_t slot = 0; slot < kMaxCaptures; ++slot) {
        if (running_[slot] == nullptr) continue;
        Running& running = *running_[slot];
        write(running, false);
        if (running.why.empty() || !drained) continue;
        bool all = true;
        for (std::size_t i = 0; i < running.stops.size(); ++i) all &= running.applied[i] >= running.stops[i];
        if (all) close(slot);
    }
}

void Captures::on_timer(Time now) {
    for (auto& running : running_)
        if (running != nullptr && running->ends <= now) end(*running, "its time is over");
}

Time Captures::next_deadline() const {
    Time next = kNever;
    for (const auto& running : running_)
        if (running != nullptr && running->why.empty()) next = std::min(next, running->ends);
    return next;
}

CaptureView Captures::view(const Running& running, Time now) const {
    CaptureView view;
    view.name = running.order.name;
    view.what = describe(running.order.what, outside_.interfaces);
    view.path = running.file.path();
    view.state = running.why.empty() ? "running" : "ending";
    view.packets = running.packets;
    view.bytes = running.file.len() + running.buffer.size();
    view.lost = outside_.lost(running.order.what.slot);
    if (running.why.empty()) view.left = std::max(Duration{}, running.ends - now);
    return view;
}

std::vector<CaptureView> Captures::list(Time now) const {
    std::vector<CaptureView> all = ended_;
    for (const auto& running : running_)
        if (running != nullptr) all.push_back(view(*running, now));
    return all;
}

}  // namespace oegate::observe
