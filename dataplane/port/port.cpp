#include "port/port.hpp"

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>

#include <algorithm>
#include <cstring>

#include "port/devices.hpp"
#include "port/eal.hpp"
#include "port/receive.hpp"

namespace oegate {
namespace {

std::string trouble(const std::string& device, const std::string& interface_name, const std::string& what,
                    int error) {
    return fmt::format("interface {}: device '{}' {}: {}", interface_name, device, what,
                       rte_strerror(error < 0 ? -error : error));
}

/// An empty address is not one: drivers without hardware (ring) have none.
MacAddress address_of(std::uint16_t id) {
    rte_ether_addr address{};
    rte_eth_macaddr_get(id, &address);
    if (rte_is_zero_ether_addr(&address)) rte_eth_random_addr(address.addr_bytes);
    MacAddress mac;
    std::memcpy(mac.bytes.data(), address.addr_bytes, mac.bytes.size());
    return mac;
}

/// Drivers without an MTU of their own take any frame that fits an mbuf. Of the others
/// some say yes and keep what they had.
int set_mtu(std::uint16_t id, std::uint16_t mtu) {
    std::uint16_t current = 0;
    if (rte_eth_dev_get_mtu(id, &current) == 0 && current == mtu) return 0;
    const int status = rte_eth_dev_set_mtu(id, mtu);
    if (status == -ENOTSUP) return 0;
    if (status == 0 && (rte_eth_dev_get_mtu(id, &current) != 0 || current < mtu)) return -ERANGE;
    return status;
}

/// Toeplitz with this key gives both directions of a pair the same hash, so that both
/// come to one worker; a hint only, owner() decides (architecture.md, Ownership).
std::vector<std::uint8_t> symmetric_key(std::size_t len) {
    std::vector<std::uint8_t> key(len);
    for (std::size_t i = 0; i < len; ++i) key[i] = i % 2 == 0 ? 0x6d : 0x5a;
    return key;
}

/// No offload is asked for: LRO would merge what must be forwarded as it was sent, and
/// each header that leaves is complete.
rte_eth_conf configuration_of(const Port& port, const rte_eth_dev_info& info, std::uint16_t mtu,
                              std::vector<std::uint8_t>& key) {
    rte_eth_conf conf{};
    conf.rxmode.mtu = is_pci_device(port.device) ? mtu : 0;
    if (port.num_rx > 1 && info.flow_type_rss_offloads != 0) {
        conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
        conf.rx_adv_conf.rss_conf.rss_hf = RTE_ETH_RSS_IP & info.flow_type_rss_offloads;
        key = symmetric_key(info.hash_key_size);
        if (!key.empty()) {
            conf.rx_adv_conf.rss_conf.rss_key = key.data();
            conf.rx_adv_conf.rss_conf.rss_key_len = static_cast<std::uint8_t>(key.size());
        }
    }
    return conf;
}

/// One descriptor for each receive queue, or none at all.
std::vector<int> interrupts_of(const Port& port) {
    std::vector<int> fds;
    for (std::uint16_t queue = 0; queue < port.num_rx; ++queue) {
        const int fd = rte_eth_dev_rx_intr_ctl_q_get_fd(port.id, queue);
        const int status = fd < 0 ? fd : rte_eth_dev_rx_intr_disable(port.id, queue);
        if (fd < 0 || (status != 0 && status != -ENOTSUP)) return {};
        fds.push_back(fd);
    }
    return fds;
}

}  // namespace

Result<Port, std::string> open_port(const std::string& device, const std::string& interface_name,
                                    std::uint16_t mtu, const config::Dataplane& config, rte_mempool* pool) {
    Port port;
    port.device = device;
    const std::string name = ethdev_name(device);
    const auto failed = [&](const char* what, int error) {
        return fail(trouble(device, interface_name, what, error));
    };
    if (rte_eth_dev_get_port_by_name(name.c_str(), &port.id) != 0) {
        if (is_pci_device(device)) return failed("is known to no DPDK driver here", ENODEV);
        if (const int status = rte_dev_probe(device.c_str()); status != 0)
            return failed("cannot be opened", status);
        port.made = true;
        if (rte_eth_dev_get_port_by_name(name.c_str(), &port.id) != 0)
            return failed("has no Ethernet port", ENODEV);
    }
    rte_eth_dev_info info{};
    if (const int status = rte_eth_dev_info_get(port.id, &info); status != 0)
        return failed("does not describe itself", status);
    const std::size_t workers = config.lcores.size();
    // The kernel spreads frames over all sockets of these, wanted or not.
    const std::string driver = info.driver_name == nullptr ? "" : info.driver_name;
    if ((driver == "net_af_packet" || driver == "net_af_xdp") && info.max_rx_queues > workers)
        return fail(fmt::format("interface {}: device '{}' has {} queues, but there are {} workers",
                                interface_name, device, info.max_rx_queues, workers));
    // Measured: what one worker receives and another transmits does not come back to the
    // pool, and after some ten thousand frames the port is deaf (DPDK 22.11).
    if (driver == "net_af_xdp" && workers > 1)
        return fail(
            fmt::format("interface {}: device '{}' loses buffers when {} workers share it; "
                        "use one worker, or net_af_packet",
                        interface_name, device, workers));
    port.num_rx = static_cast<std::uint16_t>(std::min<std::size_t>(info.max_rx_queues, workers));
    port.num_tx = static_cast<std::uint16_t>(std::min<std::size_t>(info.max_tx_queues, workers));
    if (port.num_rx == 0 || port.num_tx == 0) return failed("has no queues", ENODEV);

    if (is_pci_device(device) && info.max_mtu != 0 && mtu > info.max_mtu)
        return fail(fmt::format("interface {}: device '{}' takes an MTU of at most {}, not {}",
                                interface_name, device, info.max_mtu, mtu));
    std::vector<std::uint8_t> key;  // lives as long as the call
    rte_eth_conf conf = configuration_of(port, info, mtu, key);
    // Some drivers refuse what they do not have, some ignore it.
    conf.intr_conf.rxq = config.idle == IdleMode::interrupt;
    int status = rte_eth_dev_configure(port.id, port.num_rx, port.num_tx, &conf);
    if (status != 0 && conf.intr_conf.rxq != 0) {
        conf.intr_conf.rxq = 0;
        status = rte_eth_dev_configure(port.id, port.num_rx, port.num_tx, &conf);
    }
    if (status != 0) return failed("cannot be configured", status);
    std::uint16_t num_rxd = config.descriptors, num_txd = config.descriptors;
    rte_eth_dev_adjust_nb_rx_tx_desc(port.id, &num_rxd, &num_txd);
    const auto socket = static_cast<unsigned>(rte_eth_dev_socket_id(port.id));
    for (std::uint16_t q = 0; q < port.num_rx; ++q)
        if (status = rte_eth_rx_queue_setup(port.id, q, num_rxd, socket, nullptr, pool); status != 0)
            return failed("has no receive queue", status);
    for (std::uint16_t q = 0; q < port.num_tx; ++q)
        if (status = rte_eth_tx_queue_setup(port.id, q, num_txd, socket, nullptr); status != 0)
            return failed("has no transmit queue", status);
    for (std::uint16_t q = 0; leaves_frames_unfinished(info.driver_name) && q < port.num_rx; ++q) {
        port.callbacks.push_back(finish_received(port.id, q));
        if (port.callbacks.back() == nullptr) return failed("takes no receive callback", rte_errno);
    }
    if (status = set_mtu(port.id, mtu); status != 0) return failed("does not take its MTU", status);
    if (status = rte_eth_dev_start(port.id); status != 0) return failed("does not start", status);
    // Neighbour discovery needs group frames; a driver that knows neither filter has none.
    if (rte_eth_allmulticast_enable(port.id) != 0) rte_eth_promiscuous_enable(port.id);
    if (conf.intr_conf.rxq != 0) port.interrupt_fds = interrupts_of(port);
    port.mac = address_of(port.id);
    port.description = fmt::format("driver {}, {} receive and {} transmit queues of {} and {} descriptors{}",
                                   driver, port.num_rx, port.num_tx, num_rxd, num_txd,
                                   conf.rxmode.mq_mode == RTE_ETH_MQ_RX_RSS ? ", RSS" : "");
    return port;
}

void close_port(const Port& port) {
    rte_eth_dev_stop(port.id);
    for (std::size_t q = 0; q < port.callbacks.size(); ++q)
        forget_received(port.id, static_cast<std::uint16_t>(q), port.callbacks[q]);
    if (port.made) rte_eth_dev_close(port.id);
}

bool link_is_up(const Port& port) {
    rte_eth_link link{};
    return rte_eth_link_get_nowait(port.id, &link) != 0 || link.link_status == RTE_ETH_LINK_UP;
}

std::string describe(const Port& port) {
    rte_eth_link link{};
    std::string state = "link unknown";
    if (rte_eth_link_get_nowait(port.id, &link) == 0) {
        state = link.link_status == RTE_ETH_LINK_UP ? "link up" : "link down";
        if (link.link_status == RTE_ETH_LINK_UP && link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN &&
            link.link_speed != 0)
            state += fmt::format(", {} Mbit/s", link.link_speed);
    }
    return fmt::format("device '{}': {}, {}", port.device, port.description, state);
}

}  // namespace oegate
