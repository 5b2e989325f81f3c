#include "route/neighbours.hpp"

#include <algorithm>

#include "base/cursor.hpp"
#include "net/checksum.hpp"

namespace oegate::route {
namespace {

constexpr std::uint16_t kArpRequest = 1;
constexpr std::uint16_t kArpReply = 2;
constexpr std::uint8_t kNeighbourSolicitation = 135;
constexpr std::uint8_t kNeighbourAdvertisement = 136;
constexpr std::uint8_t kSourceLinkLayerOption = 1;
constexpr std::uint8_t kTargetLinkLayerOption = 2;
constexpr std::uint32_t kSolicitedFlag = 0x40000000;
constexpr std::uint32_t kOverrideFlag = 0x20000000;
constexpr std::size_t kMinFrame = 60;  // Ethernet minimum without FCS
constexpr MacAddress kBroadcast{{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};

/// RFC 4291 §2.7.1.
Address solicited_node(const Address& target) {
    Address group = *Address::parse("ff02::1:ff00:0");
    std::copy_n(target.bytes().end() - 3, 3, group.mutable_bytes().end() - 3);
    return group;
}

/// RFC 2464 §7.
MacAddress multicast_mac(const Address& group) {
    const auto& b = group.bytes();
    return {{0x33, 0x33, b[12], b[13], b[14], b[15]}};
}

/// An ICMPv6 message in an IPv6 header with hop limit 255, in an Ethernet frame.
Bytes nd_frame(const MacAddress& to_mac, const MacAddress& from_mac, const Address& from, const Address& to,
               ByteView message) {
    Writer pseudo;  // RFC 8200 §8.1
    pseudo.put(from.bytes()).put(to.bytes()).u32(static_cast<std::uint32_t>(message.size()));
    pseudo.u32(static_cast<std::uint32_t>(Protocol::icmpv6));
    const std::uint16_t sum = checksum_finish(checksum_add(checksum_add(0, pseudo.view()), message));
    Writer frame;
    frame.put(to_mac.bytes).put(from_mac.bytes).u16(static_cast<std::uint16_t>(EtherType::ipv6));
    frame.u32(6u << 28).u16(static_cast<std::uint16_t>(message.size()));
    frame.u8(static_cast<std::uint8_t>(Protocol::icmpv6)).u8(255).put(from.bytes()).put(to.bytes());
    const std::size_t at = frame.size();
    frame.put(message);
    frame.set_u16(at + 2, sum);
    return std::move(frame).take();
}

/// malformed is set for a length of zero or beyond the end (RFC 4861 §7.1).
std::optional<MacAddress> link_layer_option(ByteView options, std::uint8_t wanted, bool& malformed) {
    std::optional<MacAddress> found;
    Reader reader(options);
    while (reader.remaining() > 0) {
        const std::uint8_t type = reader.u8();
        const std::size_t len = reader.u8() * 8u;
        if (len == 0) {
            malformed = true;
            return std::nullopt;
        }
        const ByteView body = reader.take(len - 2);
        if (reader.ok() && type == wanted && body.size() == 6) {
            found.emplace();
            std::copy(body.begin(), body.end(), found->bytes.begin());
        }
    }
    malformed = !reader.ok();
    return found;
}

bool is_unicast(const MacAddress& mac) {
    return (mac.bytes[0] & 1) == 0 && mac != MacAddress{};
}

}  // namespace

Neighbours::Neighbours(std::vector<Link> links, const NeighbourSettings& settings)
    : links_(std::move(links)),
      settings_(settings),
      asking_(links_.size(), {0, settings.requests_per_second, Time{}}) {}

// ---- entries, their deadlines and bounds -------------------------------------------

Neighbours::Entries::iterator Neighbours::make(const Key& key) {
    ++asking_[key.interface].num_unresolved;  // incomplete
    return entries_.emplace(key, Entry{}).first;
}

void Neighbours::remove(Entries::iterator at) {
    set_deadline(at->first, at->second, kNever);
    if (is_unresolved(at->second)) --asking_[at->first.interface].num_unresolved;
    entries_.erase(at);
}

void Neighbours::set_state(const Key& key, Entry& entry, State state) {
    const bool before = is_unresolved(entry);
    entry.state = state;
    if (before && !is_unresolved(entry)) --asking_[key.interface].num_unresolved;
    if (!before && is_unresolved(entry)) ++asking_[key.interface].num_unresolved;
}

void Neighbours::set_deadline(const Key& key, Entry& entry, Time deadline) {
    if (entry.deadline != kNever) due_.erase({entry.deadline, key});
    entry.deadline = deadline;
    if (entry.deadline != kNever) due_.insert({entry.deadline, key});
}

/// Whoever sweeps a subnet asks for what is not there: known neighbours and gateways
/// must not suffer (RFC 6583 §4).
bool Neighbours::may_ask(const Key& key, Time now) {
    if (std::ranges::find(settings_.gateways, key.address) != settings_.gateways.end()) return true;
    Asking& asking = asking_[key.interface];
    const auto earned = static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::milliseconds>(now - asking.filled).count() *
        settings_.requests_per_second / 1000);
    if (earned > 0) {
        asking.tokens = std::min<std::uint64_t>(settings_.requests_per_second, asking.tokens + earned);
        asking.filled = now;
    }
    if (asking.tokens == 0 || asking.num_unresolved >= settings_.max_unresolved) return false;
    --asking.tokens;
    return true;
}

/// For a neighbour that has shown itself: one that has not, goes. False: all have.
bool Neighbours::make_room() {
    if (entries_.size() < settings_.max_entries) return true;
    for (const auto& [deadline, key] : due_) {  // unresolved ones come soonest
        const auto at = entries_.find(key);
        if (!is_unresolved(at->second)) continue;
        actions_.push_back(Lost{key.interface, key.address});
        remove(at);
        return true;
    }
    return false;
}

void Neighbours::know_gateway(const Address& gateway) {
    if (std::ranges::find(settings_.gateways, gateway) == settings_.gateways.end())
        settings_.gateways.push_back(gateway);
}

bool Neighbours::is_own(std::uint16_t interface, const Address& address) const {
    return std::ranges::any_of(links_[interface].addresses,
                               [&](const auto& own) { return own.address == address; });
}

const config::InterfaceAddress* Neighbours::on_link(std::uint16_t interface, const Address& address) const {
    for (const auto& own : links_[interface].addresses)
        if (own.subnet.contains(address)) return &own;
    return nullptr;
}

void Neighbours::wanted(std::uint16_t interface, const Address& address, Time now) {
    if (interface >= links_.size() || address.is_multicast() || is_own(interface, address)) return;
    const Key key{interface, address};
    if (const auto it = entries_.find(key); it != entries_.end()) {
        // The worker's wish crossed our publication.
        if (it->second.state == State::reachable || it->second.state == State::probe)
            actions_.push_back(Learned{interface, address, it->second.mac});
        return;
    }
    if (entries_.size() >= settings_.max_entries) {
        ++num_refused_;
        ++num_full_;
        actions_.push_back(Lost{interface, address});
        return;
    }
    if (!may_ask(key, now)) {
        ++num_put_off_;
        return;
    }
    solicit(key, make(key)->second, now);
}

void Neighbours::solicit(const Key& key, Entry& entry, Time now) {
    ++entry.num_solicits;
    set_deadline(key, entry, now + settings_.retransmit);
    if (key.address.is_ipv6()) {
        send_solicitation(key, entry);
        return;
    }
    const config::InterfaceAddress* own = on_link(key.interface, key.address);
    const Address sender = own != nullptr ? own->address : Address::ipv4(0);
    const MacAddress to = entry.state == State::probe ? entry.mac : kBroadcast;
    send_arp(key.interface, kArpRequest, to, sender, MacAddress{}, key.address);
}

void Neighbours::send_arp(std::uint16_t interface, std::uint16_t operation, const MacAddress& to,
                          const Address& sender, const MacAddress& target_mac, const Address& target) {
    const MacAddress& ours = links_[interface].mac;
    Writer frame;
    frame.put(to.bytes).put(ours.bytes).u16(static_cast<std::uint16_t>(EtherType::arp));
    frame.u16(1).u16(static_cast<std::uint16_t>(EtherType::ipv4)).u8(6).u8(4).u16(operation);
    frame.put(ours.bytes).put(sender.wire()).put(target_mac.bytes).put(target.wire());
    frame.zeros(kMinFrame - frame.size());
    actions_.push_back(SendFrame{interface, std::move(frame).take()});
}

void Neighbours::send_solicitation(const Key& key, const Entry& entry) {
    const Link& link = links_[key.interface];
    const config::InterfaceAddress* own = on_link(key.interface, key.address);
    Address from;
    if (own != nullptr) from = own->address;
    for (const auto& candidate : link.addresses)
        if (from.is_unspecified() && candidate.address.is_ipv6()) from = candidate.address;
    Writer message;  // RFC 4861 §4.3
    message.u8(kNeighbourSolicitation).u8(0).u16(0).u32(0).put(key.address.bytes());
    message.u8(kSourceLinkLayerOption).u8(1).put(link.mac.bytes);
    const bool unicast = entry.state == State::probe;
    const Address to = unicast ? key.address : solicited_node(key.address);
    const MacAddress to_mac = unicast ? entry.mac : multicast_mac(to);
    actions_.push_back(SendFrame{key.interface, nd_frame(to_mac, link.mac, from, to, message.view())});
}

void Neighbours::send_advertisement(std::uint16_t interface, const Address& target, const MacAddress& to_mac,
                                    const Address& to, bool solicited) {
    const Link& link = links_[interface];
    Writer message;  // RFC 4861 §4.4; the router flag is not set: nobody learns routes from us
    message.u8(kNeighbourAdvertisement).u8(0).u16(0).u32(kOverrideFlag | (solicited ? kSolicitedFlag : 0));
    message.put(target.bytes()).u8(kTargetLinkLayerOption).u8(1).put(link.mac.bytes);
    actions_.push_back(SendFrame{interface, nd_frame(to_mac, link.mac, target, to, message.view())});
}

void Neighbours::learn(const Key& key, const MacAddress& mac, bool create, Time now) {
    auto it = entries_.find(key);
    if (it == entries_.end()) {
        if (!create || !make_room()) return;
        it = make(key);
    }
    Entry& entry = it->second;
    const bool publish = entry.mac != mac || is_unresolved(entry);
    set_state(key, entry, State::reachable);
    entry.mac = mac;
    entry.num_solicits = 0;
    entry.confirmed = now;
    set_deadline(key, entry, now + settings_.reachable);
    if (publish) actions_.push_back(Learned{key.interface, key.address, mac});
}

void Neighbours::on_arp(std::uint16_t interface, ByteView data, Time now) {
    Reader reader(data);
    const bool ethernet = reader.u16() == 1;
    const bool ipv4 = reader.u16() == static_cast<std::uint16_t>(EtherType::ipv4);
    const bool lengths = reader.u16() == (6 << 8 | 4);
    const std::uint16_t operation = reader.u16();
    const ByteView mac = reader.take(6);
    const ByteView sender_bytes = reader.take(4);
    reader.skip(6);
    const ByteView target_bytes = reader.take(4);
    if (!reader.ok() || !ethernet || !ipv4 || !lengths || interface >= links_.size()) {
        ++num_refused_;
        return;
    }
    MacAddress sender_mac;
    std::copy(mac.begin(), mac.end(), sender_mac.bytes.begin());
    const Address sender = *Address::from_wire(sender_bytes);
    const Address target = *Address::from_wire(target_bytes);
    // A station may speak for an address of its own link only, never for one of ours.
    const bool plausible =
        is_unicast(sender_mac) && on_link(interface, sender) != nullptr && !is_own(interface, sender);
    if (!plausible && !sender.is_unspecified()) {
        ++num_refused_;
        return;
    }
    // RFC 826: merge what is known; make a new entry only of a request to us.
    const bool asks_us = operation == kArpRequest && is_own(interface, target);
    if (plausible) learn({interface, sender}, sender_mac, asks_us, now);
    if (asks_us) send_arp(interface, kArpReply, sender_mac, target, sender_mac, sender);
}

void Neighbours::on_nd(std::uint16_t interface, ByteView datagram, Time now) {
    Reader reader(datagram);
    reader.skip(8);
    const ByteView source_bytes = reader.take(16);
    reader.skip(16);
    const std::uint8_t type = reader.u8();
    const std::uint8_t code = reader.u8();
    reader.skip(2);
    const std::uint32_t flags = reader.u32();
    const ByteView target_bytes = reader.take(16);
    if (!reader.ok() || code != 0 || interface >= links_.size()) {
        ++num_refused_;
        return;
    }
    const Address source = *Address::from_wire(source_bytes);
    const Address target = *Address::from_wire(target_bytes);
    const bool is_solicitation = type == kNeighbourSolicitation;
    bool malformed = false;
    const std::optional<MacAddress> mac = link_layer_option(
        reader.rest(), is_solicitation ? kSourceLinkLayerOption : kTargetLinkLayerOption, malformed);
    if (malformed || target.is_multicast() || (mac && !is_unicast(*mac))) {
        ++num_refused_;
        return;
    }
    if (is_solicitation) on_solicitation(interface, source, target, mac, now);
    if (type == kNeighbourAdvertisement) on_advertisement(interface, target, mac, flags, now);
}

void Neighbours::on_solicitation(std::uint16_t interface, const Address& source, const Address& target,
                                 const std::optional<MacAddress>& mac, Time now) {
    if (!is_own(interface, target)) return;
    if (source.is_unspecified()) {  // somebody's duplicate address detection (RFC 4862 §5.4.3)
        const Address all_nodes = *Address::parse("ff02::1");
        send_advertisement(interface, target, multicast_mac(all_nodes), all_nodes, false);
        return;
    }
    const Key key{interface, source};
    const bool neighbour = on_link(interface, source) != nullptr || source.is_link_local();
    if (!neighbour || is_own(interface, source)) {
        ++num_refused_;
        return;
    }
    if (mac) learn(key, *mac, true, now);
    // A unicast solicitation may leave the option out (RFC 4861 §4.3); answer who is known.
    const auto known = entries_.find(key);
    if (known == entries_.end() || known->second.mac == MacAddress{}) return;
    send_advertisement(interface, target, known->second.mac, source, true);
}

void Neighbours::on_advertisement(std::uint16_t interface, const Address& target,
                                  const std::optional<MacAddress>& mac, std::uint32_t flags, Time now) {
    if (is_own(interface, target)) {
        ++num_refused_;
        return;
    }
    const auto it = entries_.find({interface, target});
    if (it == entries_.end()) return;  // RFC 4861 §7.2.5: no entry, no interest
    const bool unresolved = is_unresolved(it->second);
    const bool same = !mac || *mac == it->second.mac;
    if (mac && (unresolved || (flags & kOverrideFlag) != 0))
        learn(it->first, *mac, false, now);
    else if (!unresolved && same && (flags & kSolicitedFlag) != 0)
        learn(it->first, it->second.mac, false, now);
}

void Neighbours::on_timer(Time now) {
    while (!due_.empty() && due_.begin()->first <= now) on_deadline(entries_.find(due_.begin()->second), now);
}

void Neighbours::on_deadline(Entries::iterator at, Time now) {
    const Key& key = at->first;
    Entry& entry = at->second;
    if (entry.state == State::failed) {
        remove(at);
        return;
    }
    if (entry.state == State::reachable) {
        set_state(key, entry, State::probe);
        entry.num_solicits = 0;
    }
    if (entry.num_solicits < settings_.max_solicits) {
        solicit(key, entry, now);
    } else {
        set_state(key, entry, State::failed);
        set_deadline(key, entry, now + settings_.failed_for);
        actions_.push_back(Lost{key.interface, key.address});
    }
}

Time Neighbours::next_deadline() const {
    return due_.empty() ? kNever : due_.begin()->first;
}

std::optional<NeighbourAction> Neighbours::next_action() {
    if (actions_.empty()) return std::nullopt;
    NeighbourAction action = std::move(actions_.front());
    actions_.pop_front();
    return action;
}

std::vector<NeighbourStatus> Neighbours::status(Time now) const {
    static constexpr std::string_view kNames[] = {"incomplete", "reachable", "probe", "failed"};
    std::vector<NeighbourStatus> all;
    for (const auto& [key, entry] : entries_)
        all.push_back({key.interface, key.address, entry.mac, kNames[static_cast<int>(entry.state)],
                       entry.confirmed == Time{} ? Duration{} : now - entry.confirmed});
    return all;
}

}  // namespace oegate::route
