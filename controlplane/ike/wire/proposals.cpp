#include "ike/wire/proposals.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

#include <fmt/format.h>

namespace oegate::ike::wire {
namespace {

using config::DhGroup;

constexpr std::array kPrfs{PrfId::hmac_sha2_256, PrfId::hmac_sha2_384, PrfId::hmac_sha2_512};
constexpr std::uint32_t kFirstSpi = 256;  // RFC 4303 §2.1: 0 is local, 1 to 255 reserved

std::uint16_t key_bits(EspSuite suite) {
    return static_cast<std::uint16_t>(key_len(suite) * 8);
}
std::uint16_t number(PrfId prf) {
    return static_cast<std::uint16_t>(prf);
}
std::uint16_t number(DhGroup group) {
    return static_cast<std::uint16_t>(group);
}

bool is_gcm(EspSuite suite) {
    return suite == EspSuite::aes_gcm_16_128 || suite == EspSuite::aes_gcm_16_256;
}

/// Ciphers with one key length have no Key Length attribute (RFC 7296 §3.3.5).
Transform encr(EspSuite suite) {
    if (is_gcm(suite)) return {TransformType::encr, kEncrAesGcm16, key_bits(suite), false};
    if (suite == EspSuite::chacha20_poly1305) return {TransformType::encr, kEncrChacha20Poly1305, 0, false};
    if (key_len(suite) == 0) return {TransformType::encr, kEncrNull, 0, false};
    if (facts(suite).block_len == 8) return {TransformType::encr, kEncr3des, 0, false};
    return {TransformType::encr, kEncrAesCbc, key_bits(suite), false};
}

/// kIntegNone for an AEAD.
std::uint16_t integ(EspSuite suite) {
    switch (facts(suite).auth_key_len) {
        case 0:
            return kIntegNone;
        case 16:
            return kIntegHmacMd596;
        case 20:
            return kIntegHmacSha196;
        case 32:
            return kIntegHmacSha256128;
        case 48:
            return kIntegHmacSha384192;
        default:
            return kIntegHmacSha512256;
    }
}

std::vector<EspSuite> ike_ciphers(const config::Ike& config) {
    std::vector<EspSuite> some;
    std::copy_if(config.suites.begin(), config.suites.end(), std::back_inserter(some), is_gcm);
    if (some.empty()) some = {EspSuite::aes_gcm_16_128, EspSuite::aes_gcm_16_256};
    return some;
}
Transform plain(TransformType type, std::uint16_t id) {
    return {type, id, 0, false};
}

Bytes spi_bytes(std::uint64_t spi, std::size_t len) {
    Writer out;
    if (len == 8) out.u64(spi);
    if (len == 4) out.u32(static_cast<std::uint32_t>(spi));
    return std::move(out).take();
}
std::uint64_t spi_number(const Bytes& spi) {
    std::uint64_t value = 0;
    for (std::uint8_t byte : spi) value = value << 8 | byte;
    return value;
}

/// RFC 7296 §3.3.6: a proposal with a type that we do not know is unacceptable.
bool only_known_types(const Proposal& proposal) {
    return std::all_of(proposal.transforms.begin(), proposal.transforms.end(), [](const Transform& t) {
        return t.type >= TransformType::encr && t.type <= TransformType::esn;
    });
}

bool offers_type(const Proposal& proposal, TransformType type) {
    return std::any_of(proposal.transforms.begin(), proposal.transforms.end(),
                       [type](const Transform& t) { return t.type == type; });
}
bool offers(const Proposal& proposal, const Transform& wanted) {
    return std::find(proposal.transforms.begin(), proposal.transforms.end(), wanted) !=
           proposal.transforms.end();
}

/// What builds the answer while it is chosen.
struct Picker {
    const Proposal& offer;
    Proposal answer;

    explicit Picker(const Proposal& o) : offer(o) {
        answer.number = o.number;
        answer.protocol = o.protocol;
    }
    bool take(const Transform& wanted) {
        if (!offers(offer, wanted)) return false;
        answer.transforms.push_back(wanted);
        return true;
    }
    /// For a type whose absence means NONE: acceptable if absent or NONE is offered.
    bool take_none(TransformType type) { return !offers_type(offer, type) || take(plain(type, 0)); }
    /// The cipher of an IKE SA.
    std::optional<EspSuite> take_cipher(const config::Ike& config) {
        for (EspSuite suite : ike_ciphers(config))
            if (take(encr(suite)) && take_none(TransformType::integ)) return suite;
        return std::nullopt;
    }
    /// Cipher and integrity of a child: both must be there, an AEAD's must not.
    std::optional<EspSuite> take_suite(const config::Ike& config) {
        for (EspSuite suite : config.suites) {
            if (!offers(offer, encr(suite))) continue;
            const Transform wanted = plain(TransformType::integ, integ(suite));
            const bool none = is_aead(suite) && !offers_type(offer, TransformType::integ);
            if (!none && !offers(offer, wanted)) continue;
            take(encr(suite));
            if (!none) take(wanted);
            return suite;
        }
        return std::nullopt;
    }
    /// 64 bits where both may.
    std::optional<bool> take_esn(const config::Ike& config) {
        if (config.esn && take(plain(TransformType::esn, kEsnYes))) return true;
        if (take(plain(TransformType::esn, kEsnNone))) return false;
        return std::nullopt;
    }
    std::optional<DhGroup> take_group(const config::Ike& config, std::optional<std::uint16_t> preferred) {
        for (DhGroup group : config.groups)
            if (preferred == number(group) && take(plain(TransformType::dh, number(group)))) return group;
        for (DhGroup group : config.groups)
            if (take(plain(TransformType::dh, number(group)))) return group;
        return std::nullopt;
    }
};

std::optional<IkeChoice> choose_from(const Proposal& offer, const config::Ike& config, std::uint16_t ke_group,
                                     std::uint64_t our_spi) {
    const std::size_t spi_len = our_spi ? 8 : 0;
    if (offer.protocol != ProtocolId::ike || offer.spi.size() != spi_len || !only_known_types(offer))
        return std::nullopt;
    if (our_spi && spi_number(offer.spi) == 0) return std::nullopt;
    Picker picker(offer);
    IkeChoice choice;
    const auto cipher = picker.take_cipher(config);
    const auto prf = std::find_if(kPrfs.begin(), kPrfs.end(),
                                  [&](PrfId p) { return picker.take(plain(TransformType::prf, number(p))); });
    if (!cipher || prf == kPrfs.end()) return std::nullopt;
    const auto group = picker.take_group(config, ke_group);
    if (!group || offers_type(offer, TransformType::esn)) return std::nullopt;
    choice.suite = {key_bits(*cipher), *prf, *group};
    choice.spi = spi_number(offer.spi);
    picker.answer.spi = spi_bytes(our_spi, spi_len);
    choice.answer.proposals.push_back(std::move(picker.answer));
    return choice;
}

/// PFS or not: `group` stays empty where the offer allows to go without.
bool choose_child_group(Picker& picker, const config::Ike& config, std::optional<std::uint16_t> ke_group,
                        std::optional<DhGroup>& group) {
    if (!offers_type(picker.offer, TransformType::dh)) return true;
    if (!ke_group && picker.take(plain(TransformType::dh, kDhNone))) return true;
    group = picker.take_group(config, ke_group);
    return group || picker.take(plain(TransformType::dh, kDhNone));
}

std::optional<ChildChoice> choose_from(const Proposal& offer, const config::Ike& config,
                                       std::optional<std::uint16_t> ke_group, bool in_ike_auth,
                                       std::uint32_t our_spi) {
    if (offer.protocol != ProtocolId::esp || offer.spi.size() != 4 || !only_known_types(offer) ||
        offers_type(offer, TransformType::prf) || spi_number(offer.spi) < kFirstSpi)
        return std::nullopt;
    Picker picker(offer);
    ChildChoice choice;
    const auto suite = picker.take_suite(config);
    if (!suite) return std::nullopt;
    if (!in_ike_auth && !choose_child_group(picker, config, ke_group, choice.suite.group))
        return std::nullopt;
    const auto esn = picker.take_esn(config);
    if (!esn) return std::nullopt;
    choice.suite.esp = *suite;
    choice.suite.esn = *esn;
    choice.spi = static_cast<std::uint32_t>(spi_number(offer.spi));
    picker.answer.spi = spi_bytes(our_spi, 4);
    choice.answer.proposals.push_back(std::move(picker.answer));
    return choice;
}

/// The one proposal of the answer, if it is a choice from `offer`: of each offered
/// type exactly one offered transform (NONE may be left out, RFC 7296 §3.3.3), and
/// nothing else.
Result<const Proposal*, AnswerError> check_answer(const Sa& offer, const Sa& answer) {
    if (answer.proposals.size() != 1) return fail(AnswerError::num_proposals);
    const Proposal& chosen = answer.proposals.front();
    const auto offered = std::find_if(offer.proposals.begin(), offer.proposals.end(),
                                      [&](const Proposal& p) { return p.number == chosen.number; });
    if (offered == offer.proposals.end()) return fail(AnswerError::number);
    if (offered->protocol != chosen.protocol) return fail(AnswerError::protocol);
    if (offered->spi.size() != chosen.spi.size()) return fail(AnswerError::spi);
    if (!only_known_types(chosen)) return fail(AnswerError::transforms);
    for (auto type : {TransformType::encr, TransformType::prf, TransformType::integ, TransformType::dh,
                      TransformType::esn}) {
        std::size_t num_chosen = 0;
        for (const Transform& t : chosen.transforms) {
            if (t.type != type) continue;
            const bool none = (type == TransformType::integ || type == TransformType::dh) && t.id == 0;
            const bool absent = !offers_type(*offered, type);
            if (++num_chosen > 1 || !(offers(*offered, t) || (none && absent)))
                return fail(AnswerError::transforms);
        }
        if (num_chosen == 0 && offers_type(*offered, type)) return fail(AnswerError::transforms);
    }
    return &chosen;
}

const Transform* chosen_of(const Proposal& chosen, TransformType type) {
    for (const Transform& t : chosen.transforms)
        if (t.type == type) return &t;
    return nullptr;
}

std::string_view group_name(DhGroup group) {
    return group == DhGroup::modp2048 ? "modp2048" : "curve25519";
}

}  // namespace

std::string IkeSuite::text() const {
    const char* prf_name = prf == PrfId::hmac_sha2_256   ? "prfsha256"
                           : prf == PrfId::hmac_sha2_384 ? "prfsha384"
                                                         : "prfsha512";
    return fmt::format("aes{}-gcm16/{}/{}", key_bits, prf_name, group_name(group));
}

std::string ChildSuite::text() const {
    std::string text(to_text(esp));
    if (group) text += fmt::format("/{}", group_name(*group));
    return esn ? text + "/esn" : text;
}

Sa offer_ike(const config::Ike& config, std::uint64_t spi) {
    Proposal proposal;
    proposal.protocol = ProtocolId::ike;
    proposal.spi = spi_bytes(spi, spi ? 8 : 0);
    for (EspSuite suite : ike_ciphers(config)) proposal.transforms.push_back(encr(suite));
    for (PrfId prf : kPrfs) proposal.transforms.push_back(plain(TransformType::prf, number(prf)));
    for (DhGroup group : config.groups)
        proposal.transforms.push_back(plain(TransformType::dh, number(group)));
    return Sa{{std::move(proposal)}};
}

Sa offer_esp(const config::Ike& config, std::uint32_t spi, bool with_groups) {
    Sa offer;
    for (EspSuite first : config.suites) {
        const auto same = [&](EspSuite other) { return integ(other) == integ(first); };
        if (*std::find_if(config.suites.begin(), config.suites.end(), same) != first) continue;
        Proposal proposal;
        proposal.number = static_cast<std::uint8_t>(offer.proposals.size() + 1);
        proposal.protocol = ProtocolId::esp;
        proposal.spi = spi_bytes(spi, 4);
        for (EspSuite suite : config.suites)
            if (same(suite)) proposal.transforms.push_back(encr(suite));
        if (!is_aead(first)) proposal.transforms.push_back(plain(TransformType::integ, integ(first)));
        if (with_groups)
            for (DhGroup group : config.groups)
                proposal.transforms.push_back(plain(TransformType::dh, number(group)));
        if (config.esn) proposal.transforms.push_back(plain(TransformType::esn, kEsnYes));
        proposal.transforms.push_back(plain(TransformType::esn, kEsnNone));
        offer.proposals.push_back(std::move(proposal));
    }
    return offer;
}

std::optional<IkeChoice> choose_ike(const Sa& offer, const config::Ike& config, std::uint16_t ke_group,
                                    std::uint64_t our_spi) {
    for (const Proposal& proposal : offer.proposals)
        if (auto choice = choose_from(proposal, config, ke_group, our_spi)) return choice;
    return std::nullopt;
}

std::optional<ChildChoice> choose_esp(const Sa& offer, const config::Ike& config,
                                      std::optional<std::uint16_t> ke_group, bool in_ike_auth,
                                      std::uint32_t our_spi) {
    for (const Proposal& proposal : offer.proposals)
        if (auto choice = choose_from(proposal, config, ke_group, in_ike_auth, our_spi)) return choice;
    return std::nullopt;
}

std::string_view to_text(AnswerError error) {
    switch (error) {
        case AnswerError::num_proposals:
            return "answer does not hold exactly one proposal";
        case AnswerError::number:
            return "answer's proposal number was not offered";
        case AnswerError::protocol:
            return "answer's protocol was not offered";
        case AnswerError::spi:
            return "answer's SPI is missing or reserved";
        case AnswerError::transforms:
            return "answer's transforms are no choice from the offer";
    }
    return "unknown";
}

Result<IkeChoice, AnswerError> check_ike_answer(const Sa& offer, const Sa& answer) {
    const auto chosen = check_answer(offer, answer);
    if (!chosen) return fail(chosen.error());
    const Proposal& proposal = **chosen;
    if (proposal.protocol != ProtocolId::ike) return fail(AnswerError::protocol);
    const Transform* cipher = chosen_of(proposal, TransformType::encr);
    const Transform* prf = chosen_of(proposal, TransformType::prf);
    const Transform* group = chosen_of(proposal, TransformType::dh);
    if (!cipher || !prf || !group || group->id == kDhNone) return fail(AnswerError::transforms);
    IkeChoice choice;
    choice.suite = {cipher->key_bits, static_cast<PrfId>(prf->id), static_cast<DhGroup>(group->id)};
    choice.spi = spi_number(proposal.spi);
    if (!proposal.spi.empty() && choice.spi == 0) return fail(AnswerError::spi);
    choice.answer = answer;
    return choice;
}

Result<ChildChoice, AnswerError> check_esp_answer(const Sa& offer, const Sa& answer) {
    const auto chosen = check_answer(offer, answer);
    if (!chosen) return fail(chosen.error());
    const Proposal& proposal = **chosen;
    if (proposal.protocol != ProtocolId::esp) return fail(AnswerError::protocol);
    const Transform* cipher = chosen_of(proposal, TransformType::encr);
    const Transform* integrity = chosen_of(proposal, TransformType::integ);
    const Transform* group = chosen_of(proposal, TransformType::dh);
    const Transform* esn = chosen_of(proposal, TransformType::esn);
    if (!cipher) return fail(AnswerError::transforms);
    const auto suite = std::find_if(kEspSuites.begin(), kEspSuites.end(), [&](const EspSuiteFacts& f) {
        return encr(f.suite) == *cipher && integ(f.suite) == (integrity ? integrity->id : kIntegNone);
    });
    if (suite == kEspSuites.end()) return fail(AnswerError::transforms);
    ChildChoice choice;
    choice.suite.esp = suite->suite;
    choice.suite.esn = esn != nullptr && esn->id == kEsnYes;
    if (group && group->id != kDhNone) choice.suite.group = static_cast<DhGroup>(group->id);
    choice.spi = static_cast<std::uint32_t>(spi_number(proposal.spi));
    if (choice.spi < kFirstSpi) return fail(AnswerError::spi);
    choice.answer = answer;
    return choice;
}

}  // namespace oegate::ike::wire
