// The part of render.hpp that tells of observation: memory, captures, traces.
#include <fmt/format.h>

#include "manage/render.hpp"
#include "manage/text.hpp"
#include "net/headers.hpp"

namespace oegate::manage {
namespace {

using Interfaces = std::vector<config::Interface>;

std::string interface_name(const Interfaces& interfaces, std::uint16_t index) {
    return index < interfaces.size() ? interfaces[index].name : "?";
}

std::string protocol_name(std::uint8_t protocol) {
    switch (static_cast<Protocol>(protocol)) {
        case Protocol::icmp:
            return "icmp";
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::esp:
            return "esp";
        case Protocol::icmpv6:
            return "icmpv6";
        default:
            return fmt::format("protocol {}", protocol);
    }
}

/// "192.1.0.65:5000 -> 192.2.0.66:53 udp", or "... esp, SPI 0xc0ffee00, sequence 7".
std::string datagram(const TraceRecord& record) {
    const auto end = [](const Address& address, std::uint16_t port) {
        if (port == 0) return address.text();
        return address.is_ipv4() ? fmt::format("{}:{}", address.text(), port)
                                 : fmt::format("[{}]:{}", address.text(), port);
    };
    std::string text =
        fmt::format("{} -> {} {}", end(record.pair.source, record.source_port),
                    end(record.pair.destination, record.destination_port), protocol_name(record.protocol));
    if (record.protocol == static_cast<std::uint8_t>(Protocol::esp) && record.spi != 0)
        text += fmt::format(", SPI 0x{:08x}, sequence {}", record.spi, record.sequence);
    return text;
}

/// What is worth a word at this stage.
std::string details(const TraceRecord& record, const Interfaces& interfaces) {
    switch (record.stage) {
        case Stage::parse:
            return fmt::format("from {}, {}, {} bytes", interface_name(interfaces, record.in_interface),
                               datagram(record), record.len);
        case Stage::hold:
            return "kept until keying has an answer";
        case Stage::encrypt:
            return fmt::format("{} bytes, by SPI 0x{:08x}", record.len, record.spi);
        case Stage::resolve:
        case Stage::wait:
            if (record.out_interface >= interfaces.size()) return "by the way that its flow or SA remembers";
            return fmt::format("{} out of {}, next hop {}", record.stage == Stage::wait ? "waits" : "goes",
                               interface_name(interfaces, record.out_interface),
                               record.next_hop.is_unspecified() ? "unknown" : record.next_hop.text());
        case Stage::transmit:
            return fmt::format("by {}, {} bytes with the link layer",
                               interface_name(interfaces, record.out_interface), record.len);
        case Stage::drop:
            return fmt::format("{}: {}", to_text(record.reason), help(record.reason));
        default:
            return fmt::format("{}, {} bytes", datagram(record), record.len);
    }
}

std::string elapsed(std::uint64_t ns) {
    if (ns < 10'000'000) return fmt::format("t+{} µs", ns / 1000);
    return fmt::format("t+{} ms", ns / 1'000'000);
}

std::string line(const TraceRecord& record, std::uint64_t first, const Interfaces& interfaces) {
    const std::uint64_t since = record.time_ns > first ? record.time_ns - first : 0;
    // Above the number: the worker that marked it, which need not be the one that has it now.
    return fmt::format("{:<12} worker {}  #{:<3} {:<13} {}", elapsed(since), record.worker,
                       record.packet & 0xffff, to_text(record.stage), details(record, interfaces));
}

Json record_json(const TraceRecord& record, std::uint64_t first, const Interfaces& interfaces) {
    Json json{{"t_ns", record.time_ns > first ? record.time_ns - first : 0},
              {"worker", record.worker},
              {"packet", record.packet},
              {"stage", to_text(record.stage)},
              {"src", record.pair.source.text()},
              {"dst", record.pair.destination.text()},
              {"protocol", record.protocol},
              {"source_port", record.source_port},
              {"destination_port", record.destination_port},
              {"interface_in", interface_name(interfaces, record.in_interface)},
              {"bytes", record.len}};
    json["interface_out"] = record.out_interface < interfaces.size()
                                ? Json(interfaces[record.out_interface].name)
                                : Json(nullptr);
    json["next_hop"] = record.next_hop.is_unspecified() ? Json(nullptr) : Json(record.next_hop.text());
    json["spi"] = record.spi != 0 ? Json(fmt::format("0x{:08x}", record.spi)) : Json(nullptr);
    json["sequence"] = record.sequence != 0 ? Json(record.sequence) : Json(nullptr);
    json["reason"] = record.stage == Stage::drop ? Json(to_text(record.reason)) : Json(nullptr);
    json["text"] = line(record, first, interfaces);
    return json;
}

}  // namespace

Response render_memory(const std::vector<MemoryStatus>& memory) {
    Table table({"what", "worker", ">used", ">bound", ">share"});
    Json list = Json::array();
    for (const MemoryStatus& item : memory) {
        const double share =
            item.bound == 0 ? 0 : static_cast<double>(item.used) / static_cast<double>(item.bound);
        list.push_back({{"what", item.what},
                        {"worker", item.worker < 0 ? Json(nullptr) : Json(item.worker)},
                        {"used", item.used},
                        {"bound", item.bound}});
        table.add({item.what, item.worker < 0 ? "all" : std::to_string(item.worker),
                   std::to_string(item.used), std::to_string(item.bound),
                   fmt::format("{:.1f}%", 100 * share)});
    }
    return {Status::done, {{"memory", list}}, table.text()};
}

Response render_captures(const std::vector<observe::CaptureView>& captures) {
    Table table({"name", "what", "state", ">packets", ">lost", ">bytes", ">left", "file"});
    Json list = Json::array();
    for (const observe::CaptureView& capture : captures) {
        const bool running = capture.state == "running";
        list.push_back({{"name", capture.name},
                        {"what", capture.what},
                        {"state", capture.state},
                        {"packets", capture.packets},
                        {"lost", capture.lost},
                        {"bytes", capture.bytes},
                        {"left", running ? Json(seconds(capture.left)) : Json(nullptr)},
                        {"path", capture.path}});
        table.add({capture.name, capture.what, capture.state, std::to_string(capture.packets),
                   std::to_string(capture.lost), std::to_string(capture.bytes),
                   running ? readable(capture.left) : "-", capture.path});
    }
    return {Status::done, {{"captures", list}}, table.empty() ? std::string("No captures.\n") : table.text()};
}

Response render_trace(const observe::TracePortion& portion, std::uint64_t first,
                      const Interfaces& interfaces) {
    Json list = Json::array();
    std::string text;
    for (const TraceRecord& record : portion.records) {
        list.push_back(record_json(record, first, interfaces));
        text += line(record, first, interfaces) + "\n";
    }
    return {Status::done,
            {{"records", list},
             {"next", portion.next},
             {"ended", portion.ended},
             {"why", portion.why},
             {"lost", portion.lost}},
            std::move(text)};
}

}  // namespace oegate::manage
