// A zone whose key the test has, for what no honest server signs: records in text form go
// in, signed messages and a trust anchor come out. ECDSA P-256.
#pragma once

#include <string>
#include <vector>

#include "lab.hpp"

namespace oegate::discovery::test {

class Signer {
  public:
    explicit Signer(std::string zone) : zone_(std::move(zone)) {
        key_ = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
        REQUIRE(key_ != nullptr);
        ldns_key_set_flags(key_, LDNS_KEY_ZONE_KEY | LDNS_KEY_SEP_KEY);
        ldns_key_set_pubkey_owner(key_, ldns_dname_new_frm_str(zone_.c_str()));
        ldns_key_set_inception(key_, static_cast<std::uint32_t>(kWall - 3600));
        ldns_key_set_expiration(key_, static_cast<std::uint32_t>(kWall + 3600));
        public_.reset(ldns_key2rr(key_));
        ldns_rr_set_ttl(public_.get(), 600);
        ldns_key_set_keytag(key_, ldns_calc_keytag(public_.get()));
        keys_ = ldns_key_list_new();
        ldns_key_list_push_key(keys_, key_);
    }
    ~Signer() { ldns_key_list_free(keys_); }
    Signer(const Signer&) = delete;
    Signer& operator=(const Signer&) = delete;

    std::string dnskey() const { return text_of(public_.get()); }
    std::string ds(ldns_hash digest) const {
        const validate::ldns::Record made(ldns_key_rr2ds(public_.get(), digest));
        return text_of(made.get());
    }
    /// The records, which are one RRset, and their signature.
    std::vector<std::string> with_signature(std::vector<std::string> records) const {
        const validate::ldns::Records rrset(ldns_rr_list_new());
        for (const std::string& record : records) ldns_rr_list_push_rr(rrset.get(), parse(record));
        const validate::ldns::Records made(ldns_sign_public(rrset.get(), keys_));
        REQUIRE(made != nullptr);
        records.push_back(text_of(ldns_rr_list_rr(made.get(), 0)));
        return records;
    }
    Bytes dnskey_answer() const {
        return message({zone_, kDnskey}, LDNS_RCODE_NOERROR, with_signature({dnskey()}), {});
    }

    static Bytes message(const Question& question, ldns_pkt_rcode rcode,
                         const std::vector<std::string>& answer, const std::vector<std::string>& authority) {
        ldns_pkt* packet = ldns_pkt_query_new(ldns_dname_new_frm_str(question.name.c_str()),
                                              static_cast<ldns_rr_type>(question.type), LDNS_RR_CLASS_IN,
                                              static_cast<std::uint16_t>(LDNS_QR | LDNS_RD | LDNS_RA));
        ldns_pkt_set_rcode(packet, static_cast<std::uint8_t>(rcode));
        for (const std::string& text : answer) ldns_pkt_push_rr(packet, LDNS_SECTION_ANSWER, parse(text));
        for (const std::string& text : authority)
            ldns_pkt_push_rr(packet, LDNS_SECTION_AUTHORITY, parse(text));
        return into_wire(packet);
    }

  private:
    static ldns_rr* parse(const std::string& text) {
        ldns_rr* rr = nullptr;
        INFO(text);
        REQUIRE(ldns_rr_new_frm_str(&rr, text.c_str(), 600, nullptr, nullptr) == LDNS_STATUS_OK);
        return rr;
    }
    static std::string text_of(const ldns_rr* rr) {
        const validate::ldns::Text text(ldns_rr2str(rr));
        std::string line = text.get();
        while (!line.empty() && line.back() == '\n') line.pop_back();
        return line;
    }

    std::string zone_;
    ldns_key* key_;
    ldns_key_list* keys_;
    validate::ldns::Record public_;
};

}  // namespace oegate::discovery::test
