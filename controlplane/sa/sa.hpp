// SA pairs between the IKE engine and the workers: hands out SPIs that name owner
// and slot, installs and removes, keeps limits, and knows which child an event of a
// worker means. It decides nothing: when outbound traffic moves is keying's word.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <vector>

#include "config/config.hpp"
#include "contract/event.hpp"
#include "ike/engine.hpp"
#include "net/owner.hpp"
#include "sa/outbox.hpp"
#include "sa/path_mtu.hpp"
#include "sa/slots.hpp"

namespace oegate::sa {

struct ChildStatus {
    ike::ChildId child = 0;
    Pair pair;  // outbound orientation
    Address local;
    Address remote;
    Identity peer;
    Verdict verdict = Verdict::indeterminate;
    std::uint32_t spi_in = 0;
    std::uint32_t spi_out = 0;
    EspSuite suite = EspSuite::aes_gcm_16_128;
    bool esn = false;
    UdpPorts udp;
    unsigned worker = 0;
    bool initiator = false;
    bool installed = false;  // the worker has the inbound SA
    bool in_use = false;     // outbound SA installed
    bool leaving = false;    // inbound stays for stragglers only
    Time created;
    Time rekey_at = kNever;  // outbound, by time
    Time expires_at = kNever;
};

class Sa final : public ike::SpiAllocator {
  public:
    /// All references must outlive this.
    Sa(const config::Config& config, const OwnerSeed& seed, Random& random, Outbox& outbox);
    ~Sa() override;

    std::optional<std::uint32_t> allocate(const Pair& pair) override;
    /// Only for an SPI that no child was made of; others are ignored.
    void release(std::uint32_t spi) override;

    /// Posts the inbound half. false: its SPI is not one that we gave for this pair.
    bool install(ike::InstallChild child, Time now);
    /// A child whose inbound SA its worker has applied, once each.
    std::optional<ike::ChildId> next_installed();
    /// The child's outbound SA, installed now if it was not. nullopt: no such child
    /// or no slot left.
    std::optional<SaRef> use_outbound(ike::ChildId child, Time now);
    /// Removes the outbound SAs of a pair but this child's (one outbound SA a pair).
    void retire_outbound(const Pair& pair, ike::ChildId but = 0);
    /// Outbound goes at once, inbound then or after `old_inbound`.
    void remove(ike::ChildId child, bool keep_inbound, Time now);

    std::optional<SaRef> inbound(ike::ChildId child) const;
    /// The child that an event of a worker means; nullopt: a former tenant.
    std::optional<ike::ChildId> child_of(unsigned worker, Direction direction, SaRef ref) const;

    enum class PathReport : std::uint8_t {
        lowered,
        no_news,  // not below what is known, or not to be believed
        unknown,  // quotes no outbound SA of ours
        off,      // dataplane.path-mtu-icmp
    };
    /// An ICMP error told of a path. It is not authenticated: only an SA that is in use,
    /// with the very SPI, makes it heard, and it never lowers much (RFC 4301 §8.2.1). All SAs
    /// of that path learn it, and those that will be.
    PathReport on_path_mtu(const PathMtu& report, Time now);
    /// 0: the interface's holds.
    std::uint16_t path_mtu(const Address& local, const Address& remote) const;

    void on_applied(unsigned worker, Time now);
    void on_timer(Time now);
    Time next_deadline() const;

    std::vector<ChildStatus> children() const;
    std::optional<ChildStatus> find(ike::ChildId child) const;
    bool has_other(const Pair& pair, ike::ChildId but) const;

  private:
    struct Child {
        ChildStatus status;
        SaRef in;
        SaRef out;
        SaKey outbound_key;
        bool has_key = false;
        std::optional<Time> inbound_until;
        ~Child();
    };
    struct Worker {
        Slots in;
        Slots out;
        struct Wait {
            std::uint64_t sequence;
            ike::ChildId child;  // waits for its inbound SA, or
            Direction direction;
            std::uint32_t slot;  // is freed
        };
        std::deque<Wait> waiting;  // in order of sequence
    };
    SaLimits limits(bool initiator, bool outbound, bool esn);
    void remove_outbound(Child& child);
    void tell_path(const Path& path, std::uint16_t mtu);
    std::uint16_t interface_mtu(const Address& local) const;
    void remove_inbound(Child& child);

    const config::Config& config_;
    OwnerSeed seed_;
    Random& random_;
    Outbox& outbox_;
    std::vector<Worker> workers_;
    std::map<ike::ChildId, Child> children_;
    std::map<Pair, std::set<ike::ChildId>> by_pair_;
    std::set<std::pair<Time, ike::ChildId>> leaving_;
    std::deque<ike::ChildId> installed_;
    PathMtus path_mtus_;
    std::map<Path, std::set<ike::ChildId>> by_path_;  // with an outbound SA
};

}  // namespace oegate::sa
