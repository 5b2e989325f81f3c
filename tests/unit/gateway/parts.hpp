// What the tests of a whole gateway share: its key, and a crypto pool that works when told.
#pragma once

#include <deque>
#include <string>

#include "catch.hpp"
#include "gateway/gateway.hpp"
#include "ike/crypto/rsa.hpp"

namespace whole_gateway {

using namespace oegate;

inline const ike::PrivateKey& key() {
    static const ike::PrivateKey made = ike::PrivateKey::generate(2048).value();
    return made;
}

inline Address ip(const std::string& text) {
    return Address::parse(text).value();
}

inline Address nth_address(unsigned n) {
    return Address::ipv4(0xC6120000u + n);  // 198.18.0.0 and on
}

class Pool final : public ike::CryptoPool {
  public:
    void submit(ike::Job job) override { jobs.push_back(std::move(job)); }
    std::deque<ike::Job> jobs;
};

}  // namespace whole_gateway
