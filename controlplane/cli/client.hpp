// The client side of the management socket: one request, one answer, a deadline.
#pragma once

#include <chrono>
#include <string>

#include "base/result.hpp"
#include "manage/protocol.hpp"

namespace oegate::cli {

/// A failure is a Response too: what went wrong, what to do, the exit status.
manage::Response ask(const std::string& socket, const manage::Request& request,
                     std::chrono::milliseconds timeout);

}  // namespace oegate::cli
