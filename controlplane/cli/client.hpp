// The client side of the management socket: one request, one answer, a deadline.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "base/result.hpp"
#include "manage/protocol.hpp"

namespace oegate::cli {

/// A failure is a Response too: what went wrong, what to do, the exit status.
manage::Response ask(const std::string& socket, const manage::Request& request,
                     std::chrono::milliseconds timeout);

/// Answers without end, as to `monitor`, until the daemon goes, `more` says false, or so
/// long has passed (zero: no bound). The first must come within the timeout.
manage::Response follow(const std::string& socket, const manage::Request& request,
                        std::chrono::milliseconds timeout, std::chrono::seconds longest,
                        const std::function<bool(const manage::Response&)>& more);

}  // namespace oegate::cli
