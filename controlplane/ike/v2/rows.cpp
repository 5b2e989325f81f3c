// The tables of IKEv2.
#include "ike/v2/rows.hpp"

#include <algorithm>

#include "ike/v2/child_sa.hpp"
#include "ike/v2/create_child_sa.hpp"
#include "ike/v2/ike_auth.hpp"
#include "ike/v2/ike_sa_init.hpp"
#include "ike/v2/informational.hpp"
#include "ike/v2/rekey_ike_sa.hpp"

namespace oegate::ike::v2 {

namespace {

constexpr auto kSaRows = join(kInitRows, kAuthRows, kCreateChildSaRows, kInformationalRows, kRekeyRows);
constexpr auto kChildRows = join(kChildSaRows, kCreateChildRows);
static_assert(no_overlap(kSaRows));
static_assert(no_overlap(kChildRows));

std::string guard_text(const Guard& guard, std::span<const std::string_view> names) {
    std::string text;
    for (std::size_t i = 0; i < names.size(); ++i) {
        const std::uint32_t bit = 1u << i;
        if (((guard.all | guard.none) & bit) == 0) continue;
        if (!text.empty()) text += ", ";
        if ((guard.none & bit) != 0) text += "not ";
        text += names[i];
    }
    return text;
}

constexpr std::string_view kSaFactNames[] = {"retry left",
                                             "first child's offer acceptable",
                                             "child being changed",
                                             "our rekey under way",
                                             "peer's successor held",
                                             "syntax error",
                                             "without a child",
                                             "peer takes no IKE_AUTH without a child",
                                             "room for another IKE SA",
                                             "room to verify"};
constexpr std::string_view kChildFactNames[] = {"own Diffie-Hellman", "retry left",
                                                "closed meanwhile or redundant", "our delete sent"};

bool child_busy(const IkeSa& sa) {
    if (sa.out.active &&
        (sa.out.active->kind == Task::Kind::create_child || sa.out.active->kind == Task::Kind::delete_child))
        return true;
    return sa.children.num_changing > 0;
}

/// Our rekey has the lowest nonce of a collision (RFC 7296 §2.8.1).
bool redundant(const Child& child) {
    return child.initiator && !child.nr.empty() && !child.rival_nonce.empty() &&
           std::min(child.ni, child.nr) < child.rival_nonce;
}

}  // namespace

std::span<const SaRow> sa_rows() {
    return kSaRows;
}

std::span<const ChildRow> child_rows() {
    return kChildRows;
}

std::uint32_t sa_facts(const Turn& turn) {
    Core& core = turn.core;
    const IkeSa& sa = turn.sa;
    std::uint32_t facts = 0;
    if (sa.init_retries < kMaxInitRetries) facts |= SaFact::retry_left;
    if (sa.state == SaState::checking && first_offer_ok(core, sa)) facts |= SaFact::offer_ok;
    if (child_busy(sa)) facts |= SaFact::child_busy;
    const IkeSa* subject = &sa;
    if (sa.state == SaState::succ_answering) subject = core.find(sa.predecessor);
    if (subject != nullptr && subject->successor != 0) facts |= SaFact::rekey_under_way;
    if (subject != nullptr && subject->rival != 0) facts |= SaFact::rival;
    if (turn.notify == wire::NotifyType::invalid_syntax) facts |= SaFact::fatal;
    if (sa.greeting || sa.childless ||
        (sa.state == SaState::checking && sa.auth_payloads.find<wire::Sa>() == nullptr))
        facts |= SaFact::childless;
    if (!sa.peer_takes_childless) facts |= SaFact::refuses_none;
    if (sa.state == SaState::checking && core.has_room(sa.peer)) facts |= SaFact::room;
    if (sa.state == SaState::finding_keys && core.may_verify(sa.remote.address)) facts |= SaFact::may_verify;
    return facts;
}

std::uint32_t child_facts(const Turn& turn) {
    const Child& child = *turn.child;
    std::uint32_t facts = 0;
    if (child.suite.group && !child.first) facts |= ChildFact::pfs;
    if (child.attempts < kMaxChildAttempts) facts |= ChildFact::retry_left;
    if (child.unwanted || redundant(child)) facts |= ChildFact::unwanted;
    if (child.delete_sent) facts |= ChildFact::delete_sent;
    return facts;
}

std::vector<RowText> describe_rows() {
    std::vector<RowText> rows;
    for (const SaRow& row : kSaRows)
        rows.push_back({"IKE SA", row.story, std::string(to_text(row.from)), std::string(to_text(row.event)),
                        guard_text(row.requires_, kSaFactNames), std::string(to_text(row.to))});
    for (const ChildRow& row : kChildRows)
        rows.push_back({"child SA", row.story, std::string(to_text(row.from)),
                        std::string(to_text(row.event)), guard_text(row.requires_, kChildFactNames),
                        std::string(to_text(row.to))});
    return rows;
}

std::string_view to_text(SaState state) {
    switch (state) {
#define X(id, text)   \
    case SaState::id: \
        return #id;
        OEGATE_SA_STATES(X)
#undef X
    }
    return "?";
}

std::string_view to_text(SaEvent event) {
    switch (event) {
#define X(id, text)   \
    case SaEvent::id: \
        return #id;
        OEGATE_SA_EVENTS(X)
#undef X
    }
    return "?";
}

std::string_view to_text(ChildState state) {
    switch (state) {
#define X(id, text)      \
    case ChildState::id: \
        return #id;
        OEGATE_CHILD_STATES(X)
#undef X
    }
    return "?";
}

std::string_view to_text(ChildEvent event) {
    switch (event) {
#define X(id, text)      \
    case ChildEvent::id: \
        return #id;
        OEGATE_CHILD_EVENTS(X)
#undef X
    }
    return "?";
}

}  // namespace oegate::ike::v2
