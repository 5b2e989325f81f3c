// The virtual resolver: IPSECKEY, TXT, KEY, A and AAAA at the names of a list, absence
// everywhere else. Written to the wire format by hand, so that discovery reads bytes
// that its own code did not make. It validates: AD is its judgement.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "net/identity.hpp"

namespace oegate::sim {

class Zone {
  public:
    /// unsigned_: answers without AD. tampered: SERVFAIL, but data when CD is set. lame:
    /// SERVFAIL. silent: no answer.
    enum class Mood : std::uint8_t { signed_, unsigned_, tampered, lame, silent };
    Mood mood = Mood::signed_;          // of names that no entry of moods ends
    std::map<std::string, Mood> moods;  // by the end of a name: "1.192.in-addr.arpa."
    Duration ttl = 1h;
    Duration negative_ttl = 60s;

    static constexpr std::uint16_t kA = 1, kSoa = 6, kTxt = 16, kKey = 25, kAaaa = 28, kIpseckey = 45;

    void delegate(const Address& host, const Address& gateway, const PublicKey& key,
                  std::uint8_t precedence = 10);
    /// Algorithm 0: the key is at the gateway's own name (p.key).
    void delegate_without_key(const Address& host, const Address& gateway, std::uint8_t precedence = 10);
    /// Gateway type 3; key may be null.
    void delegate_to_name(const Address& host, const std::string& gateway, const PublicKey* key,
                          std::uint8_t precedence = 10);
    /// X-IPsec-Server(P)=gateway [key], cut into strings at an odd place.
    void delegate_by_txt(const Address& host, const std::string& gateway, const PublicKey* key,
                         std::uint16_t precedence = 10);
    /// X-IPsec-Server(P)=@name key: an identity, no place to go to.
    void delegate_to_identity(const Address& host, const std::string& name, const PublicKey& key);
    /// An IPSECKEY whose gateway is cut off.
    void break_records(const Address& host);
    /// A KEY record (RFC 3445).
    void publish_key(const std::string& name, const PublicKey& key);
    void publish_address(const std::string& name, const Address& address);
    void put(const std::string& name, std::uint16_t type, Bytes rdata) {
        records_[{name, type}].push_back(std::move(rdata));
    }
    void forget(const std::string& name) {
        std::erase_if(records_, [&](const auto& r) { return r.first.first == name; });
    }
    void forget(const Address& host) { forget(host.reverse_name()); }

    /// Who asks now may be told what is not so: SERVFAIL first and data a moment later look
    /// like a forgery too.
    bool misleads() const {
        const auto bad = [](Mood m) { return m == Mood::tampered || m == Mood::lame; };
        bool any = bad(mood) || has_malformed;
        for (const auto& [end, m] : moods) any = any || bad(m);
        return any;
    }
    bool has_malformed = false;
    /// Empty: nobody answers.
    Bytes answer(ByteView query) const;

  private:
    Mood mood_of(const std::string& name) const;
    std::map<std::pair<std::string, std::uint16_t>, std::vector<Bytes>> records_;
};

}  // namespace oegate::sim
