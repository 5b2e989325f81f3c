// The verbs that observe packets: measure, trace, capture. They are for admins only;
// who sees what is inside of datagrams is told in the log.
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "manage/arguments.hpp"
#include "manage/commands.hpp"
#include "manage/render.hpp"

namespace oegate::manage {
namespace {

constexpr std::uint64_t kMaxMeasureSeconds = 3600;
constexpr std::uint64_t kMaxCaptureSeconds = 24 * 3600;
constexpr std::uint64_t kMaxCapturePackets = 100'000'000;
constexpr std::uint64_t kMinCaptureSize = 64 * 1024;
constexpr std::uint64_t kMaxCaptureSize = std::uint64_t{1} << 30;
constexpr std::uint64_t kMinSnaplen = 64;

Response failed(std::string text) {
    return {Status::failed, nullptr, std::move(text) + "\n"};
}

/// A number in bounds, or a usage answer that says which.
std::optional<std::uint64_t> bounded(const Option& option, std::uint64_t low, std::uint64_t high,
                                     const Reply& reply) {
    const auto value = size_argument(option.value);
    if (value && *value >= low && *value <= high) return value;
    reply(usage(fmt::format("{} is {}, expected {} to {}", option.key, quoted(option.value), low, high)));
    return std::nullopt;
}

std::optional<Drop> drop_of(const std::string& name) {
    for (std::size_t i = 0; i < kNumDrops; ++i)
        if (to_text(static_cast<Drop>(i)) == name) return static_cast<Drop>(i);
    return std::nullopt;
}

std::optional<Pair> pair_of(const std::string& text, const Reply& reply) {
    const std::size_t comma = text.find(',');
    if (comma == std::string::npos) {
        reply(usage(quoted(text) + " is no pair, expected two addresses"));
        return std::nullopt;
    }
    return pair_argument({text.substr(0, comma), text.substr(comma + 1)}, reply);
}

}  // namespace

void Commands::measure(const Arguments& arguments, const Reply& reply) {
    std::optional<std::uint64_t> time = 10;
    if (!arguments.empty()) time = bounded({"SECONDS", arguments[0]}, 0, kMaxMeasureSeconds, reply);
    if (!time) return;
    provider_.measure_stages(std::chrono::seconds(*time));
    reply({Status::done,
           {{"seconds", *time}},
           *time == 0 ? "measuring has ended\n"
                      : fmt::format("the stages are measured for {} s: oegate show workers\n", *time)});
}

void Commands::trace_start(const Arguments& arguments, const Caller& caller, const Reply& reply) {
    const auto pair = pair_argument(arguments, reply);
    if (!pair) return;
    observe::TraceOrder order;
    order.pair = *pair;
    order.user = caller.user;
    for (std::size_t i = 2; i < arguments.size(); ++i) {
        const Option option = option_argument(arguments[i]).value_or(Option{arguments[i], ""});
        if (option.key == "protocol") {
            const auto protocol = protocol_argument(option.value);
            if (!protocol) return reply(usage(quoted(option.value) + " is not a protocol"));
            order.protocol = *protocol;
        } else if (option.key == "count") {
            const auto count = bounded(option, 1, observe::Tracing::kMaxCount, reply);
            if (!count) return;
            order.count = static_cast<std::uint32_t>(*count);
        } else if (option.key == "seconds") {
            const auto most = std::chrono::duration_cast<std::chrono::seconds>(observe::Tracing::kMaxTime);
            const auto time = bounded(option, 1, static_cast<std::uint64_t>(most.count()), reply);
            if (!time) return;
            order.time = std::chrono::seconds(*time);
        } else {
            return reply(usage(quoted(option.key) + " is unknown, expected protocol, count or seconds"));
        }
    }
    const auto token = provider_.tracing().start(order, now_());
    if (!token) return reply(failed(token.error()));
    provider_.audit("trace of " + order.pair.text() + " begins", caller.user);
    reply({Status::done, {{"trace", *token}}, fmt::format("trace {}\n", *token)});
}

void Commands::trace_read(const Arguments& arguments, const Reply& reply) {
    const auto token = number_argument<std::uint32_t>(arguments[0]);
    const auto from = number_argument<std::size_t>(arguments[1]);
    if (!token || !from) return reply(usage("expected the number of a trace and of a record"));
    const observe::Tracing& tracing = provider_.tracing();
    const auto portion = tracing.read(*token, *from, now_());
    if (!portion) return reply({Status::not_found, nullptr, "another trace has begun since\n"});
    reply(render_trace(*portion, tracing.first_ns(), provider_.configuration().interfaces));
}

void Commands::trace_stop(const Reply& reply) {
    if (!provider_.tracing().stop(now_())) return reply({Status::not_found, nullptr, "no trace runs\n"});
    reply({Status::done, {{"done", true}}, "the trace has ended\n"});
}

std::optional<std::uint16_t> Commands::interface_argument(const std::string& name, const Reply& reply) const {
    const auto& interfaces = provider_.configuration().interfaces;
    for (std::size_t i = 0; i < interfaces.size(); ++i)
        if (interfaces[i].name == name) return static_cast<std::uint16_t>(i);
    reply({Status::not_found, nullptr, "no interface " + quoted(name) + ": show interfaces lists them\n"});
    return std::nullopt;
}

void Commands::capture_start(const Arguments& arguments, const Caller& caller, const Reply& reply) {
    observe::CaptureOrder order;
    order.name = arguments[0];
    std::optional<StartCapture::What> what;
    for (std::size_t i = 1; i < arguments.size(); ++i) {
        const Option option = option_argument(arguments[i]).value_or(Option{arguments[i], ""});
        const bool chooses = option.key == "interface" || option.key == "drops" || option.key == "decrypted";
        if (chooses && what) return reply(usage("expected one of --interface, --drops and --decrypted"));
        if (option.key == "interface") {
            const auto interface = interface_argument(option.value, reply);
            if (!interface) return;
            what = StartCapture::What::interface;
            order.what.interface = *interface;
        } else if (option.key == "drops") {
            what = StartCapture::What::drops;
            if (option.value.empty()) continue;
            const auto reason = drop_of(option.value);
            if (!reason) return reply(usage(quoted(option.value) + " is no drop reason (docs/drops.md)"));
            order.what.reason = *reason;
        } else if (option.key == "decrypted") {
            what = StartCapture::What::decrypted;
        } else if (option.key == "pair") {
            const auto pair = pair_of(option.value, reply);
            if (!pair) return;
            order.what.one_pair = true;
            order.what.pair = *pair;
        } else if (option.key == "snaplen") {
            const auto len = bounded(option, kMinSnaplen, kMaxCaptureBytes, reply);
            if (!len) return;
            order.snaplen = static_cast<std::uint32_t>(*len);
        } else if (option.key == "seconds") {
            const auto time = bounded(option, 1, kMaxCaptureSeconds, reply);
            if (!time) return;
            order.time = std::chrono::seconds(*time);
        } else if (option.key == "packets") {
            const auto packets = bounded(option, 1, kMaxCapturePackets, reply);
            if (!packets) return;
            order.packets = static_cast<std::uint32_t>(*packets);
        } else if (option.key == "size") {
            const auto size = bounded(option, kMinCaptureSize, kMaxCaptureSize, reply);
            if (!size) return;
            order.max_bytes = *size;
        } else {
            return reply(usage(quoted(option.key) + " is unknown"));
        }
    }
    if (!what) return reply(usage("expected one of --interface, --drops and --decrypted"));
    if (order.what.one_pair && *what != StartCapture::What::decrypted)
        return reply(usage("--pair goes with --decrypted"));
    order.what.what = *what;
    const auto path = provider_.captures().start(order, now_());
    if (!path) return reply(failed(path.error()));
    if (*what == StartCapture::What::decrypted)
        provider_.audit(fmt::format("capture {} of decrypted traffic begins", order.name), caller.user);
    reply({Status::done, {{"capture", order.name}, {"path", *path}}, *path + "\n"});
}

void Commands::capture_stop(const Arguments& arguments, const Reply& reply) {
    if (!provider_.captures().stop(arguments[0]))
        return reply({Status::not_found, nullptr,
                      "no capture " + quoted(arguments[0]) + " runs: show captures lists them\n"});
    reply({Status::done, {{"done", true}}, "capture " + arguments[0] + " is being ended\n"});
}

}  // namespace oegate::manage
