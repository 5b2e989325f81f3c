#include "manage/commands.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "config/loader.hpp"
#include "manage/arguments.hpp"
#include "manage/render.hpp"
#include "manage/text.hpp"

namespace oegate::manage {
namespace {

constexpr Duration kSampleEvery = 5s;

std::optional<Prefix> prefix_argument(const std::string& text, const Reply& reply) {
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

}  // namespace

Commands::Commands(Provider& provider, const Log* log, WallClock wall, std::function<Time()> now)
    : provider_(provider),
      log_(log),
      wall_(std::move(wall)),
      now_(std::move(now)),
      started_(now_()),
      started_wall_(wall_()),
      next_sample_(started_ + kSampleEvery) {
    former_ = sample();
    latest_ = former_;
}

void Commands::on_timer(Time now) {
    if (now < next_sample_) return;
    next_sample_ = now + kSampleEvery;
    former_ = std::exchange(latest_, sample());
}

std::vector<Commands::Sample> Commands::sample() const {
    std::vector<Sample> samples;
    for (const WorkerStatus& worker : provider_.workers())
        samples.push_back({worker.cycles_busy, worker.cycles_total, worker.loops, worker.received, now_()});
    return samples;
}

std::vector<WorkerLoad> Commands::loads() const {
    std::vector<WorkerLoad> loads;
    const std::vector<Sample> latest = sample();
    for (std::size_t i = 0; i < latest.size(); ++i) {
        const Sample& now = latest[i];
        const Sample since = i < former_.size() ? former_[i] : Sample{};
        const auto total = static_cast<double>(now.total - since.total);
        const auto busy = static_cast<double>(now.busy - since.busy);
        const auto packets = static_cast<double>(now.received - since.received);
        const double passed = std::chrono::duration<double>(now.at - since.at).count();
        WorkerLoad& load = loads.emplace_back();
        load.share = total > 0 ? std::clamp(busy / total, 0.0, 1.0) : 0;
        if (passed > 0) load.packets_per_second = packets / passed;
        if (passed > 0) load.loops_per_second = static_cast<double>(now.loops - since.loops) / passed;
        if (packets > 0) load.cycles_per_packet = busy / packets;
    }
    return loads;
}

void Commands::run(const Request& request, const Caller& caller, const Reply& reply) {
    const Verb* verb = find_verb(request.verb);
    if (verb == nullptr)
        return reply(usage("unknown command " + quoted(request.verb) + ": oegate --help lists them"));
    const Arguments& arguments = request.arguments;
    if (arguments.size() < verb->min_arguments || arguments.size() > verb->max_arguments)
        return reply(usage(fmt::format("usage: oegate {}{}{}", verb->name, verb->arguments.empty() ? "" : " ",
                                       verb->arguments)));
    if (verb->role == Role::admin && caller.role != Role::admin)
        return reply({Status::not_permitted, nullptr,
                      fmt::format("{} is for root and the user that oegated runs as\n", verb->name)});
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
    if (name == "show memory") return reply(render_memory(provider_.memory()));
    if (name == "show captures") return reply(render_captures(provider_.captures().list(now_())));
    if (name == "show routes")
        return reply(render_routes(provider_.routes(), provider_.configuration().interfaces));
    if (name == "show classes") return reply(render_classes(provider_.classes()));
    if (name == "show neighbours") return reply(render_neighbours(provider_.neighbours()));
    if (name == "show counters") return reply(render_counters(provider_.counters()));
    if (name == "show limits") return reply(render_limits(provider_.limits()));
    if (name == "show config") return show_config(reply);
    if (name == "show log") return show_log(arguments, reply);
    // The server answers it, unless it was given no monitor.
    if (name == "monitor") return reply({Status::failed, nullptr, "nothing is monitored by this daemon\n"});
    if (name == "explain") return explain(arguments, reply);
    if (name == "show sticky") return reply(render_sticky(provider_.sticky()));
    if (name == "sticky clear") return clear_sticky(arguments, reply);
    if (name == "flow clear") return act(arguments, reply, &Provider::clear_flow);
    if (name == "tunnel delete") return act(arguments, reply, &Provider::delete_tunnel);
    if (name == "tunnel rekey") return act(arguments, reply, &Provider::rekey_tunnel);
    if (name == "route add") return add_route(arguments, reply);
    if (name == "route remove") return remove_route(arguments, reply);
    if (name == "key reload") return reload_key(arguments, caller, reply);
    if (name == "workers measure") return measure(arguments, reply);
    if (name == "trace start") return trace_start(arguments, caller, reply);
    if (name == "trace read") return trace_read(arguments, reply);
    if (name == "trace stop") return trace_stop(reply);
    if (name == "capture start") return capture_start(arguments, caller, reply);
    if (name == "capture stop") return capture_stop(arguments, reply);
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
    reply(render_status(facts, [this](std::uint16_t reason) { return provider_.reason(reason); }));
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
    reply(render_dns(answers, provider_.resolvers()));
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
    reply(render_explain(provider_.explain(*pair, protocol, port), wall_()));
}

void Commands::act(const Arguments& arguments, const Reply& reply,
                   ActionResult (Provider::*action)(const Pair&)) {
    const auto pair = pair_argument(arguments, reply);
    if (pair) reply(response_of((provider_.*action)(*pair)));
}

void Commands::clear_sticky(const Arguments& arguments, const Reply& reply) {
    const auto destination = address_argument(arguments[0], reply);
    if (destination) reply(response_of(provider_.clear_sticky(*destination)));
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

void Commands::reload_key(const Arguments& arguments, const Caller& caller, const Reply& reply) {
    const KeyReload reloaded = provider_.reload_key();
    Response response = response_of(reloaded.result);
    // Which key signs is what everybody else believes us by: for the log, done or not.
    provider_.audit(fmt::format("key reload: {}{}", reloaded.result.text,
                                arguments.empty() ? "" : " (" + arguments[0] + ")"),
                    caller.user);
    if (response.status == Status::done) response.json["public_key"] = to_base64(reloaded.key.data);
    reply(response);
}

}  // namespace oegate::manage
