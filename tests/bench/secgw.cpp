// DPDK's ipsec-secgw on the case's frames, from the same in-memory ports, in a process of
// its own whose statistics are read. Its receive checksum offload must be off at compile
// time, since no in-memory port has it (docs/performance.md says how).
#include <fmt/format.h>
#include <poll.h>
#include <pty.h>
#include <rte_cycles.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "bench/frames.hpp"

namespace oegate::bench {
namespace {

constexpr unsigned kReports = 6;  // a second each; the first two are not counted
constexpr int kSilenceMs = 10'000;
constexpr std::uint32_t kFirstSpi = 1000;

/// How its configuration names a suite; empty: it has none such.
std::string words_of(EspSuite suite) {
    const auto zeros = [](unsigned num) {
        std::string text = "00";
        for (unsigned i = 1; i < num; ++i) text += ":00";
        return text;
    };
    switch (suite) {
        case EspSuite::aes_gcm_16_128:
            return "aead_algo aes-128-gcm aead_key " + zeros(20);
        case EspSuite::aes_gcm_16_256:
            return "aead_algo aes-256-gcm aead_key " + zeros(36);
        case EspSuite::chacha20_poly1305:
            return "aead_algo chacha20-poly1305 aead_key " + zeros(36);
        case EspSuite::aes_cbc_128_sha1_96:
            return "cipher_algo aes-128-cbc cipher_key " + zeros(16) + " auth_algo sha1-hmac auth_key " +
                   zeros(20);
        case EspSuite::aes_cbc_128_sha256_128:
            return "cipher_algo aes-128-cbc cipher_key " + zeros(16) + " auth_algo sha256-hmac auth_key " +
                   zeros(32);
        default:
            return {};
    }
}

/// One SA a flow, as in our own case; it wants policies and SAs of both directions.
void write_configuration(const std::string& path, const Case& c) {
    std::ofstream out(path);
    const std::string suite = words_of(c.suite);
    const bool in = c.path == Path::inbound;
    const unsigned num_out = in ? 1 : c.sas, num_in = in ? c.sas : 1;
    for (unsigned i = 0; i < num_out; ++i)
        out << fmt::format("sp ipv4 out esp protect {} pri 1 dst {}/32 sport 0:65535 dport 0:65535\n",
                           kFirstSpi + i, host(i).text())
            << fmt::format("sa out {} {} mode ipv4-tunnel src {} dst {}\n", kFirstSpi + i, suite,
                           kLocal.text(), kRemote.text());
    for (unsigned i = 0; i < num_in; ++i)
        out << fmt::format("sp ipv4 in esp protect {} pri 1 src {}/32 sport 0:65535 dport 0:65535\n",
                           kFirstSpi + i, host(i).text())
            << fmt::format("sa in {} {} mode ipv4-tunnel src {} dst {}\n", kFirstSpi + i, suite,
                           kRemote.text(), kLocal.text());
    out << "rt ipv4 dst 10.4.0.0/16 port 1\nrt ipv4 dst 10.1.0.0/24 port 0\n"
        << fmt::format("neigh port 0 {}\nneigh port 1 {}\n", kInsideMac.text(), kRouterMac.text());
    if (!out.flush()) give_up("cannot write " + path);
}

/// What is left behind by one run.
struct Files {
    explicit Files(unsigned run)
        : pcap(fmt::format("/tmp/oegate-secgw-{}-{}.pcap", getpid(), run)), configuration(pcap + ".cfg") {}
    ~Files() {
        unlink(pcap.c_str());
        unlink(configuration.c_str());
    }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    std::string pcap, configuration;
};

std::vector<std::string> command_line(const std::string& program, const Case& c, const Files& files) {
    const std::string source = "net_pcap0,rx_pcap=" + files.pcap + ",infinite_rx=1";
    const std::string sink = "net_null0,no-rx=1";
    const bool in = c.path == Path::inbound;
    const bool gcm = c.suite == EspSuite::aes_gcm_16_128 || c.suite == EspSuite::aes_gcm_16_256;
    std::vector<std::string> line{program, "-l", "0", "--no-pci"};
    if (has_huge_pages())
        line.emplace_back("--in-memory");
    else
        line.insert(line.end(), {"--no-huge", "-m", "1024"});
    line.insert(line.end(), {"--vdev",
                             in ? sink : source,
                             "--vdev",
                             in ? source : sink,
                             "--vdev",
                             gcm ? "crypto_aesni_gcm0" : "crypto_aesni_mb0",
                             "--",
                             "-p",
                             "3",
                             "-P",
                             "-u",
                             "2",
                             "-l",
                             "-w",
                             "0",
                             "--config",
                             "(0,0,0),(1,0,0)",
                             "--rxoffload",
                             "0",
                             "--txoffload",
                             "0",
                             "-t",
                             "1",
                             "-f",
                             files.configuration});
    return line;
}

class Peer {
  public:
    explicit Peer(std::vector<std::string> line) {
        std::vector<char*> words;
        for (std::string& word : line) words.push_back(word.data());
        words.push_back(nullptr);
        // A terminal, so that it writes each report when it is made.
        pid_ = forkpty(&output_, nullptr, nullptr, nullptr);
        if (pid_ < 0) give_up("no terminal for ipsec-secgw");
        if (pid_ > 0) return;
        execv(words[0], words.data());
        _exit(127);
    }
    ~Peer() {
        kill(pid_, SIGTERM);
        for (int i = 0; i < 300 && waitpid(pid_, nullptr, WNOHANG) == 0; ++i) {
            char rest[4096];
            pollfd ready{output_, POLLIN, 0};
            if (poll(&ready, 1, 10) > 0 && read(output_, rest, sizeof rest) <= 0) usleep(10'000);
        }
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        close(output_);
    }
    Peer(const Peer&) = delete;
    Peer& operator=(const Peer&) = delete;

    /// The next line of its output; false when it ended, or said nothing for long.
    bool line(std::string& out) {
        for (;;) {
            if (const auto end = pending_.find('\n'); end != std::string::npos) {
                out = pending_.substr(0, end);
                pending_.erase(0, end + 1);
                return true;
            }
            char bytes[4096];
            pollfd ready{output_, POLLIN, 0};
            if (poll(&ready, 1, kSilenceMs) <= 0) return false;
            const ssize_t num = read(output_, bytes, sizeof bytes);
            if (num <= 0) return false;
            pending_.append(bytes, static_cast<std::size_t>(num));
        }
    }

  private:
    pid_t pid_ = -1;
    int output_ = -1;
    std::string pending_;
};

double middle(std::vector<double> figures) {
    std::sort(figures.begin(), figures.end());
    return figures[figures.size() / 2];
}

}  // namespace

tl::expected<double, std::string> measure_secgw(const std::string& program, const Case& c) {
    static unsigned run = 0;
    if (c.path == Path::clear) return tl::unexpected(std::string("clear text is not measured"));
    if (words_of(c.suite).empty()) return tl::unexpected(std::string("it has no such suite"));
    const Files files(run++);
    const MacAddress mac{{0x02, 'p', 'c', 'a', 'p', 0}};
    const Sealer sealer(c.suite, false);
    const unsigned num = std::max(1024u, std::min(c.sas, 4096u));
    write_pcap(files.pcap, num, c.size, [&](unsigned i, std::size_t len) {
        if (c.path == Path::outbound) return framed(mac, udp_datagram(kInsideHost, host(i % c.sas), len));
        return sealer.frame(mac, kFirstSpi + i % c.sas, i / c.sas + 1, i % c.sas, len);
    });
    write_configuration(files.configuration, c);
    Peer peer(command_line(program, c, files));
    std::string line, cause = "it did not start";
    std::vector<double> figures;
    std::uint64_t last_sent = 0, last_time = 0;
    constexpr std::string_view kSent = "Total packets sent:";
    for (unsigned reports = 0; reports < kReports;) {
        if (!peer.line(line)) return tl::unexpected(cause);
        if (const auto at = line.find("Cause: "); at != std::string::npos) cause = line.substr(at + 7);
        if (line.find(kSent) != 0) continue;
        const std::uint64_t now = rte_rdtsc(), sent = std::strtoull(line.c_str() + kSent.size(), nullptr, 10);
        if (++reports > 2 && sent > last_sent)
            figures.push_back(static_cast<double>(now - last_time) / static_cast<double>(sent - last_sent));
        last_sent = sent;
        last_time = now;
    }
    if (figures.empty()) return tl::unexpected(std::string("it sent nothing"));
    return middle(std::move(figures));
}

}  // namespace oegate::bench
