// An address and port translator in front of one gateway: what comes from inside opens a
// port, and only its answers come back. IPv6 passes as it is.
#pragma once

#include <map>
#include <set>

#include "packet.hpp"

namespace oegate::sim {

class Translator {
  public:
    Translator(const Address& inside, const Address& outside) : inside_(inside), outside_(outside) {}

    const Address& outside() const { return outside_; }
    /// false: it cannot pass.
    bool out(ike::SendDatagram& d) {
        if (d.local.address != inside_) return true;
        d.local = {outside_, port_of(d.local.port)};
        known_.insert(d.remote.address);
        return true;
    }
    bool in(ike::SendDatagram& d) const {
        if (d.remote.address != outside_) return d.remote.address != inside_;
        for (const auto& [inner, outer] : ports_)
            if (outer == d.remote.port && known_.contains(d.local.address)) {
                d.remote = {inside_, inner};
                return true;
            }
        return false;
    }
    bool out(Esp& esp) {
        if (esp.local != inside_) return true;
        if (!esp.udp.used()) return false;  // plain ESP has no port
        esp.local = outside_;
        esp.udp.local = port_of(esp.udp.local);
        known_.insert(esp.remote);
        return true;
    }
    bool in(Esp& esp) const {
        if (esp.remote != outside_) return esp.remote != inside_;
        for (const auto& [inner, outer] : ports_)
            if (outer == esp.udp.remote && known_.contains(esp.local)) {
                esp.remote = inside_;
                esp.udp.remote = inner;
                return true;
            }
        return false;
    }

  private:
    std::uint16_t port_of(std::uint16_t inner) {
        return ports_.try_emplace(inner, static_cast<std::uint16_t>(20000 + inner)).first->second;
    }
    Address inside_, outside_;
    std::map<std::uint16_t, std::uint16_t> ports_;
    std::set<Address> known_;
};

}  // namespace oegate::sim
