#include "contract/words.hpp"

#include "base/word_table.hpp"

namespace oegate {
namespace {

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

}  // namespace

std::string_view to_text(FlowState value) {
    return word_of(kFlowStates, value);
}
std::string_view to_text(ClassKind value) {
    return word_of(kClasses, value);
}
std::string_view to_text(Verdict value) {
    return word_of(kVerdicts, value);
}
std::string_view to_text(InterfaceRole value) {
    return word_of(kRoles, value);
}
std::string_view to_text(IdleMode value) {
    return word_of(kIdleModes, value);
}
std::string_view to_text(SourceCheck value) {
    return word_of(kSourceChecks, value);
}
std::string_view to_text(DfPolicy value) {
    return word_of(kDfPolicies, value);
}

}  // namespace oegate
