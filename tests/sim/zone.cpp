#include "zone.hpp"

#include "base/cursor.hpp"

namespace oegate::sim {
namespace {

/// A final dot is expected.
void put_name(Writer& out, const std::string& name) {
    std::size_t from = 0;
    while (from < name.size()) {
        const std::size_t dot = name.find('.', from);
        out.u8(static_cast<std::uint8_t>(dot - from)).put(as_bytes(name.substr(from, dot - from)));
        from = dot + 1;
    }
    out.u8(0);
}

std::uint32_t seconds(Duration d) {
    return static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::seconds>(d).count());
}

}  // namespace

void Zone::delegate(const Address& host, const Address& gateway, const PublicKey& key,
                    std::uint8_t precedence) {
    Writer rdata;  // RFC 4025 §2.1
    rdata.u8(precedence).u8(gateway.is_ipv4() ? 1 : 2).u8(2).put(gateway.wire()).put(key.data);
    put(host.reverse_name(), kIpseckey, std::move(rdata).take());
}

void Zone::delegate_without_key(const Address& host, const Address& gateway, std::uint8_t precedence) {
    Writer rdata;
    rdata.u8(precedence).u8(gateway.is_ipv4() ? 1 : 2).u8(0).put(gateway.wire());
    put(host.reverse_name(), kIpseckey, std::move(rdata).take());
}

void Zone::delegate_to_name(const Address& host, const std::string& gateway, const PublicKey* key,
                            std::uint8_t precedence) {
    Writer rdata;
    rdata.u8(precedence).u8(3).u8(key ? 2 : 0);
    put_name(rdata, gateway);
    if (key) rdata.put(key->data);
    put(host.reverse_name(), kIpseckey, std::move(rdata).take());
}

void Zone::delegate_by_txt(const Address& host, const std::string& gateway, const PublicKey* key,
                           std::uint16_t precedence) {
    std::string text = "X-IPsec-Server(" + std::to_string(precedence) + ")=" + gateway;
    if (key) text += " " + to_base64(key->data);
    Writer rdata;
    for (std::size_t from = 0; from < text.size(); from += 201) {
        const std::string part = text.substr(from, 201);
        rdata.u8(static_cast<std::uint8_t>(part.size())).put(as_bytes(part));
    }
    put(host.reverse_name(), kTxt, std::move(rdata).take());
}

void Zone::delegate_to_identity(const Address& host, const std::string& name, const PublicKey& key) {
    delegate_by_txt(host, "@" + name, &key);
}

void Zone::break_records(const Address& host) {
    forget(host);
    put(host.reverse_name(), kIpseckey, Bytes{10, 1, 2, 192, 2});
    has_malformed = true;
}

void Zone::publish_key(const std::string& name, const PublicKey& key) {
    Writer rdata;
    rdata.u16(0x4200).u8(4).u8(1).put(key.data);
    put(name, kKey, std::move(rdata).take());
}

void Zone::publish_address(const std::string& name, const Address& address) {
    const auto wire = address.wire();
    put(name, address.is_ipv4() ? kA : kAaaa, Bytes(wire.begin(), wire.end()));
}

Zone::Mood Zone::mood_of(const std::string& name) const {
    for (const auto& [end, m] : moods)
        if (name.ends_with(end)) return m;
    return mood;
}

Bytes Zone::answer(ByteView query) const {
    Reader in(query);
    const std::uint16_t id = in.u16();
    const std::uint16_t flags = in.u16();
    in.skip(8);
    const std::size_t start = in.offset();
    std::string name;
    while (const std::size_t len = in.u8()) {
        const ByteView label = in.take(len);
        name.append(label.begin(), label.end());
        name += '.';
    }
    const std::uint16_t type = in.u16();
    in.u16();
    if (!in.ok()) return {};
    const ByteView question = query.subspan(start, in.offset() - start);
    const bool cd = (flags >> 4 & 1) != 0;
    const Mood m = mood_of(name);
    if (m == Mood::silent) return {};
    const bool servfail = m == Mood::lame || (m == Mood::tampered && !cd);
    const auto it = servfail ? records_.end() : records_.find({name, type});
    const bool found = it != records_.end();
    constexpr unsigned kAd = 0x20, kCd = 0x10, kServfail = 2;
    const unsigned judged = servfail ? kServfail : !cd && m == Mood::signed_ ? kAd : 0;
    Writer out;
    out.u16(id).u16(static_cast<std::uint16_t>(0x8180 | (cd ? kCd : 0) | judged)).u16(1);
    out.u16(found ? static_cast<std::uint16_t>(it->second.size()) : 0);
    out.u16(found || servfail ? 0 : 1).u16(0).put(question);
    if (found) {
        for (const Bytes& rdata : it->second)
            out.u16(0xc00c)
                .u16(type)
                .u16(1)
                .u32(seconds(ttl))
                .u16(static_cast<std::uint16_t>(rdata.size()))
                .put(rdata);
    } else if (!servfail) {  // SOA of the root
        out.u8(0).u16(kSoa).u16(1).u32(seconds(negative_ttl)).u16(2 + 20).u8(0).u8(0);
        out.u32(1).u32(7200).u32(3600).u32(1209600).u32(seconds(negative_ttl));
    }
    return std::move(out).take();
}

}  // namespace oegate::sim
