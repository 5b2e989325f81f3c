// The operator's words (operations.md, Words) as enums shared by both planes, and
// their one spelling in output and configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace oegate {

/// State of a pair in the SPD cache (OE draft §3.1).
enum class FlowState : std::uint8_t { none, hold, pass, deny, encrypt };

/// Connection classes (OE draft §3.2, keying.md). none: no class matches.
enum class ClassKind : std::uint8_t {
    none,
    deny,
    always_clear_text,
    oe_permissive,
    oe_paranoid,
    configured,
    oe_accept_only,
};

/// How far DNSSEC lets an answer be trusted (RFC 4033 §5).
enum class Verdict : std::uint8_t { secure, insecure, bogus, indeterminate };

enum class InterfaceRole : std::uint8_t { inside, outside, management };

/// Worker behaviour when there is nothing to do: `busy` polls for ever, `adaptive`
/// sleeps a little after many empty polls, for machines with few cores.
enum class IdleMode : std::uint8_t { busy, adaptive };

/// ESP transforms (RFC 4106; 16-byte ICV).
enum class EspSuite : std::uint8_t { aes_gcm_16_128, aes_gcm_16_256 };

/// Key bytes without the 4-byte salt.
constexpr std::size_t key_len(EspSuite suite) {
    return suite == EspSuite::aes_gcm_16_128 ? 16 : 32;
}

std::string_view to_text(FlowState);
std::string_view to_text(ClassKind);
std::string_view to_text(Verdict);
std::string_view to_text(InterfaceRole);
std::string_view to_text(IdleMode);
std::string_view to_text(EspSuite);

std::optional<ClassKind> class_from_text(std::string_view);
std::optional<InterfaceRole> role_from_text(std::string_view);
std::optional<IdleMode> idle_mode_from_text(std::string_view);

}  // namespace oegate
