// The `oegate` command: parses the command line, asks the daemon or does it itself,
// prints, and exits with the status of the table in its --help. One shot; it keeps
// no state and holds no secrets.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/client.hpp"
#include "cli/local.hpp"
#include "cli/observe.hpp"
#include "cli/output.hpp"
#include "cli/publication.hpp"
#include "config/config.hpp"

namespace {

using namespace oegate;
using cli::print;
using manage::Status;

constexpr const char* kFooter =
    "Exit status: 0 done, 1 failed, 2 usage, 3 not found, 4 not permitted, 5 negotiation failed,\n"
    "6 timed out, 7 DNS or DNSSEC, 8 configuration invalid, 9 daemon unreachable.\n";

struct Options {
    std::string socket = config::Management{}.socket;
    bool json = false;
    unsigned timeout_ms = 10'000;
};

int exit_status(Status status) {
    return static_cast<int>(status);
}

Status ask_daemon(const Options& options, const std::string& verb,
                  const std::vector<std::string>& arguments) {
    const auto response = cli::ask(options.socket, {verb, arguments, options.json},
                                   std::chrono::milliseconds(options.timeout_ms));
    if (options.json && !response.json.is_null()) {
        print(stdout, response.json.dump(2, ' ', false, manage::Json::error_handler_t::replace) + "\n");
    } else if (response.status == Status::done) {
        print(stdout, response.text);
    } else {
        const bool ended = response.text.ends_with('\n');
        print(stderr, "oegate: " + response.text + (ended ? "" : "\n"));
    }
    return response.status;
}

/// The whole grammar: the daemon's verbs from its own table, and the local ones.
class Grammar {
  public:
    Grammar() {
        app_.set_help_flag("-h,--help", "This text; after a command, that command's");
        app_.set_version_flag("--version", std::string("oegate ") + OEGATE_VERSION);
        socket_option_ = app_.add_option("--socket", options_.socket, "Management socket of the daemon")
                             ->capture_default_str();
        app_.add_flag("--json", options_.json, "Answer as JSON with stable keys");
        app_.add_option("--timeout", options_.timeout_ms, "Milliseconds to wait for the daemon")
            ->capture_default_str();
        app_.footer(kFooter);
        app_.fallthrough();  // --json may stand behind the command too
        app_.require_subcommand(0, 1);
        for (const manage::Verb& verb : manage::verbs())
            if (verb.plain) add_daemon_verb(verb);
        add_trace();
        add_capture();
        add_monitor();
        add_config();
        add_key();
        add_rollover();
        add_dns();
        add_verify();
    }

    int run(int argc, char** argv) {
        try {
            app_.parse(argc, argv);
        } catch (const CLI::Success& success) {  // --help, --version
            return app_.exit(success);
        } catch (const CLI::ParseError& error) {
            print(stderr, std::string("oegate: ") + error.what() + "\n" + usage_of(argc, argv));
            return exit_status(Status::usage);
        }
        if (run_) return exit_status(run_());
        if (argc > 1) {  // a group without its command, such as `oegate show`
            const auto chosen = app_.get_subcommands();
            print(stderr, (chosen.empty() ? app_.help() : chosen[0]->help()));
            return exit_status(Status::usage);
        }
        print(stderr, app_.help() + "\nThe interactive shell is not there yet: name a command.\n");
        return exit_status(Status::usage);
    }

  private:
    /// What the command that was begun expects, or which there are.
    std::string usage_of(int argc, char** argv) {
        std::string begun;
        for (int i = 1; i < argc; ++i) {
            const std::string word = argv[i];
            if (word == "--socket" || word == "--timeout") ++i;  // their value
            if (word.starts_with('-')) continue;
            begun += (begun.empty() ? "" : " ") + word;
            if (const manage::Verb* verb = manage::find_verb(begun); verb != nullptr && verb->plain)
                return "usage: oegate " + begun + (verb->arguments.empty() ? "" : " ") +
                       std::string(verb->arguments) + "\n";
        }
        const CLI::App* within = &app_;
        for (const auto& [name, app] : groups_)
            if (begun == name || begun.starts_with(name + " ")) within = app;
        std::string known;
        for (const CLI::App* command : within->get_subcommands({}))
            known += (known.empty() ? "" : ", ") + command->get_name();
        if (known.empty() || within == &app_) return "Run oegate --help for the commands.\n";
        return "expected one of: " + known + "\n";
    }

    /// "show" of "show flows", made at its first verb.
    CLI::App* group(const std::string& name) {
        static const std::map<std::string, std::string> kHelp{{"show", "What is going on"},
                                                              {"flow", "Change the flow cache"},
                                                              {"sticky", "Destinations that stay encrypted"},
                                                              {"tunnel", "Change tunnels"},
                                                              {"route", "Change routes"},
                                                              {"config", "The configuration file"},
                                                              {"key", "This gateway's private key"},
                                                              {"dns", "What to publish in DNS"},
                                                              {"workers", "The worker cores"},
                                                              {"capture", "Packets into pcapng files"}};
        CLI::App*& found = groups_[name];
        if (found == nullptr) {
            found = app_.add_subcommand(name, kHelp.at(name));
            found->require_subcommand(0, 1);
            found->fallthrough();
            found->footer(kFooter);
        }
        return found;
    }

    void add_daemon_verb(const manage::Verb& verb) {
        const std::string name(verb.name);
        const std::size_t blank = name.find(' ');
        CLI::App* parent = blank == std::string::npos ? &app_ : group(name.substr(0, blank));
        CLI::App* command = parent->add_subcommand(name.substr(blank + 1), std::string(verb.help));
        if (blank == std::string::npos) command->name(name);
        command->fallthrough();
        auto arguments = std::make_shared<std::vector<std::string>>();
        if (verb.max_arguments > 0)
            // CLI11 2.4 allows no blank in a name: the pattern is the text behind it.
            command->add_option("ARGUMENTS", *arguments)
                ->option_text(std::string(verb.arguments))
                ->expected(static_cast<int>(verb.min_arguments), static_cast<int>(verb.max_arguments))
                ->required(verb.min_arguments > 0);
        command->callback([this, name, arguments] {
            run_ = [this, name, arguments] { return ask_daemon(options_, name, *arguments); };
        });
    }

    cli::Ask asking() {
        return [this](const std::string& verb, const std::vector<std::string>& arguments, bool json) {
            return cli::ask(options_.socket, {verb, arguments, json},
                            std::chrono::milliseconds(options_.timeout_ms));
        };
    }

    void add_trace() {
        CLI::App* trace = app_.add_subcommand(
            "trace",
            "The stages that the next datagrams of a pair pass; `trace stop` ends the one that runs");
        auto request = std::make_shared<cli::TraceRequest>();
        trace->add_option("PAIR", request->pair, "The two hosts, in either direction")
            ->option_text("SRC DST | stop")
            ->expected(1, 2)
            ->required();
        trace->add_option("--protocol", request->protocol, "icmp, tcp, udp, icmpv6, sctp or a number");
        trace->add_option("--count", request->count, "Datagrams, 1 to 1000")->capture_default_str();
        trace->add_option("--seconds", request->seconds, "It ends after, 1 to 3600")->capture_default_str();
        trace->fallthrough();
        trace->callback([this, request] {
            const bool stop = request->pair == std::vector<std::string>{"stop"};
            if (!stop && request->pair.size() != 2)
                throw CLI::ValidationError("trace", "needs SRC DST, or stop");
            run_ = [this, request, stop] {
                if (stop) return ask_daemon(options_, "trace stop", {});
                return cli::trace(*request, options_.json, asking());
            };
        });
    }

    void add_capture() {
        CLI::App* start = group("capture")->add_subcommand(
            "start", "Copy packets into NAME.pcapng in management.capture-directory");
        auto request = std::make_shared<cli::CaptureRequest>();
        start->add_option("NAME", request->name, "A word: letters, digits, - and _")->required();
        start->add_option("--interface", request->interface, "Frames of this interface, both directions");
        CLI::Option* drops =
            start->add_option("--drops", request->drops, "Dropped packets, of all reasons or of this one")
                ->option_text("[REASON]")
                ->expected(0, 1);
        start->add_flag("--decrypted", request->decrypted, "Datagrams inside of tunnels, both directions");
        start->add_option("--pair", request->pair, "Only these two hosts (with --decrypted)")
            ->option_text("SRC DST")
            ->expected(2);
        start->add_option("--snaplen", request->snaplen, "Bytes of each packet, 64 to 2000 (2000)");
        start->add_option("--seconds", request->seconds, "It ends after (60)");
        start->add_option("--packets", request->packets, "It ends after (10000)");
        start->add_option("--size", request->size, "It ends before the file is longer, as 500K or 1G (64M)");
        start->fallthrough();
        start->callback([this, request, drops] {
            request->all_drops = drops->count() > 0;
            run_ = [this, request] {
                return ask_daemon(options_, "capture start", cli::arguments_of(*request));
            };
        });
        CLI::App* list = group("capture")->add_subcommand("list", "As show captures");
        list->fallthrough();
        list->callback([this] { run_ = [this] { return ask_daemon(options_, "show captures", {}); }; });
    }

    void add_monitor() {
        CLI::App* monitor =
            app_.add_subcommand("monitor", "What happens to connections, as it happens, until interrupted");
        auto request = std::make_shared<cli::MonitorRequest>();
        monitor->add_option("HOSTS", request->hosts, "Only this host, or these two in either direction")
            ->option_text("[SRC [DST]]")
            ->expected(0, 2);
        monitor->add_option("--count", request->count, "End after so many lines (0: never)");
        monitor->add_option("--seconds", request->seconds, "End after (0: never)");
        monitor->fallthrough();
        monitor->callback([this, request] {
            run_ = [this, request] {
                return cli::monitor(options_.socket, *request, options_.json,
                                    std::chrono::milliseconds(options_.timeout_ms));
            };
        });
    }

    void add_config() {
        CLI::App* check = group("config")->add_subcommand(
            "check", "Check a file: tells every mistake at once, exits with 8");
        auto file = std::make_shared<std::string>();
        auto no_files = std::make_shared<bool>(false);
        check->add_option("FILE", *file, "The configuration")->required();
        check->add_flag("--no-files", *no_files, "Do not look for the files that it names");
        check->fallthrough();
        check->callback([this, file, no_files] {
            run_ = [this, file, no_files] { return cli::config_check(*file, !*no_files, options_.json); };
        });
        CLI::App* show =
            group("config")->add_subcommand("show", "The configuration in force (as show config)");
        show->fallthrough();
        show->callback([this] { run_ = [this] { return ask_daemon(options_, "show config", {}); }; });
        CLI::App* document =
            group("config")->add_subcommand("document", "Every key, as docs/configuration.md");
        document->callback([this] { run_ = [] { return cli::config_document(); }; });
    }

    void add_key() {
        CLI::App* generate =
            group("key")->add_subcommand("generate", "Make an RSA key; never over an existing file");
        auto out = std::make_shared<std::string>();
        auto bits = std::make_shared<unsigned>(3072);
        generate->add_option("--out", *out, "The file, PEM, mode 0600")->required();
        generate->add_option("--bits", *bits, "2048 to 8192")->capture_default_str();
        generate->fallthrough();
        generate->callback([this, out, bits] {
            run_ = [this, out, bits] { return cli::key_generate(*out, *bits, options_.json); };
        });
    }

    void add_dns() {
        CLI::App* records =
            group("dns")->add_subcommand("records", "The records to publish, as lines of a zone file");
        auto request = std::make_shared<cli::RecordsRequest>();
        records->add_option("--key", request->key, "This gateway's private key")->required();
        records->add_option("--gateway", request->gateway, "Its outside address")->required();
        records->add_option("--host", request->hosts, "Addresses of hosts behind it; may be repeated")
            ->expected(1, 10'000);
        records->add_option("HOST", request->hosts_more, "The same without --host");
        records->add_option("--precedence", request->precedence, "Lower is tried first, 0 to 255")
            ->capture_default_str();
        records->add_option("--ttl", request->ttl, "Seconds")->capture_default_str();
        records->add_flag("--key-records", request->key_records, "KEY records too, for old peers");
        records->fallthrough();
        records->callback([this, request] {
            run_ = [this, request] {
                request->hosts.insert(request->hosts.end(), request->hosts_more.begin(),
                                      request->hosts_more.end());
                return cli::dns_records(*request, options_.json);
            };
        });
    }

    static void add_zone_options(CLI::App* command, cli::ZoneRequest& zones) {
        command->add_option("--config", zones.config, "The gateway's configuration")->capture_default_str();
        command->add_option("--resolver", zones.resolvers, "Ask this one, not those of the configuration")
            ->option_text("ADDRESS[#PORT]")
            ->allow_extra_args(false);
        command
            ->add_option("--ignore-authority", zones.ignored,
                         "Do not ask, nor wait for, authorities with this address")
            ->option_text("ADDRESS|PREFIX")
            ->allow_extra_args(false);
        command->fallthrough();
    }

    void add_verify() {
        CLI::App* verify = group("dns")->add_subcommand(
            "verify", "What the world sees of the records, and what to publish instead; exits with 7");
        auto request = std::make_shared<cli::VerifyRequest>();
        add_zone_options(verify, request->zones);
        verify->add_option("--gateway", request->gateway,
                           "Its outside address, instead of the configured ones");
        verify->add_option("--key", request->key, "Its private key, instead of the configured one");
        verify->add_option("--public-key", request->public_key, "Or its public key, as in an IPSECKEY record")
            ->option_text("BASE64");
        verify->add_option("HOST", request->hosts,
                           "Addresses, prefixes and names; none: all that is configured");
        verify->callback(
            [this, request] { run_ = [this, request] { return cli::dns_verify(*request, options_.json); }; });
    }

    void add_rollover() {
        CLI::App* rollover =
            group("key")->add_subcommand("rollover", "Replace this gateway's key without losing a peer");
        rollover->require_subcommand(0, 1);
        rollover->fallthrough();
        static constexpr std::pair<const char*, const char*> kOrders[] = {
            {"start", "Make the new key and tell what to publish"},
            {"status", "Which authorities carry it, and when it can be activated"},
            {"activate", "Sign with it; refused until all the world can know it"},
            {"retire", "Remove the old key; refused while it is published"},
            {"cancel", "Give the new key up, before it was activated"}};
        for (const auto& [order, help] : kOrders) {
            CLI::App* command = rollover->add_subcommand(order, help);
            auto request = std::make_shared<cli::RolloverRequest>();
            request->order = order;
            add_zone_options(command, request->zones);
            if (request->order == "start")
                command->add_option("--bits", request->bits, "Of the new key, 2048 to 8192")
                    ->capture_default_str();
            if (request->order != "cancel")
                command->add_option("--ttl", request->ttl, "Of the records that are printed, seconds")
                    ->capture_default_str();
            command->callback([this, request] {
                run_ = [this, request] {
                    if (socket_option_->count() > 0) request->socket = options_.socket;
                    request->timeout_ms = options_.timeout_ms;
                    return cli::key_rollover(*request, options_.json);
                };
            });
        }
    }

    CLI::App app_{"oegate: see and steer the oegate gateway on this machine", "oegate"};
    std::map<std::string, CLI::App*> groups_;
    Options options_;
    CLI::Option* socket_option_ = nullptr;
    std::function<Status()> run_;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        Grammar grammar;
        return grammar.run(argc, argv);
    } catch (const std::exception& error) {
        print(stderr, std::string("oegate: ") + error.what() + "\n");
        return exit_status(Status::failed);
    }
}
