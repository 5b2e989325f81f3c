#include "tables/sad.hpp"

#include <algorithm>

#include "base/secret.hpp"

namespace oegate {
namespace {

constexpr std::uint64_t kUnlimited = UINT64_MAX;

/// Rekeying starts before the sequence numbers run out, whatever control asked for.
constexpr std::uint64_t soft_sequence(bool esn) {
    return esp::last_sequence(esn) - esp::last_sequence(esn) / 16;
}

/// The count from which the limits must be looked at.
std::uint64_t next_of(std::uint64_t soft, std::uint64_t hard, bool soft_told) {
    const std::uint64_t first = soft == 0 || soft_told ? kUnlimited : soft;
    return std::min(first, hard == 0 ? kUnlimited : hard);
}

template <class Sa>
void arm(Sa& sa, const SaCold& cold, std::uint64_t now_ns) {
    sa.next_packets = next_of(cold.limits.soft_packets, cold.limits.hard_packets, cold.soft_told);
    sa.next_bytes = next_of(cold.limits.soft_bytes, cold.limits.hard_bytes, cold.soft_told);
    sa.check_at = next_check(cold, now_ns);
}

template <class Sa>
void set_suite(Sa& sa, const SaKey& key) {
    sa.suite = key.suite;
    sa.salt = key.salt;
    sa.front_len = static_cast<std::uint8_t>(esp::front_len(key.suite));
    sa.icv_len = static_cast<std::uint8_t>(esp::icv_len(key.suite));
    sa.alignment = static_cast<std::uint8_t>(esp::alignment(key.suite));
}

bool known_suite(const SaKey& key) {
    return static_cast<std::size_t>(key.suite) < kNumEspSuites;
}

void wipe(std::uint8_t* key, std::size_t num_bytes) {
    zeroise({key, num_bytes});
}

}  // namespace

Tick next_check(const SaCold& cold, std::uint64_t now_ns) {
    // Ticks are compared by their difference, which half of their range bounds: an SA
    // without limits is looked at once a year, in vain.
    constexpr Tick kFar = 0x7fffffff;
    const std::uint64_t age = next_of(cold.limits.soft_ns, cold.limits.hard_ns, cold.soft_told);
    const Tick now = to_tick(now_ns);
    if (age > ticks_to_ns(kFar)) return now + kFar;
    const Tick at = to_tick(cold.installed_ns + age);
    return static_cast<std::int32_t>(at - now) > 0 ? at : now;
}

Limit reached(const SaCold& cold, std::uint64_t packets, std::uint64_t bytes, std::uint64_t now_ns) {
    const auto over = [](std::uint64_t value, std::uint64_t limit) { return limit != 0 && value >= limit; };
    const SaLimits& limits = cold.limits;
    const std::uint64_t age = now_ns > cold.installed_ns ? now_ns - cold.installed_ns : 0;
    if (!cold.hard_told &&
        (over(packets, limits.hard_packets) || over(bytes, limits.hard_bytes) || over(age, limits.hard_ns)))
        return Limit::hard;
    if (!cold.soft_told &&
        (over(packets, limits.soft_packets) || over(bytes, limits.soft_bytes) || over(age, limits.soft_ns)))
        return Limit::soft;
    return Limit::none;
}

Sad::Sad(std::uint32_t num_slots, std::uint32_t replay_window, const esp::Crypto& crypto)
    : num_slots_(std::min(num_slots, Spi::kMaxSlots)),
      replay_window_(std::min(replay_window, esp::kMaxWindow) / esp::kWindowStep * esp::kWindowStep),
      words_(esp::replay_words(replay_window_)),
      key_len_(esp::Crypto::expanded_len()),
      crypto_(crypto),
      inbound_(num_slots_),
      outbound_(num_slots_),
      inbound_keys_(num_slots_ * key_len_),
      outbound_keys_(num_slots_ * key_len_),
      bitmaps_(std::size_t{num_slots_} * words_),
      inbound_cold_(num_slots_),
      outbound_cold_(num_slots_) {}

std::size_t Sad::memory(std::uint32_t num_slots, std::uint32_t replay_window) {
    return std::size_t{num_slots} * (sizeof(InboundSa) + sizeof(OutboundSa) + 2 * sizeof(SaCold) +
                                     2 * esp::Crypto::expanded_len() + 8 * esp::replay_words(replay_window));
}

bool Sad::install(const InstallInbound& command, std::uint64_t now_ns) {
    const std::uint32_t slot = command.ref.slot;
    if (slot >= num_slots_ || Spi::slot(command.spi) != slot || command.spi == 0 ||
        command.local.family() != command.remote.family() || !known_suite(command.key))
        return false;
    InboundSa& sa = inbound_[slot];
    if (sa.state == SaState::free) ++num_inbound_;
    inbound_high_ = std::max(inbound_high_, slot + 1);
    wipe(inbound_keys_.data() + slot * key_len_, key_len_);
    crypto_.expand(Direction::inbound, command.key, inbound_keys_.data() + slot * key_len_);
    const std::span<std::uint64_t> bits = bitmap(slot);
    std::fill(bits.begin(), bits.end(), 0);
    SaCold& cold = inbound_cold_[slot];
    cold = {command.limits,         now_ns, command.pair, command.udp,
            command.ref.generation, false,  false,        to_tick(now_ns)};
    sa = InboundSa{};
    sa.spi = command.spi;
    set_suite(sa, command.key);
    sa.state = SaState::live;
    sa.report_first = command.report_first;
    sa.esn = command.esn;
    sa.replay.window = std::min(command.replay_window / esp::kWindowStep * esp::kWindowStep, replay_window_);
    sa.outer = outer_mark({command.remote, command.local});
    sa.pair = command.pair;
    sa.source_bits = std::min<std::uint8_t>(command.source_bits, 128);
    sa.destination_bits = std::min<std::uint8_t>(command.destination_bits, 128);
    sa.selectors_exact = sa.source_bits == 128 && sa.destination_bits == 128;
    arm(sa, cold, now_ns);
    return true;
}

bool Sad::install(const InstallOutbound& command, std::uint64_t now_ns) {
    const std::uint32_t slot = command.ref.slot;
    if (slot >= num_slots_ || command.local.family() != command.remote.family() || !known_suite(command.key))
        return false;
    OutboundSa& sa = outbound_[slot];
    if (sa.state == SaState::free) ++num_outbound_;
    outbound_high_ = std::max(outbound_high_, slot + 1);
    wipe(outbound_keys_.data() + slot * key_len_, key_len_);
    crypto_.expand(Direction::outbound, command.key, outbound_keys_.data() + slot * key_len_);
    SaCold& cold = outbound_cold_[slot];
    cold = {command.limits,         now_ns, command.pair, command.udp,
            command.ref.generation, false,  false,        to_tick(now_ns)};
    cold.limits.soft_packets = std::min(cold.limits.soft_packets == 0 ? kUnlimited : cold.limits.soft_packets,
                                        soft_sequence(command.esn));
    sa = OutboundSa{};
    sa.outer = esp::make_outer(command.local, command.remote, command.udp, command.spi);
    sa.spi = command.spi;
    sa.generation = command.ref.generation;
    set_suite(sa, command.key);
    sa.head_len = static_cast<std::uint8_t>(sa.outer.len + sa.front_len);
    sa.mtu = command.mtu;
    sa.state = SaState::live;
    sa.esn = command.esn;
    sa.policy = command.outer;
    arm(sa, cold, now_ns);
    return true;
}

bool Sad::remove(Direction direction, const SaRef& ref) {
    if (direction == Direction::inbound) {
        InboundSa* sa = inbound(ref);
        if (sa == nullptr) return false;
        wipe(inbound_keys_.data() + ref.slot * key_len_, key_len_);
        *sa = InboundSa{};
        --num_inbound_;
        return true;
    }
    OutboundSa* sa = outbound(ref);
    if (sa == nullptr) return false;
    wipe(outbound_keys_.data() + ref.slot * key_len_, key_len_);
    *sa = OutboundSa{};
    --num_outbound_;
    return true;
}

void Sad::rearm(InboundSa& sa, std::uint64_t now_ns) {
    arm(sa, inbound_cold_[slot_of(sa)], now_ns);
}

void Sad::rearm(OutboundSa& sa, std::uint64_t now_ns) {
    arm(sa, outbound_cold_[slot_of(sa)], now_ns);
}

}  // namespace oegate
