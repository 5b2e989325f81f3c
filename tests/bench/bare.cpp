#include "bench/bare.hpp"

#include <rte_ethdev.h>

#include <cstring>

#include "base/endian.hpp"
#include "base/secret.hpp"
#include "bench/frames.hpp"
#include "worker/burst.hpp"

namespace oegate::bench {
namespace {

constexpr std::uint32_t kEthernet = 14, kOuter = 20, kEspAndIv = 16, kIcv = 16;
constexpr std::uint32_t kFront = kEthernet + kOuter + kEspAndIv;

void put(std::uint8_t* at, std::uint32_t value) {
    const Be32 wire(value);
    std::memcpy(at, &wire, sizeof wire);
}

}  // namespace

Bare::Bare(const Case& c)
    : sealing_(c.path == Path::outbound), gcm_(c.suite, c.sas, sealing_), sas_(new Sa[c.sas]) {
    for (unsigned i = 0; i < c.sas; ++i) {
        std::uint8_t* front = sas_[i].front.data();
        std::memcpy(front, kRouterMac.bytes.data(), 6);
        front[12] = 0x08;
        const std::uint8_t outer[] = {0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 50, 0, 0};
        std::memcpy(front + kEthernet, outer, sizeof outer);
        put(front + kEthernet + 12, 10u << 24 | 2 << 16 | 1);
        put(front + kEthernet + 16, 10u << 24 | 4 << 16 | 1);
        put(front + kEthernet + kOuter, 0x1000 + i);
    }
}

void Bare::burst(std::uint16_t source, std::uint16_t sink) {
    rte_mbuf* packets[kReceiveBurst];
    const std::uint16_t n = rte_eth_rx_burst(source, 0, packets, kReceiveBurst);
    if (sealing_)
        seal(packets, n);
    else
        open(packets, n);
    if (rte_eth_tx_burst(sink, 0, packets, n) != n) give_up("net_null is full");
}

/// All headers, nonces and trailers of the burst, then the calls.
void Bare::seal(rte_mbuf* const* packets, unsigned num) {
    for (unsigned i = 0; i < num; ++i) {
        rte_mbuf* m = packets[i];
        Work& work = work_[i];
        work.sa = next_;
        next_ = next_ + 1 == gcm_.num_keys() ? 0 : next_ + 1;
        Sa& sa = sas_[work.sa];
        const std::uint32_t inner = m->data_len - kEthernet;
        const std::uint32_t num_pad = (0 - inner - 2) & 3;
        auto* front = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_prepend(m, kFront - kEthernet));
        auto* trailer = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_append(m, static_cast<std::uint16_t>(num_pad + 2 + kIcv)));
        std::memcpy(front, sa.front.data(), kFront);
        const Be16 total(static_cast<std::uint16_t>(m->data_len - kEthernet));
        std::memcpy(front + kEthernet + 2, &total, 2);
        const std::uint64_t sequence = ++sa.sequence;
        const Be64 iv(sequence);
        work.esp = front + kEthernet + kOuter;
        put(work.esp + 4, static_cast<std::uint32_t>(sequence));
        std::memcpy(work.esp + 8, &iv, 8);
        for (std::uint32_t k = 1; k <= num_pad; ++k) *trailer++ = static_cast<std::uint8_t>(k);
        trailer[0] = static_cast<std::uint8_t>(num_pad);
        trailer[1] = 4;
        work.len = inner + num_pad + 2;
        std::memset(work.nonce.data(), 0, 4);
        std::memcpy(work.nonce.data() + 4, &iv, 8);
        std::memcpy(work.aad.data(), front + kEthernet + kOuter, 4);
        std::memcpy(work.aad.data() + 4, &iv, 8);
    }
    for (unsigned i = 0; i < num; ++i) {
        Work& work = work_[i];
        std::uint8_t* data = work.esp + kEspAndIv;
        gcm_.crypt(work.sa, data, work.len, work.nonce.data(), work.aad.data(), data + work.len);
    }
}

void Bare::open(rte_mbuf** packets, unsigned num) {
    for (unsigned i = 0; i < num; ++i) {
        Work& work = work_[i];
        work.sa = next_;
        next_ = next_ + 1 == gcm_.num_keys() ? 0 : next_ + 1;
        work.esp = rte_pktmbuf_mtod_offset(packets[i], std::uint8_t*, kEthernet + kOuter);
        work.len = packets[i]->data_len - kFront - kIcv;
        std::memset(work.nonce.data(), 0, 4);
        std::memcpy(work.nonce.data() + 4, work.esp + 8, 8);
        std::memcpy(work.aad.data(), work.esp, 4);
        std::memset(work.aad.data() + 4, 0, 4);
        std::memcpy(work.aad.data() + 8, work.esp + 4, 4);
    }
    for (unsigned i = 0; i < num; ++i) {
        Work& work = work_[i];
        gcm_.crypt(work.sa, work.esp + kEspAndIv, work.len, work.nonce.data(), work.aad.data(),
                   icvs_[i].data());
    }
    for (unsigned i = 0; i < num; ++i) {
        Work& work = work_[i];
        std::uint8_t* const data = work.esp + kEspAndIv;
        if (!equal_constant_time(icvs_[i], {data + work.len, kIcv})) give_up("bare: an ICV is wrong");
        rte_pktmbuf_trim(packets[i], static_cast<std::uint16_t>(kIcv + 2 + data[work.len - 2]));
        auto* front = reinterpret_cast<std::uint8_t*>(rte_pktmbuf_adj(packets[i], kFront - kEthernet));
        std::memcpy(front, sas_[work.sa].front.data(), kEthernet);
    }
}

}  // namespace oegate::bench
