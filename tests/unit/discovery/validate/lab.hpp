// The recorded messages of answers.txt, a way to alter them, and a resolver that brings
// the validator whatever it wants from them. No network, no clock but the test's.
#pragma once

#include <functional>
#include <map>

#include "catch.hpp"
#include "discovery/validate/ldns.hpp"
#include "discovery/validate/own.hpp"

namespace oegate::discovery::test {

inline constexpr std::uint16_t kTxt = 16, kKey = 25, kDs = 43, kDnskey = 48;
inline constexpr std::int64_t kWall = 1'893'456'000;    // 2030-01-01
inline constexpr std::int64_t kExpiry = 2'051'222'400;  // 2035-01-01, of all signatures that hold

inline bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

struct Recorded {
    std::map<Question, Bytes> answers;
    std::string anchors;
};

const Recorded& recorded();

/// The packet as it goes over the wire; it is freed.
inline Bytes into_wire(ldns_pkt* packet) {
    std::uint8_t* wire = nullptr;
    std::size_t wire_len = 0;
    REQUIRE(ldns_pkt2wire(&wire, packet, &wire_len) == LDNS_STATUS_OK);
    Bytes out(wire, wire + wire_len);
    std::free(wire);
    ldns_pkt_free(packet);
    return out;
}

/// The message with its answer and authority records kept, changed or left out.
/// section: 1 answer, 2 authority.
using Edit = std::function<bool(ldns_rr* rr, int section)>;
inline Bytes edited(const Bytes& message, const Edit& keep) {
    ldns_pkt* packet = nullptr;
    REQUIRE(ldns_wire2pkt(&packet, message.data(), message.size()) == LDNS_STATUS_OK);
    const auto sift = [&](ldns_rr_list* from, int section) {
        ldns_rr_list* kept = ldns_rr_list_new();
        for (std::size_t i = 0; i < ldns_rr_list_rr_count(from); ++i)
            if (ldns_rr* rr = ldns_rr_list_rr(from, i); keep(rr, section))
                ldns_rr_list_push_rr(kept, ldns_rr_clone(rr));
        ldns_rr_list_deep_free(from);
        return kept;
    };
    ldns_rr_list* answer = sift(ldns_pkt_answer(packet), 1);
    ldns_pkt_set_answer(packet, answer);
    ldns_pkt_set_ancount(packet, static_cast<std::uint16_t>(ldns_rr_list_rr_count(answer)));
    ldns_rr_list* authority = sift(ldns_pkt_authority(packet), 2);
    ldns_pkt_set_authority(packet, authority);
    ldns_pkt_set_nscount(packet, static_cast<std::uint16_t>(ldns_rr_list_rr_count(authority)));
    return into_wire(packet);
}
/// The message with one record more in its answer section.
inline Bytes with_answer(const Bytes& message, const char* record) {
    ldns_pkt* packet = nullptr;
    REQUIRE(ldns_wire2pkt(&packet, message.data(), message.size()) == LDNS_STATUS_OK);
    ldns_rr* rr = nullptr;
    REQUIRE(ldns_rr_new_frm_str(&rr, record, 0, nullptr, nullptr) == LDNS_STATUS_OK);
    REQUIRE(ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, rr));
    return into_wire(packet);
}
inline std::uint16_t covered(ldns_rr* rr) {
    return ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG
               ? static_cast<std::uint16_t>(ldns_rdf2rr_type(ldns_rr_rrsig_typecovered(rr)))
               : 0;
}

struct Lab {
    Recorded dns = recorded();
    std::int64_t wall = kWall;
    Time now{1000s};
    std::unique_ptr<Validator> validator;
    std::vector<Question> asked;  // by the validator
    unsigned rounds = 0;
    /// Answers to what is not recorded; nullopt: nothing could be had.
    std::function<std::optional<Bytes>(const Question&)> otherwise;

    void trust(const std::string& anchors) {
        auto read = validate::read_anchors(anchors);
        REQUIRE(read.has_value());
        validator = validate::make_validator(std::move(*read), [this] { return wall; });
    }
    void edit(const Question& question, const Edit& keep) {
        dns.answers[question] = edited(dns.answers.at(question), keep);
    }
    Judged judge(const Question& question, const Bytes& message) {
        if (!validator) trust(dns.anchors);
        for (rounds = 1; rounds <= Validator::kMaxRounds; ++rounds) {
            auto step = validator->judge(question, message, now);
            if (auto* judged = std::get_if<Judged>(&step)) return *judged;
            const auto& wanted = std::get<std::vector<Question>>(step);
            REQUIRE_FALSE(wanted.empty());
            for (const Question& more : wanted) {
                INFO("wanted " << more.name << " " << more.type);
                asked.push_back(more);
                const auto at = dns.answers.find(more);
                if (at != dns.answers.end())
                    validator->learn(more, at->second, now);
                else if (const auto made = otherwise ? otherwise(more) : std::nullopt)
                    validator->learn(more, *made, now);
                else
                    validator->learn(more, std::nullopt, now);
            }
        }
        FAIL("no verdict within the rounds that discovery grants");
        return {};
    }
    Judged judge(const std::string& name, std::uint16_t type = kTxt) {
        return judge({name, type}, dns.answers.at({name, type}));
    }
    /// As one word, for tables.
    std::string verdict(const std::string& name, std::uint16_t type = kTxt) {
        const Judged judged = judge(name, type);
        why = judged.why;
        return judged.verdict ? std::string(to_text(*judged.verdict)) : "failed";
    }
    std::string why;
};

}  // namespace oegate::discovery::test
