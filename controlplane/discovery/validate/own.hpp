// Own validation (dns.validation: own): judges answers against the trust anchors, with no
// need to believe any resolver. Made at start-up by the gateway, asked by discovery. Opens
// no socket and reads no clock but the one that is handed in.
#pragma once

#include <functional>
#include <memory>

#include "base/result.hpp"
#include "discovery/validate/anchors.hpp"
#include "discovery/validator.hpp"

namespace oegate::discovery::validate {

/// wall_seconds: since the epoch; signatures are judged by it.
std::unique_ptr<Validator> make_validator(Anchors anchors, std::function<std::int64_t()> wall_seconds);
/// With the anchors of a file. The error is one line that says what to do.
Result<std::unique_ptr<Validator>, std::string> make_validator(const std::string& anchors_file,
                                                               std::function<std::int64_t()> wall_seconds);

}  // namespace oegate::discovery::validate
