// `oegate trace`: begins a trace, prints what it finds as it comes, ends with it. And the
// options of `capture start` as the daemon wants them. The daemon is reached by `ask`.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "manage/protocol.hpp"

namespace oegate::cli {

using Ask = std::function<manage::Response(const std::string& verb, const std::vector<std::string>& arguments,
                                           bool json)>;

struct TraceRequest {
    std::vector<std::string> pair;
    std::string protocol;
    unsigned count = 1;
    unsigned seconds = 30;
};
/// Until it has ended, or the user interrupts it, which ends it too.
manage::Status trace(const TraceRequest& request, bool json, const Ask& ask);

struct CaptureRequest {
    std::string name;
    std::string interface;
    std::vector<std::string> drops;  // none or one reason
    bool all_drops = false;          // --drops was there
    bool decrypted = false;
    std::vector<std::string> pair;
    std::string snaplen, seconds, packets, size;  // empty: the daemon's default
};
std::vector<std::string> arguments_of(const CaptureRequest& request);

struct MonitorRequest {
    std::vector<std::string> hosts;  // [SRC [DST]]
    unsigned count = 0;              // it ends after so many transitions; 0: never
    unsigned seconds = 0;            // 0: never
};
/// Prints lines as they come, with json one object a line.
manage::Status monitor(const std::string& socket, const MonitorRequest& request, bool json,
                       std::chrono::milliseconds timeout);

}  // namespace oegate::cli
