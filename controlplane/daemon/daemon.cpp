#include "daemon/daemon.hpp"

#include <ctime>

#include <fmt/format.h>

#include "bridge/datagram.hpp"
#include "net/headers.hpp"

namespace oegate::daemon {
namespace {

constexpr Duration kLinkRefresh = 1s;
/// Datagrams of control leave through this worker; any of them could send them.
constexpr unsigned kSender = 0;

gateway::Options gateway_options(const Parts& parts, store::Opened& stored) {
    gateway::Options options;
    options.seed = parts.seed;
    options.num_workers = static_cast<unsigned>(parts.links.size());
    options.key_log = parts.key_log != nullptr;
    options.anchors = parts.anchors;
    options.wall_seconds = [] { return static_cast<std::int64_t>(std::time(nullptr)); };
    options.keep_state = stored.file != nullptr;
    options.stored = std::move(stored.contents);
    return options;
}

std::vector<route::Link> links_of(const Parts& parts) {
    std::vector<route::Link> links;
    for (std::size_t i = 0; i < parts.config.interfaces.size(); ++i) {
        route::Link link{parts.ports[i].mac, parts.config.interfaces[i].addresses};
        const Address& link_local = parts.ports[i].link_local;
        link.addresses.push_back({link_local, Prefix(link_local, 64)});
        links.push_back(std::move(link));
    }
    return links;
}

route::NeighbourSettings neighbour_settings(const config::Config& config) {
    route::NeighbourSettings settings;
    settings.max_entries = config.dataplane.neighbours;
    settings.max_unresolved = std::max<std::size_t>(16, settings.max_entries / 8);
    for (const config::StaticRoute& route : config.routes) settings.gateways.push_back(route.via);
    return settings;
}

}  // namespace

Daemon::Daemon(Parts parts)
    : parts_(std::move(parts)),
      stored_(store::open(parts_.config.management.state_directory, std::time(nullptr))),
      routes_(parts_.config),
      bridge_(parts_.links),
      gateway_(parts_.config, parts_.key, parts_.random, parts_.pool, gateway_options(parts_, stored_)),
      neighbours_(links_of(parts_), neighbour_settings(parts_.config)),
      stalls_(bridge_.num_workers(), parts_.config.dataplane.stall_after),
      transport_(
          parts_.reactor,
          [this](discovery::QueryId query, ByteView message) {
              gateway_.on_dns(query, message, loop::monotonic_now());
          },
          [this](discovery::QueryId query) { gateway_.on_dns_error(query, loop::monotonic_now()); }),
      snapshots_(bridge_.num_workers(),
                 [this](unsigned worker, const Command& command) { gateway_.post(worker, command); }),
      tracing_({bridge_.num_workers(),
                [this](unsigned worker, const Command& command) { gateway_.post(worker, command); },
                [this] { return bridge_.traces_lost(); }}),
      captures_(captures_outside()),
      commands_(
          *this, &parts_.log, [] { return std::chrono::system_clock::now(); }, loop::monotonic_now),
      monitor_([] { return std::chrono::system_clock::now(); }),
      now_(loop::monotonic_now()) {
    for (const std::string& remark : stored_.remarks)
        parts_.log.write(config::LogLevel::warning, "store", remark);
    if (!stored_.alarm.empty()) parts_.log.write(config::LogLevel::error, "store", stored_.alarm);
    if (stored_.file) writer_ = std::make_unique<store::Writer>(std::move(stored_.file));
}

Daemon::~Daemon() = default;

observe::Captures::Outside Daemon::captures_outside() {
    observe::Captures::Outside outside;
    outside.directory = parts_.config.management.capture_directory;
    for (const config::Interface& interface : parts_.config.interfaces)
        outside.interfaces.push_back(interface.name);
    outside.num_workers = bridge_.num_workers();
    outside.post = [this](unsigned worker, const Command& command) { return gateway_.post(worker, command); };
    outside.lost = [this](std::uint8_t slot) { return bridge_.captures_lost(slot); };
    outside.clock_ns = [this] { return parts_.observer.clock_ns(); };
    outside.wall_ns = [] {
        return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                              std::chrono::system_clock::now().time_since_epoch())
                                              .count());
    };
    outside.log = [this](const std::string& text) {
        parts_.log.write(config::LogLevel::notice, "observe", text);
    };
    return outside;
}

Result<std::unique_ptr<Daemon>, std::string> Daemon::start(Parts parts) {
    std::unique_ptr<Daemon> daemon(new Daemon(std::move(parts)));
    if (auto published = daemon->publish_tables(); !published) return fail(std::move(published.error()));
    if (auto opened = daemon->open_socket(); !opened) return fail(std::move(opened.error()));
    daemon->join_reactor();
    return daemon;
}

Result<void, std::string> Daemon::publish_tables() {
    if (!parts_.tables.set_routes(routes_.all()))
        return fail(
            std::string("the route table has no room for the configured routes; raise dataplane.routes"));
    if (!parts_.tables.set_classes(gateway_.class_rules(), parts_.config.default_class))
        return fail(std::string("no memory for the class table"));
    return {};
}

Result<void, std::string> Daemon::open_socket() {
    auto server =
        manage::Server::listen(parts_.config.management.socket, parts_.reactor, commands_, &parts_.log,
                               loop::monotonic_now, parts_.config.management.viewer_group, &monitor_);
    if (!server) return fail(std::move(server.error()));
    server_ = std::move(*server);
    return {};
}

void Daemon::join_reactor() {
    loop::Reactor& reactor = parts_.reactor;
    const auto give_time = [&reactor](auto& machine) {
        reactor.add_deadline([&machine] { return machine.next_deadline(); },
                             [&machine](Time now) { machine.on_timer(now); });
    };
    give_time(gateway_);
    give_time(neighbours_);
    give_time(snapshots_);
    give_time(tracing_);
    give_time(captures_);
    give_time(commands_);
    give_time(*server_);
    reactor.add_deadline([this] { return stalls_.next_look(); }, [this](Time now) { look_for_stalls(now); });
    reactor.add_poller([this](Time now) {
        now_ = now;
        const bool found = bridge_.poll(*this);
        captures_.on_turn(bridge_.captures_drained(), now);
        parts_.tables.reclaim();
        return pump() || found;
    });
    auto refresh = std::make_shared<loop::Reactor::Timer>();
    *refresh = [this, &reactor, again = std::weak_ptr(refresh)](Time now) {
        parts_.refresh_links();
        if (const auto self = again.lock()) reactor.arm(now + kLinkRefresh, *self);
    };
    refresh_ = refresh;
    reactor.arm(loop::monotonic_now(), *refresh);
}

void Daemon::shutdown() {
    gateway_.shutdown(loop::monotonic_now());
    pump();
    const Time latest = loop::monotonic_now() + kFarewell;
    parts_.reactor.add_poller([this, latest](Time now) {
        // Peers answer our deletes; those that do not are not waited for.
        if (now >= latest || (gateway_.num_ike_sas() == 0 && bridge_.num_waiting() == 0))
            parts_.reactor.stop();
        return false;
    });
}

// ---- from the workers ------------------------------------------------------------

void Daemon::on_event(const Event& event) {
    if (event.kind == Event::Kind::neighbour_wanted)
        neighbours_.wanted(event.neighbour_wanted.interface, event.neighbour_wanted.address, now_);
    else
        gateway_.on_event(event, now_);
}

void Daemon::on_punt(const Punt& punt, ByteView data) {
    switch (punt.kind) {
        case Punt::Kind::arp:
            neighbours_.on_arp(punt.interface, data, now_);
            break;
        case Punt::Kind::nd:
            neighbours_.on_nd(punt.interface, data, now_);
            break;
        case Punt::Kind::ike:
        case Punt::Kind::ike_nat_t: {
            const std::uint16_t port = punt.kind == Punt::Kind::ike ? kIkePort : kIkeNatTPort;
            gateway_.on_ike({punt.destination, port}, {punt.source, punt.source_port}, data, now_);
            break;
        }
    }
}

void Daemon::on_snapshot(unsigned worker, const SnapshotRecord& record) {
    snapshots_.on_record(worker, record, now_);
}

void Daemon::on_applied(unsigned worker, std::uint64_t sequence) {
    gateway_.command_applied(worker, sequence, now_);
    captures_.on_applied(worker, sequence);
}

void Daemon::on_trace(const TraceRecord& record) {
    tracing_.on_record(record, now_);
}

void Daemon::on_capture(const CaptureRecord& record) {
    captures_.on_record(record, now_);
}

// ---- to the workers, to DNS, to the log ---------------------------------------------

bool Daemon::pump() {
    bool any = false;
    while (pump_gateway() || pump_neighbours()) any = true;
    return any;
}

bool Daemon::pump_gateway() {
    bool any = false;
    while (auto command = gateway_.next_command()) {
        bridge_.post(command->worker, command->command);
        zeroise({reinterpret_cast<std::uint8_t*>(&command->command), sizeof command->command});
        any = true;
    }
    while (const auto datagram = gateway_.next_datagram()) {
        send_ike(*datagram);
        any = true;
    }
    while (const auto action = gateway_.next_dns()) {
        transport_.carry(*action);
        any = true;
    }
    while (const auto record = gateway_.next_log()) {
        write_log(*record);
        any = true;
    }
    while (auto action = gateway_.next_store()) {
        if (writer_) writer_->submit(std::move(*action));
        any = true;
    }
    gateway_.set_monitored(monitor_.is_read());
    while (const auto transition = gateway_.next_transition()) {
        monitor_.tell(*transition);
        any = true;
    }
    while (const auto line = gateway_.next_key_log()) {
        write_key_log(*line);
        any = true;
    }
    return any;
}

void Daemon::send_ike(const ike::SendDatagram& datagram) {
    if (datagram.local.address.family() != datagram.remote.address.family()) return;
    const Bytes whole = bridge::ike_datagram(datagram.local.address, datagram.local.port,
                                             datagram.remote.address, datagram.remote.port, datagram.payload);
    bridge_.transmit(kSender, Transmit::Kind::datagram, 0, whole);
}

bool Daemon::pump_neighbours() {
    bool any = false;
    while (const auto action = neighbours_.next_action()) {
        carry_out(*action);
        any = true;
    }
    return any;
}

void Daemon::carry_out(const route::NeighbourAction& action) {
    if (const auto* send = std::get_if<route::SendFrame>(&action)) {
        bridge_.transmit(kSender, Transmit::Kind::frame, send->interface, send->frame);
    } else if (const auto* learned = std::get_if<route::Learned>(&action)) {
        const bool published =
            parts_.tables.set_neighbour(learned->interface, learned->address, learned->mac).has_value();
        tell_workers({learned->address, learned->interface, published});
    } else if (const auto* lost = std::get_if<route::Lost>(&action)) {
        parts_.tables.remove_neighbour(lost->interface, lost->address);
        tell_workers({lost->address, lost->interface, false});
    }
}

void Daemon::tell_workers(const NeighbourChanged& change) {
    for (unsigned worker = 0; worker < bridge_.num_workers(); ++worker)
        gateway_.post(worker, Command(change));
}

void Daemon::look_for_stalls(Time now) {
    std::vector<std::uint64_t> beats;
    for (const WorkerLink& link : parts_.links)
        beats.push_back(link.shared->heartbeat.load(std::memory_order_relaxed));
    const std::vector<WorkerStatus> workers = parts_.observer.workers();
    for (const Stalls::Change& change : stalls_.look(beats, now)) {
        const auto stood = std::chrono::duration_cast<std::chrono::milliseconds>(change.stood).count();
        parts_.log.write(change.stalled ? config::LogLevel::error : config::LogLevel::notice, "control",
                         change.stalled ? "a worker makes no turn: its packets and commands wait"
                                        : "the worker runs again",
                         {{"worker", std::to_string(change.worker)},
                          {"lcore", std::to_string(workers.at(change.worker).lcore)},
                          {"stood_ms", std::to_string(stood)}});
    }
}

void Daemon::write_log(const gateway::LogRecord& record) {
    manage::Fields fields;
    for (const auto& [key, value] : record.fields) fields.push_back({key, value});
    // Each kind has a rate of its own, so that a flood of the one does not suppress the other.
    const char* const subsystem = record.security ? "security" : "control";
    parts_.log.write(record.level, subsystem, record.text, fields,
                     fmt::format("{} {} {}", subsystem, manage::to_text(record.level), record.kind));
}

void Daemon::write_key_log(const std::string& line) {
    if (parts_.key_log == nullptr) return;
    std::fputs(line.c_str(), parts_.key_log);
    std::fputc('\n', parts_.key_log);
    std::fflush(parts_.key_log);
}

}  // namespace oegate::daemon
