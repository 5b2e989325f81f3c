#include "ike/wire/error.hpp"

#include <fmt/format.h>

namespace oegate::ike::wire {

std::string_view to_text(Field field) {
    switch (field) {
#define X(id, text) \
    case Field::id: \
        return text;
        OEGATE_IKE_FIELDS(X)
#undef X
    }
    return "unknown field";
}

std::string ParseError::text() const {
    if (payload == PayloadType::none) return fmt::format("IKE header: {}", to_text(field));
    return fmt::format("{} payload: {}", to_text(payload), to_text(field));
}

NotifyType ParseError::notify() const {
    switch (field) {
        case Field::critical:
            return NotifyType::unsupported_critical_payload;
        case Field::major_version:
            return NotifyType::invalid_major_version;
        default:
            return NotifyType::invalid_syntax;
    }
}

}  // namespace oegate::ike::wire
