// oegated: the composition root, the only file that sees both planes. Checks the
// command line and the configuration before it touches anything, brings the data
// plane up, then runs the control plane until a signal ends it.
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "config/loader.hpp"
#include "daemon/daemon.hpp"
#include "discovery/validate/anchors.hpp"
#include "ike/crypto/rsa.hpp"
#include "loop/thread_pool.hpp"
#include "manage/server.hpp"
#include "port/dataplane.hpp"

namespace oegate {
namespace {

/// As in operations.md; shared with the `oegate` command.
enum Exit : int { kDone = 0, kFailed = 1, kUsage = 2, kBadConfiguration = 8 };

struct Arguments {
    std::string config;
    std::string key_log;
    bool check_devices = false;
};

int complain(int status, const std::string& text) {
    std::fprintf(stderr, "oegated: %s\n", text.c_str());
    return status;
}

/// Secrets stay out of core dumps and of other processes' reach.
void hide_memory() {
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

/// Started by systemd itself, which sets INVOCATION_ID: a service must not write keys.
bool is_service() {
    return getppid() == 1 && std::getenv("INVOCATION_ID") != nullptr;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open_key_log(const std::string& path) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return {fd < 0 ? nullptr : fdopen(fd, "a"), &std::fclose};
}

std::vector<daemon::Port> ports_of(const Dataplane& dataplane, const config::Config& config) {
    std::vector<daemon::Port> ports;
    for (std::size_t i = 0; i < config.interfaces.size(); ++i) {
        const auto interface = static_cast<std::uint16_t>(i);
        ports.push_back({dataplane.mac(interface), dataplane.link_local(interface)});
    }
    return ports;
}

int serve(const config::Config& config, ike::PrivateKey& key, std::FILE* key_log,
          const discovery::validate::Anchors& anchors, const std::vector<std::string>& remarks) {
    manage::Log log(config.management.log_level);
    if (!anchors.empty())
        log.write(config::LogLevel::info, "main", "trust anchors",
                  {{"file", config.dns.trust_anchors}, {"anchors", to_text(anchors)}});
    for (const std::string& remark : remarks)
        log.write(config::LogLevel::warning, "main", "a record is no trust anchor: " + remark,
                  {{"file", config.dns.trust_anchors}});
    // The reactor first: it blocks the signals that every later thread inherits. The
    // pool next: EAL pins the thread that starts it.
    loop::Reactor reactor;
    loop::ThreadPool pool(reactor);
    SystemRandom random;
    const OwnerSeed seed{random.u64(), random.u64()};
    auto dataplane = Dataplane::start(config, seed);
    if (!dataplane) return complain(kFailed, dataplane.error());
    Dataplane& plane = **dataplane;
    for (const std::string& remark : plane.remarks()) log.write(config::LogLevel::notice, "main", remark);

    auto daemon = daemon::Daemon::start({.config = config,
                                         .reactor = reactor,
                                         .pool = pool,
                                         .key = key,
                                         .random = random,
                                         .log = log,
                                         .tables = plane.tables(),
                                         .observer = plane.observer(),
                                         .links = plane.links(),
                                         .ports = ports_of(plane, config),
                                         .refresh_links = [&plane] { plane.refresh_links(); },
                                         .seed = seed,
                                         .key_log = key_log,
                                         .anchors = anchors});
    if (!daemon) return complain(kFailed, daemon.error());
    if (key_log != nullptr)
        log.write(config::LogLevel::warning, "main",
                  "keys of every SA are written to a file: for tests only");
    log.write(config::LogLevel::notice, "main", "serving",
              {{"name", config.name}, {"version", OEGATE_VERSION}, {"socket", config.management.socket}});
    for (const std::string& line : plane.describe_ports()) log.write(config::LogLevel::info, "ports", line);
    for (const std::string& warning : plane.warnings())
        log.write(config::LogLevel::warning, "ports", warning);
    reactor.on_terminate([&](int) {
        log.write(config::LogLevel::notice, "main", "shutting down");
        (*daemon)->shutdown();
    });
    reactor.on_hangup([&] {
        log.write(config::LogLevel::notice, "main",
                  "SIGHUP: the configuration is not read again; restart to apply a changed file");
    });
    reactor.run();
    plane.stop();
    log.write(config::LogLevel::notice, "main", "ended");
    return kDone;
}

int run(const Arguments& arguments) {
    const auto config = config::load(arguments.config);
    if (!config) {
        for (const config::Problem& problem : config.error())
            std::fprintf(stderr, "%s\n", problem.text().c_str());
        return kBadConfiguration;
    }
    if (arguments.check_devices) {
        const MachineReport report = check_machine(*config);
        std::fputs(report.text.c_str(), stdout);
        return report.usable ? kDone : kFailed;
    }
    File key_log(nullptr, &std::fclose);
    if (!arguments.key_log.empty()) {
        if (is_service())
            return complain(kUsage, "--insecure-key-log is refused in a service: it is for tests only");
        key_log = open_key_log(arguments.key_log);
        if (!key_log) return complain(kFailed, arguments.key_log + ": " + std::strerror(errno));
    }
    // Without an opportunistic class no key is configured, and the one made here signs nothing.
    auto key = config->ike.private_key.empty() ? ike::PrivateKey::generate(ike::kMinRsaBits)
                                               : ike::PrivateKey::load(config->ike.private_key);
    if (!key) return complain(kBadConfiguration, "ike.private-key: " + key.error().detail);
    discovery::validate::Anchors anchors;
    std::vector<std::string> remarks;
    if (config->dns.validation == config::Validation::own) {
        auto loaded = discovery::validate::load_anchors(config->dns.trust_anchors, &remarks);
        if (!loaded) return complain(kBadConfiguration, "dns.trust-anchors: " + loaded.error());
        anchors = std::move(*loaded);
    }
    // Before the ports are touched: what a driver says of a device in use helps nobody.
    if (manage::Server::is_served(config->management.socket))
        return complain(kFailed, "another oegated is running: it answers on " + config->management.socket);
    std::error_code error;
    std::filesystem::create_directories(std::filesystem::path(config->management.socket).parent_path(),
                                        error);
    const int status = serve(*config, *key, key_log.get(), anchors, remarks);
    leave_eal();
    return status;
}

}  // namespace
}  // namespace oegate

int main(int argc, char** argv) {
    oegate::hide_memory();
    CLI::App app{"oegated: opportunistic-encryption IPsec gateway"};
    oegate::Arguments arguments;
    app.add_option("--config", arguments.config, "the configuration file (docs/configuration.md)")
        ->required();
    app.add_option("--insecure-key-log", arguments.key_log,
                   "append the keys of every SA to this file, for tshark; for tests only");
    app.add_flag("--check-devices", arguments.check_devices,
                 "say whether CPUs, huge pages and devices are what the configuration needs, and end");
    app.set_version_flag("--version", "oegated " OEGATE_VERSION);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? oegate::kDone : oegate::kUsage;
    }
    try {
        return oegate::run(arguments);
    } catch (const std::exception& error) {
        return oegate::complain(oegate::kFailed, error.what());
    }
}
