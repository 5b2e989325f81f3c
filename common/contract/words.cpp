#include "contract/words.hpp"

#include <array>

namespace oegate {
namespace {

template <class E>
struct Word {
    E value;
    std::string_view text;
};
// clang-16 deduces nothing for an aggregate by itself.
template <class E>
Word(E, std::string_view) -> Word<E>;

constexpr std::array kFlowStates{
    Word{FlowState::none, "none"}, Word{FlowState::hold, "hold"},       Word{FlowState::pass, "pass"},
    Word{FlowState::deny, "deny"}, Word{FlowState::encrypt, "encrypt"},
};
constexpr std::array kClasses{
    Word{ClassKind::none, "none"},
    Word{ClassKind::deny, "deny"},
    Word{ClassKind::always_clear_text, "always-clear-text"},
    Word{ClassKind::oe_permissive, "oe-permissive"},
    Word{ClassKind::oe_paranoid, "oe-paranoid"},
    Word{ClassKind::configured, "configured"},
    Word{ClassKind::oe_accept_only, "oe-accept-only"},
};
constexpr std::array kVerdicts{
    Word{Verdict::secure, "secure"},
    Word{Verdict::insecure, "insecure"},
    Word{Verdict::bogus, "bogus"},
    Word{Verdict::indeterminate, "indeterminate"},
};
constexpr std::array kRoles{
    Word{InterfaceRole::inside, "inside"},
    Word{InterfaceRole::outside, "outside"},
    Word{InterfaceRole::management, "management"},
};
constexpr std::array kIdleModes{
    Word{IdleMode::busy, "busy"},
    Word{IdleMode::adaptive, "adaptive"},
    Word{IdleMode::interrupt, "interrupt"},
};
constexpr std::array kSourceChecks{
    Word{SourceCheck::automatic, "automatic"},
    Word{SourceCheck::off, "off"},
    Word{SourceCheck::loose, "loose"},
    Word{SourceCheck::strict, "strict"},
};
constexpr std::array kDfPolicies{
    Word{DfPolicy::copy, "copy"},
    Word{DfPolicy::set, "set"},
    Word{DfPolicy::clear, "clear"},
};

template <class Table, class E>
std::string_view find_text(const Table& table, E value) {
    for (const auto& word : table)
        if (word.value == value) return word.text;
    return "?";
}

}  // namespace

std::string_view to_text(FlowState value) {
    return find_text(kFlowStates, value);
}
std::string_view to_text(ClassKind value) {
    return find_text(kClasses, value);
}
std::string_view to_text(Verdict value) {
    return find_text(kVerdicts, value);
}
std::string_view to_text(InterfaceRole value) {
    return find_text(kRoles, value);
}
std::string_view to_text(IdleMode value) {
    return find_text(kIdleModes, value);
}
std::string_view to_text(SourceCheck value) {
    return find_text(kSourceChecks, value);
}
std::string_view to_text(DfPolicy value) {
    return find_text(kDfPolicies, value);
}

}  // namespace oegate
