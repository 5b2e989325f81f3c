#include "ike/wire/constants.hpp"

#include <fmt/format.h>

namespace oegate::ike::wire {

std::string to_text(PayloadType type) {
    switch (type) {
        case PayloadType::none:
            return "none";
        case PayloadType::sa:
            return "SA";
        case PayloadType::ke:
            return "KE";
        case PayloadType::id_i:
            return "IDi";
        case PayloadType::id_r:
            return "IDr";
        case PayloadType::cert:
            return "CERT";
        case PayloadType::certreq:
            return "CERTREQ";
        case PayloadType::auth:
            return "AUTH";
        case PayloadType::nonce:
            return "Nonce";
        case PayloadType::notify:
            return "Notify";
        case PayloadType::delete_sa:
            return "Delete";
        case PayloadType::vendor_id:
            return "Vendor ID";
        case PayloadType::ts_i:
            return "TSi";
        case PayloadType::ts_r:
            return "TSr";
        case PayloadType::sk:
            return "SK";
        case PayloadType::cp:
            return "CP";
        case PayloadType::eap:
            return "EAP";
        case PayloadType::skf:
            return "SKF";
    }
    return fmt::format("type {}", static_cast<unsigned>(type));
}

std::string to_text(ExchangeType type) {
    switch (type) {
        case ExchangeType::ike_sa_init:
            return "IKE_SA_INIT";
        case ExchangeType::ike_auth:
            return "IKE_AUTH";
        case ExchangeType::create_child_sa:
            return "CREATE_CHILD_SA";
        case ExchangeType::informational:
            return "INFORMATIONAL";
    }
    return fmt::format("exchange {}", static_cast<unsigned>(type));
}

std::string to_text(NotifyType type) {
    switch (type) {
        case NotifyType::none:
            return "none";
        case NotifyType::unsupported_critical_payload:
            return "UNSUPPORTED_CRITICAL_PAYLOAD";
        case NotifyType::invalid_ike_spi:
            return "INVALID_IKE_SPI";
        case NotifyType::invalid_major_version:
            return "INVALID_MAJOR_VERSION";
        case NotifyType::invalid_syntax:
            return "INVALID_SYNTAX";
        case NotifyType::invalid_message_id:
            return "INVALID_MESSAGE_ID";
        case NotifyType::invalid_spi:
            return "INVALID_SPI";
        case NotifyType::no_proposal_chosen:
            return "NO_PROPOSAL_CHOSEN";
        case NotifyType::invalid_ke_payload:
            return "INVALID_KE_PAYLOAD";
        case NotifyType::authentication_failed:
            return "AUTHENTICATION_FAILED";
        case NotifyType::single_pair_required:
            return "SINGLE_PAIR_REQUIRED";
        case NotifyType::no_additional_sas:
            return "NO_ADDITIONAL_SAS";
        case NotifyType::internal_address_failure:
            return "INTERNAL_ADDRESS_FAILURE";
        case NotifyType::failed_cp_required:
            return "FAILED_CP_REQUIRED";
        case NotifyType::ts_unacceptable:
            return "TS_UNACCEPTABLE";
        case NotifyType::invalid_selectors:
            return "INVALID_SELECTORS";
        case NotifyType::temporary_failure:
            return "TEMPORARY_FAILURE";
        case NotifyType::child_sa_not_found:
            return "CHILD_SA_NOT_FOUND";
        case NotifyType::initial_contact:
            return "INITIAL_CONTACT";
        case NotifyType::set_window_size:
            return "SET_WINDOW_SIZE";
        case NotifyType::additional_ts_possible:
            return "ADDITIONAL_TS_POSSIBLE";
        case NotifyType::ipcomp_supported:
            return "IPCOMP_SUPPORTED";
        case NotifyType::nat_detection_source_ip:
            return "NAT_DETECTION_SOURCE_IP";
        case NotifyType::nat_detection_destination_ip:
            return "NAT_DETECTION_DESTINATION_IP";
        case NotifyType::cookie:
            return "COOKIE";
        case NotifyType::use_transport_mode:
            return "USE_TRANSPORT_MODE";
        case NotifyType::http_cert_lookup_supported:
            return "HTTP_CERT_LOOKUP_SUPPORTED";
        case NotifyType::rekey_sa:
            return "REKEY_SA";
        case NotifyType::esp_tfc_padding_not_supported:
            return "ESP_TFC_PADDING_NOT_SUPPORTED";
        case NotifyType::non_first_fragments_also:
            return "NON_FIRST_FRAGMENTS_ALSO";
        case NotifyType::mobike_supported:
            return "MOBIKE_SUPPORTED";
        case NotifyType::auth_lifetime:
            return "AUTH_LIFETIME";
        case NotifyType::multiple_auth_supported:
            return "MULTIPLE_AUTH_SUPPORTED";
        case NotifyType::redirect_supported:
            return "REDIRECT_SUPPORTED";
        case NotifyType::childless_ikev2_supported:
            return "CHILDLESS_IKEV2_SUPPORTED";
        case NotifyType::ikev2_fragmentation_supported:
            return "IKEV2_FRAGMENTATION_SUPPORTED";
        case NotifyType::signature_hash_algorithms:
            return "SIGNATURE_HASH_ALGORITHMS";
        case NotifyType::intermediate_exchange_supported:
            return "INTERMEDIATE_EXCHANGE_SUPPORTED";
    }
    return fmt::format("notify {}", static_cast<unsigned>(type));
}

std::string to_text(AuthMethod method) {
    switch (method) {
        case AuthMethod::rsa_signature:
            return "RSA signature";
        case AuthMethod::shared_key:
            return "shared key";
        case AuthMethod::dss:
            return "DSS";
        case AuthMethod::null:
            return "NULL";
        case AuthMethod::digital_signature:
            return "digital signature";
    }
    return fmt::format("method {}", static_cast<unsigned>(method));
}

}  // namespace oegate::ike::wire
