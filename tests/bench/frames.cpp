#include "bench/frames.hpp"

#include <fstream>

#include "base/cursor.hpp"
#include "esp/crypto.hpp"
#include "net/checksum.hpp"

namespace oegate::bench {
namespace {

constexpr std::size_t kOuter = 20;  // IPv4, no options

}  // namespace

Bytes udp_datagram(const Address& source, const Address& destination, std::size_t len) {
    Writer ip;
    ip.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(len)).u32(0).u8(64).u8(17).u16(0);
    ip.put(source.wire()).put(destination.wire());
    ip.set_u16(10, checksum(ip.view()));
    ip.u16(1000).u16(2000).u16(static_cast<std::uint16_t>(len - 20)).u16(0).zeros(len - 28);
    return std::move(ip).take();
}

Bytes framed(const MacAddress& to, const Bytes& datagram) {
    Writer frame;
    frame.put(to.bytes).zeros(6).u16(0x0800).put(datagram);
    return std::move(frame).take();
}

std::vector<std::size_t> lengths_of(std::size_t size) {
    if (size != kImix) return {size};
    return {64, 576, 64, 64, 576, 64, 1420, 64, 576, 64, 64, 576};
}

struct Sealer::State {
    esp::Crypto crypto;
    EspSuite suite{};
    bool esn = false;
    alignas(esp::Crypto::kExpandedAlignment) std::array<std::uint8_t, 4096> key{};
};

Sealer::Sealer(EspSuite suite, bool esn) : state_(std::make_unique<State>()) {
    state_->suite = suite;
    state_->esn = esn;
    SaKey key;
    key.suite = suite;
    if (esp::Crypto::expanded_len() > state_->key.size() ||
        !state_->crypto.expand(Direction::outbound, key, state_->key.data()))
        give_up("no usable intel-ipsec-mb");
}

Sealer::~Sealer() = default;

Bytes Sealer::frame(const MacAddress& to, std::uint32_t spi, std::uint32_t number, unsigned flow,
                    std::size_t len) const {
    const EspSuite suite = state_->suite;
    const std::size_t front = esp::front_len(suite), iv_len = facts(suite).iv_len;
    const std::size_t unit = esp::alignment(suite);
    const std::size_t num_pad = (unit - (len + esp::kTrailerLen) % unit) % unit;
    const std::size_t sealed = len + num_pad + esp::kTrailerLen;
    const std::size_t total = kOuter + front + sealed + esp::icv_len(suite);
    Writer w;
    w.u8(0x45).u8(0).u16(static_cast<std::uint16_t>(total)).u32(0x4000);
    w.u8(64).u8(50).u16(0).put(kRemote.wire()).put(kLocal.wire());
    w.set_u16(10, checksum(w.view()));
    w.u32(spi).u32(number);
    if (iv_len == 16) w.u64(0);
    if (iv_len != 0) w.u64(number);
    w.put(udp_datagram(host(flow), kInsideHost, len));
    for (std::size_t k = 1; k <= num_pad; ++k) w.u8(static_cast<std::uint8_t>(k));
    w.u8(static_cast<std::uint8_t>(num_pad)).u8(4).zeros(esp::icv_len(suite));
    Bytes bytes = std::move(w).take();
    esp::Job job;
    job.key = state_->key.data();
    job.suite = suite;
    job.front = bytes.data() + kOuter;
    job.data = job.front + front;
    job.len = static_cast<std::uint32_t>(sealed);
    if (is_aead(suite)) std::memcpy(job.nonce.data() + 4, job.front + sizeof(EspHeader), 8);
    if (state_->esn) esp::use_esn(job, number);
    state_->crypto.seal({&job, 1});
    if (!job.ok) give_up("a frame could not be sealed");
    return framed(to, bytes);
}

/// Microseconds, Ethernet, little-endian as this machine.
double write_pcap(const std::string& path, unsigned num, std::size_t size,
                  const std::function<Bytes(unsigned i, std::size_t len)>& make) {
    std::ofstream out(path, std::ios::binary);
    const auto word = [&out](std::size_t v) {
        const auto bits = static_cast<std::uint32_t>(v);
        out.write(reinterpret_cast<const char*>(&bits), sizeof bits);
    };
    for (const std::uint32_t v : {0xa1b2c3d4u, 0x00040002u, 0u, 0u, 65535u, 1u}) word(v);
    const std::vector<std::size_t> lengths = lengths_of(size);
    std::size_t sum = 0;
    for (unsigned i = 0; i < num; ++i) {
        const std::size_t len = lengths[i % lengths.size()];
        sum += len;
        const Bytes frame = make(i, len);
        for (const std::size_t v : {std::size_t{0}, std::size_t{0}, frame.size(), frame.size()}) word(v);
        out.write(reinterpret_cast<const char*>(frame.data()), static_cast<std::streamsize>(frame.size()));
    }
    if (!out.flush()) give_up("cannot write " + path);
    return static_cast<double>(sum) / num;
}

}  // namespace oegate::bench
