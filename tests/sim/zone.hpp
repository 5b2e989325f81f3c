// The virtual resolver: answers IPSECKEY at reverse names from a list, everything else
// with signed absence. Written to the wire format by hand, so that discovery reads
// bytes that its own code did not make.
#pragma once

#include <map>
#include <string>

#include "base/cursor.hpp"
#include "net/identity.hpp"

namespace oegate::sim {

class Zone {
  public:
    enum class Mood : std::uint8_t { signed_, tampered, lame };
    Mood mood = Mood::signed_;

    void delegate(const Address& host, const Address& gateway, const PublicKey& key,
                  std::uint8_t precedence = 10) {
        Writer rdata;  // RFC 4025 §2.1
        rdata.u8(precedence).u8(gateway.is_ipv4() ? 1 : 2).u8(2).put(gateway.wire()).put(key.data);
        records_[host.reverse_name()].push_back(std::move(rdata).take());
    }
    void forget(const Address& host) { records_.erase(host.reverse_name()); }

    /// Empty: the query is not understood.
    Bytes answer(ByteView query) const {
        Reader in(query);
        const std::uint16_t id = in.u16();
        const std::uint16_t flags = in.u16();
        in.skip(8);
        const std::size_t start = in.offset();
        std::string name;
        while (const std::size_t len = in.u8()) {
            const ByteView label = in.take(len);
            name += std::string(label.begin(), label.end()) + ".";
        }
        const std::uint16_t type = in.u16();
        in.u16();
        if (!in.ok()) return {};
        const ByteView question = query.subspan(start, in.offset() - start);
        const bool cd = (flags >> 4 & 1) != 0;
        const bool servfail = mood == Mood::lame || (mood == Mood::tampered && !cd);
        const auto it = type == 45 && !servfail ? records_.find(name) : records_.end();
        const bool found = it != records_.end();
        Writer out;
        out.u16(id).u16(static_cast<std::uint16_t>(0x8180 | (cd ? 0x10 : 0) |
                                                   (servfail ? 2
                                                    : cd     ? 0
                                                             : 0x20)));
        out.u16(1)
            .u16(found ? static_cast<std::uint16_t>(it->second.size()) : 0)
            .u16(found || servfail ? 0 : 1)
            .u16(0);
        out.put(question);
        if (found)
            for (const Bytes& rdata : it->second)
                out.u16(0xc00c)
                    .u16(45)
                    .u16(1)
                    .u32(3600)
                    .u16(static_cast<std::uint16_t>(rdata.size()))
                    .put(rdata);
        if (!found && !servfail) {
            out.u8(0).u16(6).u16(1).u32(60).u16(2 + 20).u8(0).u8(0);  // SOA of the root
            out.u32(1).u32(7200).u32(3600).u32(1209600).u32(60);
        }
        return std::move(out).take();
    }

  private:
    std::map<std::string, std::vector<Bytes>> records_;
};

}  // namespace oegate::sim
