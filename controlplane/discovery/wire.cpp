#include "discovery/wire.hpp"

#include <cstdlib>
#include <memory>
#include <optional>

#include "base/cursor.hpp"

// Last, because it makes macros of bool, true and false.
#include <ldns/ldns.h>
#undef bool
#undef true
#undef false

namespace oegate::discovery {
namespace {

constexpr std::uint16_t kClassIn = 1;
constexpr std::uint16_t kTypeOpt = 41;
constexpr std::uint16_t kUdpPayload = 1232;  // fits an IPv6 minimum MTU unfragmented

struct FreeName {
    void operator()(ldns_rdf* name) const { ldns_rdf_deep_free(name); }
};
struct FreePacket {
    void operator()(ldns_pkt* packet) const { ldns_pkt_free(packet); }
};
struct FreeMemory {
    void operator()(void* memory) const { std::free(memory); }
};
using Name = std::unique_ptr<ldns_rdf, FreeName>;

std::string text_of(const ldns_rdf* name) {
    const std::unique_ptr<char, FreeMemory> text(ldns_rdf2str(name));
    if (!text) return {};
    std::string lower = text.get();
    for (char& c : lower)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (lower.empty() || lower.back() != '.') lower += '.';
    return lower;
}

/// Walks a message; every read is checked against its end.
class MessageReader {
  public:
    explicit MessageReader(ByteView bytes) : bytes_(bytes) {}

    Result<Message, WireError> read();

  private:
    std::size_t left() const { return bytes_.size() - at_; }
    std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
    std::uint32_t number(std::size_t width) {
        if (left() < width) return note(WireError::truncated);
        std::uint32_t value = 0;
        for (std::size_t i = 0; i < width; ++i) value = value << 8 | bytes_[at_++];
        return value;
    }
    /// The first error stands.
    std::uint32_t note(WireError error) {
        if (!error_) error_ = error;
        return 0;
    }
    std::string name() { return name_at(at_, bytes_.size()); }
    std::string name_at(std::size_t& at, std::size_t end);
    void questions(Message& message, unsigned count);
    void records(Message* message, std::vector<Rr>* out, unsigned count);
    void look_inside(Rr& rr, std::size_t rdata_at);

    ByteView bytes_;
    std::size_t at_ = 0;
    std::optional<WireError> error_;
};

/// A name may point backwards to before `at`, but may not run past `end`.
std::string MessageReader::name_at(std::size_t& at, std::size_t end) {
    if (error_) return {};
    if (at >= end) {
        note(WireError::truncated);
        return {};
    }
    ldns_rdf* parsed = nullptr;
    std::size_t after = at;
    if (ldns_wire2dname(&parsed, bytes_.data(), end, &after) != LDNS_STATUS_OK) {
        note(WireError::bad_name);
        return {};
    }
    const Name owned(parsed);
    if (after > end || after <= at) {
        note(WireError::bad_name);
        return {};
    }
    at = after;
    std::string text = text_of(parsed);
    if (text.empty()) note(WireError::bad_name);
    return text;
}

void MessageReader::questions(Message& message, unsigned count) {
    for (unsigned i = 0; i < count && !error_; ++i) {
        Question question;
        question.name = name();
        question.type = u16();
        if (u16() == kClassIn) message.questions.push_back(std::move(question));
    }
}

void MessageReader::look_inside(Rr& rr, std::size_t rdata_at) {
    const std::size_t end = rdata_at + rr.rdata.size();
    std::size_t at = rdata_at;
    if (rr.type == kTypeCname || rr.type == kTypeDname) {
        rr.target = name_at(at, end);
        if (!error_ && at != end) note(WireError::bad_rdata);
    } else if (rr.type == kTypeSoa) {
        name_at(at, end);  // MNAME
        name_at(at, end);  // RNAME
        if (error_) return;
        Reader fields(bytes_.subspan(at, end - at));
        fields.skip(16);
        rr.soa_minimum = fields.u32();
        if (!fields.done()) note(WireError::bad_rdata);
    } else if (rr.type == kTypeNs) {
        rr.target = name_at(at, end);
        if (!error_ && at != end) note(WireError::bad_rdata);
    } else if (rr.type == kTypeRrsig) {
        Reader fields(rr.rdata);  // RFC 4034 §3.1
        rr.covered = fields.u16();
        fields.skip(6);
        rr.expiration = fields.u32();
        if (!fields.ok()) note(WireError::bad_rdata);
    }
}

/// With out == nullptr: the additional section, of which only OPT matters.
void MessageReader::records(Message* message, std::vector<Rr>* out, unsigned count) {
    for (unsigned i = 0; i < count && !error_; ++i) {
        Rr rr;
        rr.owner = name();
        rr.type = u16();
        const std::uint16_t rr_class = u16();
        const std::uint32_t ttl = u32();
        const std::size_t rdata_len = u16();
        if (error_) return;
        if (left() < rdata_len) {
            note(WireError::truncated);
            return;
        }
        const std::size_t rdata_at = at_;
        at_ += rdata_len;
        if (!out) {
            if (rr.type != kTypeOpt) continue;
            if (rr.owner != "." || message->rcode > 15) {
                note(WireError::bad_edns);
                return;
            }
            message->rcode |= (ttl >> 24) << 4;
            continue;
        }
        if (rr_class != kClassIn) continue;
        rr.ttl = ttl >> 31 ? 0 : ttl;
        const ByteView rdata = bytes_.subspan(rdata_at, rdata_len);
        rr.rdata.assign(rdata.begin(), rdata.end());
        look_inside(rr, rdata_at);
        if (!error_) out->push_back(std::move(rr));
    }
}

Result<Message, WireError> MessageReader::read() {
    Message message;
    message.id = u16();
    const std::uint16_t flags = u16();
    message.response = flags >> 15;
    message.opcode = flags >> 11 & 15;
    message.authoritative = flags >> 10 & 1;
    message.truncated = flags >> 9 & 1;
    message.authentic = flags >> 5 & 1;
    message.rcode = flags & 15;
    const unsigned num_questions = u16();
    const unsigned num_answers = u16();
    const unsigned num_authority = u16();
    const unsigned num_additional = u16();
    questions(message, num_questions);
    // What a truncated answer still holds is not used (RFC 2181 §9).
    if (message.truncated && !error_) return message;
    records(&message, &message.answer, num_answers);
    records(&message, &message.authority, num_authority);
    records(&message, nullptr, num_additional);
    if (!error_ && left() != 0) note(WireError::trailing_bytes);
    if (error_) return fail(*error_);
    return message;
}

}  // namespace

std::string_view to_text(WireError error) {
    switch (error) {
        case WireError::truncated:
            return "message ends too early";
        case WireError::bad_name:
            return "bad name";
        case WireError::bad_rdata:
            return "bad record data";
        case WireError::bad_edns:
            return "bad EDNS record";
        case WireError::trailing_bytes:
            return "bytes behind the message";
    }
    return "?";
}

std::string canonical_name(std::string_view text) {
    // ldns reads up to a NUL, which no name in text form has.
    if (text.empty() || text.find('\0') != std::string_view::npos) return {};
    const Name name(ldns_dname_new_frm_str(std::string(text).c_str()));
    return name ? text_of(name.get()) : std::string{};
}

Bytes build_query(std::uint16_t id, const Question& question, bool checking_disabled, bool plain) {
    ldns_pkt* built = nullptr;
    if (ldns_pkt_query_new_frm_str(&built, question.name.c_str(), static_cast<ldns_rr_type>(question.type),
                                   LDNS_RR_CLASS_IN, LDNS_RD) != LDNS_STATUS_OK)
        return {};
    const std::unique_ptr<ldns_pkt, FreePacket> packet(built);
    ldns_pkt_set_id(built, id);
    ldns_pkt_set_ad(built, true);
    ldns_pkt_set_cd(built, checking_disabled);
    if (!plain) {
        ldns_pkt_set_edns_udp_size(built, kUdpPayload);
        ldns_pkt_set_edns_do(built, true);
    }
    std::uint8_t* wire = nullptr;
    std::size_t wire_len = 0;
    if (ldns_pkt2wire(&wire, built, &wire_len) != LDNS_STATUS_OK) return {};
    const std::unique_ptr<std::uint8_t, FreeMemory> owned(wire);
    return {wire, wire + wire_len};
}

Result<Message, WireError> parse_message(ByteView bytes) {
    return MessageReader(bytes).read();
}

}  // namespace oegate::discovery
