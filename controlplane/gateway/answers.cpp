// What discovery and the engine say, carried to keying, to the SAs and outside.
#include "gateway/compose.hpp"

namespace oegate::gateway {

// ---- discovery → keying --------------------------------------------------------

void Gateway::Impl::carry(const discovery::DelegationDone& done, Time now) {
    const auto node = lookups.extract(done.lookup);
    if (!node) return;
    by_asker.erase(node.mapped());
    keying.on_delegation(node.mapped(), done.answer, now);
}

void Gateway::Impl::carry(const discovery::KeysDone& done, Time now) {
    if (greet(done, now)) return;
    const auto node = lookups.extract(done.lookup);
    if (!node) return;
    by_asker.erase(node.mapped());
    keying.on_keys(node.mapped(), done.answer, now);
}

// ---- engine → keying, sa, outside ----------------------------------------------

void Gateway::Impl::carry(ike::SendDatagram& e, Time) {
    datagrams.push_back(std::move(e));
}
void Gateway::Impl::carry(ike::WantPeerKeys& e, Time now) {
    keying.on_want_peer_keys(e, now);
}
void Gateway::Impl::carry(ike::WantAuthorization& e, Time now) {
    keying.on_want_authorization(e, now);
}

void Gateway::Impl::carry(ike::InstallChild& e, Time now) {
    const ike::ChildId id = e.child;
    const std::uint32_t spi = e.spi_in;
    installing[id] = {id,       e.sa,   e.connection, e.initiator, e.replaces,    e.pair,
                      e.remote, e.peer, e.peer_key,   e.verdict,   e.lowest_nonce};
    if (sa.install(e, now)) return;
    installing.erase(id);
    sa.release(spi);
    ++no_slot;
    log(config::LogLevel::error, false, "SA pair not installed: its SPI has no slot");
    engine.delete_child(id, now);
}

void Gateway::Impl::carry(ike::ChildGone& e, Time now) {
    installing.erase(e.child);
    const auto status = sa.find(e.child);
    keying.on_child_gone(e, now);
    obey(now);  // the pair's policy leaves the outbound SA before the SA goes
    if (!status) return;
    // Datagrams on their way may still come through an SA that was replaced.
    sa.remove(e.child, e.reason == ike::ChildGone::Reason::rekeyed || sa.has_other(status->pair, e.child),
              now);
}

void Gateway::Impl::carry(ike::InitiateFailed& e, Time now) {
    keying.on_initiate_failed(e, now);
}
void Gateway::Impl::carry(ike::RekeyFailed& e, Time now) {
    log(config::LogLevel::warning, false, "rekey failed: " + e.detail, {}, "rekey");
    keying.on_rekey_failed(e.child, now);
}

void Gateway::Impl::carry(ike::IkeRekeyed& e, Time now) {
    keying.on_ike_rekeyed(e, now);
}

void Gateway::Impl::carry(ike::Notice& e, Time) {
    using Level = ike::Notice::Level;
    const std::string peer = e.remote.address.text();
    log(e.level == Level::info     ? config::LogLevel::info
        : e.level == Level::notice ? config::LogLevel::notice
                                   : config::LogLevel::warning,
        e.level == Level::security, (e.text.starts_with(peer) ? "" : peer + ": ") + e.text, {{"peer", peer}});
}

void Gateway::Impl::carry(ike::KeyLog& e, Time) {
    if (key_log_on) key_log.push_back(std::move(e.line));
}

}  // namespace oegate::gateway
