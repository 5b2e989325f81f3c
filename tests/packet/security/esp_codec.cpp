// The encrypt and decrypt stages as a filter, for tests/packet/security/esp_scapy.py:
// each line on standard input is one SA and one datagram, each answer one line.
//
//   seal SA LOCAL REMOTE SRC DST SPI SENT COUNT INNER  → COUNT outer datagrams
//   open SA LOCAL REMOTE SRC DST HIGHEST OUTER         → the inner datagram
//
// SA is: suite, key, integrity key, salt, ESN (0 or 1), UDP (0 or 1). Bytes are
// hexadecimal, "-" for none; SRC and DST are the selectors; SENT and HIGHEST the sequence
// number so far. For open, the SPI is taken from OUTER, which comes in as a datagram to us
// does. A packet that dies answers "drop REASON".
#include <iostream>
#include <sstream>
#include <stdexcept>

#include "port/dataplane.hpp"
#include "port/parts.hpp"
#include "stages/local.hpp"
#include "stages/parse.hpp"
#include "worker/security.hpp"
#include "worker/security_state.hpp"

namespace oegate {
namespace {

constexpr std::uint32_t kSlot = 0;

config::Config configuration() {
    config::Config c;
    c.dataplane.huge_pages = config::HugePages::none;
    c.dataplane.lcores = {0};
    c.dataplane.flows_per_worker = 1024;
    c.dataplane.sas_per_worker = 64;
    c.interfaces.push_back({"wire", InterfaceRole::outside, "net_null0", 0, 9500, {}});
    return c;
}

rte_mbuf* packet_of(Worker& worker, const Bytes& bytes) {
    rte_mbuf* packet = make_packet(worker);
    if (packet == nullptr) return nullptr;
    char* room = rte_pktmbuf_append(packet, static_cast<std::uint16_t>(bytes.size()));
    if (room == nullptr) return nullptr;
    std::memcpy(room, bytes.data(), bytes.size());
    return packet;
}

std::string answer(Worker& worker, Burst& out) {
    std::string text;
    for (rte_mbuf* packet : out) {
        if (!text.empty()) text += ' ';
        text += to_hex({data(packet), rte_pktmbuf_data_len(packet)});
        rte_pktmbuf_free(packet);
    }
    for (std::size_t i = 0; i < kNumDrops; ++i) {
        Counter& count = worker.tallies[0].drops[i];
        if (count.get() != 0) text += "drop " + std::string(to_text(static_cast<Drop>(i)));
        count.set(0);
    }
    return text;
}

Address read_address(std::istream& in) {
    std::string text;
    in >> text;
    return Address::parse(text).value();
}

Bytes read_bytes(std::istream& in) {
    std::string text;
    in >> text;
    return text == "-" ? Bytes() : from_hex(text).value();
}

template <class Install>
void read_sa(std::istream& in, Install& sa) {
    std::string suite;
    bool udp = false;
    in >> suite;
    sa.key.suite = esp_suite_from_text(suite).value();
    const auto fill = [&](auto& to, std::size_t len) {
        const Bytes bytes = read_bytes(in);
        if (bytes.size() != len) throw std::runtime_error("a key of the wrong length");
        std::copy(bytes.begin(), bytes.end(), to.begin());
    };
    fill(sa.key.key, key_len(sa.key.suite));
    fill(sa.key.auth_key, facts(sa.key.suite).auth_key_len);
    fill(sa.key.salt, facts(sa.key.suite).salt_len);
    in >> sa.esn >> udp;
    if (udp) sa.udp = {4500, 4500};
    sa.local = read_address(in);
    sa.remote = read_address(in);
    sa.pair.source = read_address(in);
    sa.pair.destination = read_address(in);
}

std::string seal(Worker& worker, std::istream& in) {
    InstallOutbound sa{};
    sa.ref = {kSlot, 1};
    read_sa(in, sa);
    unsigned count = 0;
    std::uint64_t sent = 0;
    in >> sa.spi >> sent >> count;
    const Bytes inner = read_bytes(in);
    apply(worker, Command(sa));
    worker.security->sad.outbound(sa.ref)->sequence.sent = sent;
    Burst burst, out;
    for (unsigned i = 0; i < count; ++i) {
        rte_mbuf* packet = packet_of(worker, inner);
        if (packet == nullptr || parse_datagram(packet) != Drop::kCount) return "malformed";
        meta(packet).sa = sa.ref;
        burst.push(packet);
    }
    encrypt(worker, burst, out);
    return answer(worker, out);
}

std::string open(Worker& worker, std::istream& in) {
    InstallInbound sa{};
    read_sa(in, sa);
    std::uint64_t highest = 0;
    in >> highest;
    const Bytes outer = read_bytes(in);
    rte_mbuf* packet = packet_of(worker, outer);
    if (packet == nullptr || parse_datagram(packet) != Drop::kCount) return "malformed";
    const std::uint8_t* spi = data(packet) + meta(packet).header_len + (sa.udp.used() ? 8 : 0);
    sa.spi = static_cast<std::uint32_t>(spi[0]) << 24 | static_cast<std::uint32_t>(spi[1]) << 16 |
             static_cast<std::uint32_t>(spi[2]) << 8 | spi[3];
    sa.ref = {Spi::slot(sa.spi), 1};
    sa.replay_window = 64;
    apply(worker, Command(sa));
    worker.security->sad.inbound(sa.ref)->replay.highest = highest;
    Burst ours, esp, out;
    ours.push(packet);
    local(worker, ours, esp);
    decrypt(worker, esp, out);
    return answer(worker, out);
}

int run() {
    auto dataplane = Dataplane::start(configuration(), {1, 2}, Dataplane::Workers::by_hand);
    if (!dataplane) {
        std::cerr << dataplane.error() << "\n";
        return 1;
    }
    Worker& worker = *(*dataplane)->parts().workers[0];
    worker.now_ns = 1'000'000'000'000;
    std::cout << "ready" << std::endl;
    for (std::string line; std::getline(std::cin, line);) {
        std::istringstream in(line);
        std::string verb;
        in >> verb;
        std::cout << (verb == "seal"   ? seal(worker, in)
                      : verb == "open" ? open(worker, in)
                                       : "what?")
                  << std::endl;
    }
    return 0;
}

}  // namespace
}  // namespace oegate

int main() {
    const int status = oegate::run();
    oegate::leave_eal();
    return status;
}
