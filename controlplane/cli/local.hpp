// The verbs that need no daemon: check a configuration, make a key, print the DNS
// records to publish. Each prints by itself and returns the exit status.
#pragma once

#include <string>
#include <vector>

#include "manage/protocol.hpp"

namespace oegate::cli {

manage::Status config_check(const std::string& file, bool check_files, bool json);
/// docs/configuration.md.
manage::Status config_document();

manage::Status key_generate(const std::string& out, unsigned bits, bool json);

struct RecordsRequest {
    std::string key;                      // PEM file
    std::string gateway;                  // address
    std::vector<std::string> hosts;       // addresses
    std::vector<std::string> hosts_more;  // the same, as positional arguments
    unsigned precedence = 10;
    unsigned ttl = 3600;
    bool key_records = false;
};
manage::Status dns_records(const RecordsRequest& request, bool json);

}  // namespace oegate::cli
