// The encrypt and decrypt stages as a filter, for tests/packet/security/esp_scapy.py:
// each line on standard input is one SA and one datagram, each answer one line.
//
//   seal SUITE KEY SALT SPI LOCAL REMOTE SRC DST COUNT INNER  → COUNT outer datagrams
//   open SUITE KEY SALT LOCAL REMOTE SRC DST OUTER            → the inner datagram
//
// SUITE is 128 or 256; bytes are hexadecimal; SRC and DST are the selectors. For open,
// the SPI is taken from OUTER. A packet that dies answers "drop REASON".
#include <iostream>
#include <sstream>

#include "port/dataplane.hpp"
#include "port/parts.hpp"
#include "stages/parse.hpp"
#include "worker/security.hpp"

namespace oegate {
namespace {

constexpr std::uint32_t kSlot = 0;

config::Config configuration() {
    config::Config c;
    c.dataplane.huge_pages = config::HugePages::none;
    c.dataplane.lcores = {0};
    c.dataplane.flows_per_worker = 1024;
    c.dataplane.sas_per_worker = 64;
    c.interfaces.push_back({"wire", InterfaceRole::outside, "net_null0", 0, 1500, {}});
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

void read_key(std::istream& in, SaKey& key) {
    std::string suite, bytes, salt;
    in >> suite >> bytes >> salt;
    key.suite = suite == "128" ? EspSuite::aes_gcm_16_128 : EspSuite::aes_gcm_16_256;
    const Bytes key_bytes = from_hex(bytes).value(), salt_bytes = from_hex(salt).value();
    std::copy_n(key_bytes.begin(), key_len(key.suite), key.key.begin());
    std::copy_n(salt_bytes.begin(), 4, key.salt.begin());
}

Address read_address(std::istream& in) {
    std::string text;
    in >> text;
    return Address::parse(text).value();
}

Bytes read_bytes(std::istream& in) {
    std::string text;
    in >> text;
    return from_hex(text).value();
}

std::string seal(Worker& worker, std::istream& in) {
    InstallOutbound sa{};
    sa.ref = {kSlot, 1};
    read_key(in, sa.key);
    in >> sa.spi;
    sa.local = read_address(in);
    sa.remote = read_address(in);
    sa.pair.source = read_address(in);
    sa.pair.destination = read_address(in);
    unsigned count = 0;
    in >> count;
    const Bytes inner = read_bytes(in);
    apply(worker, Command(sa));
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
    read_key(in, sa.key);
    sa.local = read_address(in);
    sa.remote = read_address(in);
    sa.pair.source = read_address(in);
    sa.pair.destination = read_address(in);
    const Bytes outer = read_bytes(in);
    rte_mbuf* packet = packet_of(worker, outer);
    if (packet == nullptr || parse_datagram(packet) != Drop::kCount) return "malformed";
    const std::uint8_t* spi = data(packet) + meta(packet).header_len;
    sa.spi = static_cast<std::uint32_t>(spi[0]) << 24 | static_cast<std::uint32_t>(spi[1]) << 16 |
             static_cast<std::uint32_t>(spi[2]) << 8 | spi[3];
    sa.ref = {Spi::slot(sa.spi), 1};
    sa.replay_window = 64;
    apply(worker, Command(sa));
    Burst burst, out;
    burst.push(packet);
    decrypt(worker, burst, out);
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
