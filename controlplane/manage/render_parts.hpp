// Pieces that more than one page of `show` contains. Pure; used by the renderers.
#pragma once

#include <optional>
#include <string>

#include "manage/protocol.hpp"
#include "manage/provider.hpp"
#include "manage/text.hpp"

namespace oegate::manage {

inline Json optional_seconds(const std::optional<Duration>& duration) {
    return duration ? Json(seconds(*duration)) : Json(nullptr);
}
std::string spi_text(std::uint32_t spi);
Json ike_json(const gateway::IkeView& channel);
Json dns_json(const gateway::DnsView& answer);

}  // namespace oegate::manage
