// Which algorithms: what we offer, what a responder takes from an offer, whether an
// initiator accepts the answer (RFC 7296 §2.7, §3.3). AES-GCM-16 for IKE (RFC 5282),
// every suite of the contract for ESP with 64-bit sequence numbers or without, PRFs of
// RFC 4868, groups 14 and 31.
#pragma once

#include <optional>
#include <string>

#include "config/config.hpp"
#include "ike/wire/sa.hpp"

namespace oegate::ike::wire {

/// An agreed suite of an IKE SA.
struct IkeSuite {
    std::uint16_t key_bits = 128;  // AES-GCM-16: 128 or 256
    PrfId prf = PrfId::hmac_sha2_256;
    config::DhGroup group = config::DhGroup::curve25519;
    /// "aes128-gcm16/prfsha256/curve25519"
    std::string text() const;
    bool operator==(const IkeSuite&) const = default;
};

/// An agreed suite of a child SA.
struct ChildSuite {
    EspSuite esp = EspSuite::aes_gcm_16_128;
    std::optional<config::DhGroup> group;  // PFS: a KE exchange belongs to it
    bool esn = false;
    std::string text() const;
    bool operator==(const ChildSuite&) const = default;
};

/// One proposal with everything the configuration allows, preferred first. An IKE SA has
/// AES-GCM only: what else is configured is for children; without one, both key lengths.
/// spi: our new SPI for an IKE rekey, 0 in IKE_SA_INIT.
Sa offer_ike(const config::Ike& config, std::uint64_t spi = 0);
/// A proposal for each integrity algorithm, with the ciphers that are configured with it:
/// a combined-mode cipher needs one of its own (RFC 7296 §3.3), and no pair is offered that
/// is not configured. with_groups: CREATE_CHILD_SA (PFS); without: the child of IKE_AUTH.
Sa offer_esp(const config::Ike& config, std::uint32_t spi, bool with_groups);

/// What a responder takes from an offer.
template <class Suite, class SpiT>
struct Choice {
    Suite suite;
    SpiT spi{};  // the initiator's; 0 in IKE_SA_INIT
    Sa answer;   // exactly one proposal, one transform of each type, our SPI in it
};
using IkeChoice = Choice<IkeSuite, std::uint64_t>;
using ChildChoice = Choice<ChildSuite, std::uint32_t>;

/// our_spi and rekey as in offer_ike. ke_group: the group of the initiator's KE, which
/// is taken when both sides allow it, whatever our order (it saves a round trip);
/// when the suite's group is another, the answer is INVALID_KE_PAYLOAD.
/// nullopt: NO_PROPOSAL_CHOSEN.
std::optional<IkeChoice> choose_ike(const Sa& offer, const config::Ike& config, std::uint16_t ke_group,
                                    std::uint64_t our_spi = 0);
/// ke_group: nullopt when the message holds no KE. in_ike_auth: groups in the offer
/// are ignored (RFC 7296 §1.2). A child without PFS is accepted only if the offer
/// itself allows it.
std::optional<ChildChoice> choose_esp(const Sa& offer, const config::Ike& config,
                                      std::optional<std::uint16_t> ke_group, bool in_ike_auth,
                                      std::uint32_t our_spi);

/// Why the responder's answer is no subset of our offer.
enum class AnswerError : std::uint8_t { num_proposals, number, protocol, spi, transforms };
std::string_view to_text(AnswerError);

/// The accepted suite and the responder's SPI (0 in IKE_SA_INIT).
Result<IkeChoice, AnswerError> check_ike_answer(const Sa& offer, const Sa& answer);
Result<ChildChoice, AnswerError> check_esp_answer(const Sa& offer, const Sa& answer);

}  // namespace oegate::ike::wire
