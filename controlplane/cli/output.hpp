// How the commands that run here, without the daemon, say what came of them.
#pragma once

#include <cstdio>
#include <string>

#include "manage/protocol.hpp"

namespace oegate::cli {

inline void print(std::FILE* to, const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), to);
}
inline void print_json(const manage::Json& json) {
    print(stdout, json.dump(2, ' ', false, manage::Json::error_handler_t::replace) + "\n");
}
/// The text for people, always on standard error.
inline manage::Status refuse(manage::Status status, const std::string& text) {
    print(stderr, "oegate: " + text + "\n");
    return status;
}

}  // namespace oegate::cli
