#include "manage/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <optional>
#include <utility>

#include "config/loader.hpp"
#include "manage/render.hpp"
#include "manage/text.hpp"

namespace oegate::manage {
namespace {

constexpr Duration kSampleEvery = 5s;

Response usage(std::string text) {
    return {Status::usage, nullptr, std::move(text)};
}

/// What a person typed, safe to repeat.
std::string quoted(const std::string& text) {
    return "\"" + text.substr(0, 60) + "\"";
}

std::optional<Address> address_argument(const std::string& text, const Commands::Reply& reply) {
    auto address = Address::parse(text);
    if (!address)
        reply(usage(quoted(text) + " is not an address, expected one such as 192.0.2.1 or 2001:db8::1"));
    return address;
}

std::optional<Prefix> prefix_argument(const std::string& text, const Commands::Reply& reply) {
    auto prefix = Prefix::parse(text);
    if (!prefix)
        reply(
            usage(quoted(text) +
                  " is not a prefix, expected one such as 192.0.2.0/24 or 2001:db8::/32 with no host bits"));
    return prefix;
}

Response response_of(const ActionResult& result) {
    const Status status = result.outcome == ActionResult::Outcome::done        ? Status::done
                          : result.outcome == ActionResult::Outcome::not_found ? Status::not_found
                                                                               : Status::failed;
    Json json = nullptr;
    if (status == Status::done) json = {{"done", true}, {"text", result.text}};
    return {status, std::move(json),
            result.text.empty() || result.text.ends_with('\n') ? result.text : result.text + "\n"};
}

/// The two first arguments; replies itself when they are no pair.
std::optional<Pair> pair_argument(const std::vector<std::string>& arguments, const Commands::Reply& reply) {
    const auto source = address_argument(arguments[0], reply);
    if (!source) return std::nullopt;
    const auto destination = address_argument(arguments[1], reply);
    if (!destination) return std::nullopt;
    if (source->family() != destination->family()) {
        reply(usage("source and destination are of different families, expected both IPv4 or both IPv6"));
        return std::nullopt;
    }
    return Pair{*source, *destination};
}

template <class T>
std::optional<T> number_argument(const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

std::optional<std::uint8_t> protocol_argument(const std::string& text) {
    struct Protocol {
        const char* name;
        std::uint8_t number;
    };
    // IANA protocol numbers.
    for (const Protocol& known : {Protocol{"icmp", 1}, Protocol{"tcp", 6}, Protocol{"udp", 17},
                                  Protocol{"icmpv6", 58}, Protocol{"sctp", 132}})
        if (text == known.name) return known.number;
    return number_argument<std::uint8_t>(text);
}

}  // namespace

Commands::Commands(Provider& provider, const Log* log, WallClock wall, std::function<Time()> now)
    : provider_(provider),
      log_(log),
      wall_(std::move(wall)),
      now_(std::move(now)),
      started_(now_()),
      started_wall_(wall_()),
      next_sample_(started_ + kSampleEvery) {
    for (const WorkerStatus& worker : provider_.workers())
        former_.push_back({worker.cycles_busy, worker.cycles_total});
    latest_ = former_;
}

void Commands::on_timer(Time now) {
    if (now < next_sample_) return;
    next_sample_ = now + kSampleEvery;
    former_ = std::exchange(latest_, {});
    for (const WorkerStatus& worker : provider_.workers())
        latest_.push_back({worker.cycles_busy, worker.cycles_total});
}

std::vector<double> Commands::loads() const {
    std::vector<double> loads;
    const auto workers = provider_.workers();
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const Sample since = i < former_.size() ? former_[i] : Sample{};
        const auto total = static_cast<double>(workers[i].cycles_total - since.total);
        const auto busy = static_cast<double>(workers[i].cycles_busy - since.busy);
        loads.push_back(total > 0 ? std::clamp(busy / total, 0.0, 1.0) : 0);
    }
    return loads;
}

void Commands::run(const Request& request, const Reply& reply) {
    const Verb* verb = find_verb(request.verb);
    if (verb == nullptr)
        return reply(usage("unknown command " + quoted(request.verb) + ": oegate --help lists them"));
    const Arguments& arguments = request.arguments;
    if (arguments.size() < verb->min_arguments || arguments.size() > verb->max_arguments)
        return reply(usage(fmt::format("usage: oegate {}{}{}", verb->name, verb->arguments.empty() ? "" : " ",
                                       verb->arguments)));
    const std::string_view name = verb->name;
    if (name == "show status") return show_status(reply);
    if (name == "show flows") return show_flows(arguments, reply);
    if (name == "show tunnels") return show_tunnels(arguments, reply);
    if (name == "show ike") return reply(render_ike(provider_.ike()));
    if (name == "show dns") return show_dns(arguments, reply);
    if (name == "show drops") return show_drops(arguments, reply);
    if (name == "show interfaces")
        return reply(render_interfaces(provider_.configuration().interfaces, provider_.interfaces()));
    if (name == "show workers") return reply(render_workers(provider_.workers(), loads()));
    if (name == "show routes")
        return reply(render_routes(provider_.routes(), provider_.configuration().interfaces));
    if (name == "show classes") return reply(render_classes(provider_.classes()));
    if (name == "show neighbours") return reply(render_neighbours(provider_.neighbours()));
    if (name == "show counters") return reply(render_counters(provider_.counters()));
    if (name == "show config") return show_config(reply);
    if (name == "show log") return show_log(arguments, reply);
    if (name == "explain") return explain(arguments, reply);
    if (name == "flow clear") return act(arguments, reply, &Provider::clear_flow);
    if (name == "tunnel delete") return act(arguments, reply, &Provider::delete_tunnel);
    if (name == "tunnel rekey") return act(arguments, reply, &Provider::rekey_tunnel);
    if (name == "route add") return add_route(arguments, reply);
    if (name == "route remove") return remove_route(arguments, reply);
    reply({Status::failed, nullptr, fmt::format("{} is not there yet", name)});
}

void Commands::show_status(const Reply& reply) {
    StatusFacts facts;
    facts.name = provider_.configuration().name;
    facts.version = OEGATE_VERSION;
    facts.uptime = now_() - started_;
    facts.started = started_wall_;
    facts.control = provider_.status();
    facts.configured = provider_.configuration().interfaces;
    facts.interfaces = provider_.interfaces();
    facts.workers = provider_.workers();
    facts.loads = loads();
    reply(render_status(facts));
}

void Commands::show_flows(const Arguments& arguments, const Reply& reply) {
    SnapshotRequest request;
    request.table = Snapshot::Table::flows;
    if (!arguments.empty()) {
        const auto source = address_argument(arguments[0], reply);
        if (!source) return;
        std::optional<Address> destination;
        if (arguments.size() > 1) {
            destination = address_argument(arguments[1], reply);
            if (!destination) return;
        }
        request.keep = [source = *source, destination](const SnapshotRecord& record) {
            return record.kind == SnapshotRecord::Kind::flow && record.flow.pair.source == source &&
                   (!destination || record.flow.pair.destination == *destination);
        };
    }
    provider_.snapshot(std::move(request), [this, reply](const SnapshotAnswer& answer) {
        reply(render_flows(
            answer, [this](std::uint16_t reason) { return provider_.reason(reason); }, wall_()));
    });
}

void Commands::show_tunnels(const Arguments& arguments, const Reply& reply) {
    std::optional<Address> source;
    std::optional<Address> destination;
    if (!arguments.empty()) {
        source = address_argument(arguments[0], reply);
        if (!source) return;
    }
    if (arguments.size() > 1) {
        destination = address_argument(arguments[1], reply);
        if (!destination) return;
    }
    const auto chosen = [source, destination](const Pair& pair) {
        return (!source || pair.source == *source) && (!destination || pair.destination == *destination);
    };
    const auto keep = [chosen](Direction direction) {
        return [chosen, direction](const SnapshotRecord& record) {
            return record.kind == SnapshotRecord::Kind::sa &&
                   chosen(direction == Direction::inbound ? record.sa.pair.reversed() : record.sa.pair);
        };
    };
    const std::size_t most = 100'000;
    SnapshotRequest inbound{Snapshot::Table::inbound_sas, keep(Direction::inbound), most};
    SnapshotRequest outbound{Snapshot::Table::outbound_sas, keep(Direction::outbound), most};
    // The counts first, the views last, so that a tunnel that ends meanwhile is not listed.
    provider_.snapshot(std::move(inbound), [this, reply, chosen, outbound](const SnapshotAnswer& in) {
        provider_.snapshot(outbound, [this, reply, chosen, in](const SnapshotAnswer& out) {
            auto tunnels = provider_.tunnels();
            std::erase_if(tunnels, [&](const auto& tunnel) { return !chosen(tunnel.pair); });
            reply(render_tunnels(tunnels, in, out));
        });
    });
}

void Commands::show_dns(const Arguments& arguments, const Reply& reply) {
    auto answers = provider_.dns();
    if (!arguments.empty()) {
        const auto owner = address_argument(arguments[0], reply);
        if (!owner) return;
        std::erase_if(answers, [&](const auto& answer) { return answer.owner != *owner; });
    }
    reply(render_dns(answers));
}

void Commands::show_drops(const Arguments& arguments, const Reply& reply) {
    auto interfaces = provider_.interfaces();
    if (!arguments.empty()) {
        std::erase_if(interfaces, [&](const auto& interface) { return interface.name != arguments[0]; });
        if (interfaces.empty())
            return reply({Status::not_found, nullptr,
                          "no interface " + quoted(arguments[0]) + ": show interfaces lists them"});
    }
    reply(render_drops(interfaces));
}

void Commands::show_config(const Reply& reply) {
    const std::string text = config::show(provider_.configuration());
    reply({Status::done, {{"config", text}}, text});
}

void Commands::show_log(const Arguments& arguments, const Reply& reply) {
    std::size_t num_lines = 50;
    if (!arguments.empty()) {
        const auto number = number_argument<std::size_t>(arguments[0]);
        if (!number) return reply(usage(quoted(arguments[0]) + " is not a number of lines"));
        num_lines = *number;
    }
    Json lines = Json::array();
    std::string text;
    if (log_ != nullptr) {
        const auto& kept = log_->kept();
        for (std::size_t i = kept.size() - std::min(num_lines, kept.size()); i < kept.size(); ++i) {
            lines.push_back(kept[i]);
            text += kept[i] + "\n";
        }
    }
    reply({Status::done, {{"log", lines}}, text});
}

void Commands::explain(const Arguments& arguments, const Reply& reply) {
    const auto pair = pair_argument(arguments, reply);
    if (!pair) return;
    std::uint8_t protocol = 0;
    std::uint16_t port = 0;
    if (arguments.size() > 2) {
        const auto number = protocol_argument(arguments[2]);
        if (!number)
            return reply(usage(quoted(arguments[2]) +
                               " is not a protocol, expected icmp, tcp, udp, icmpv6, sctp or 0 to 255"));
        protocol = *number;
    }
    if (arguments.size() > 3) {
        const auto number = number_argument<std::uint16_t>(arguments[3]);
        if (!number) return reply(usage(quoted(arguments[3]) + " is not a port, expected 0 to 65535"));
        port = *number;
    }
    reply(render_explain(provider_.explain(*pair, protocol, port)));
}

void Commands::act(const Arguments& arguments, const Reply& reply,
                   ActionResult (Provider::*action)(const Pair&)) {
    const auto pair = pair_argument(arguments, reply);
    if (pair) reply(response_of((provider_.*action)(*pair)));
}

void Commands::add_route(const Arguments& arguments, const Reply& reply) {
    const auto prefix = prefix_argument(arguments[0], reply);
    if (!prefix) return;
    if (arguments[1] != "via") return reply(usage("usage: oegate route add PREFIX via ADDRESS"));
    const auto via = address_argument(arguments[2], reply);
    if (via) reply(response_of(provider_.add_route(*prefix, *via)));
}

void Commands::remove_route(const Arguments& arguments, const Reply& reply) {
    const auto prefix = prefix_argument(arguments[0], reply);
    if (prefix) reply(response_of(provider_.remove_route(*prefix)));
}

}  // namespace oegate::manage
