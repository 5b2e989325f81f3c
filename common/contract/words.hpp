// The operator's words (operations.md, Words) as enums shared by both planes, and
// their one spelling in output and configuration.
#pragma once

#include <cstdint>
#include <string_view>

#include "contract/esp_suite.hpp"

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
/// sleeps a little after many empty polls, for machines with few cores; `interrupt`
/// sleeps until a port has something, where its driver can say so.
enum class IdleMode : std::uint8_t { busy, adaptive, interrupt };

/// Check of a source address against the routes (RFC 3704): `strict`, the way back
/// leads out of the interface it came in on; `loose`, there is a way back.
/// `automatic`: strict inside, loose outside.
enum class SourceCheck : std::uint8_t { automatic, off, loose, strict };

/// DF of the outer IPv4 header (RFC 4301 §8.1); for IPv6 inside, `copy` means set.
enum class DfPolicy : std::uint8_t { copy, set, clear };

std::string_view to_text(FlowState);
std::string_view to_text(ClassKind);
std::string_view to_text(Verdict);
std::string_view to_text(InterfaceRole);
std::string_view to_text(IdleMode);
std::string_view to_text(SourceCheck);
std::string_view to_text(DfPolicy);

}  // namespace oegate
