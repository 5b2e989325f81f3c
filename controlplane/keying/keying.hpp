// The connection machine (keying.md, OE draft §3.2-3.4), sans-IO: one instance a
// host pair, driven by the rows of rows.hpp. Events come in through the calls
// below; what must happen comes out of next_action(). It knows no socket, no ring
// and no IKE message: the gateway (gateway/) connects it with the rest.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/random.hpp"
#include "config/config.hpp"
#include "contract/command.hpp"
#include "contract/event.hpp"
#include "discovery/answer.hpp"
#include "ike/engine.hpp"

namespace oegate::keying {

using ConnectionId = ike::ConnectionId;

// ---- actions -------------------------------------------------------------------

struct LookUpDelegation {
    ConnectionId connection;
    Address owner;
};
struct LookUpKeys {
    ConnectionId connection;
    Identity owner;
};
struct StartExchange {
    ike::Initiate request;
};
struct ForgetExchange {
    ConnectionId connection;
};
/// Policy of a pair in its worker; encrypt names the child whose outbound SA is used.
struct ApplyPolicy {
    Pair pair;
    FlowState state;
    ClassKind class_kind;
    std::uint16_t reason;
    std::optional<ike::ChildId> child;
};
struct DropPolicy {
    Pair pair;
};
struct AskUse {
    Pair pair;
    std::optional<ike::ChildId> child;
};
struct RekeyChild {
    ike::ChildId child;
};
struct DeleteChild {
    ike::ChildId child;
};
struct CheckLiveness {
    ike::ChildId child;
};
/// Answers to the responder's questions.
struct AnswerAuthorization {
    ike::ChildId child;
    bool allowed;
};
/// A transition, for the log, `monitor` and `explain`.
struct Transition {
    Pair pair;
    std::string from, to, row, detail;
    bool security = false;
};
using Action =
    std::variant<LookUpDelegation, LookUpKeys, StartExchange, ForgetExchange, ApplyPolicy, DropPolicy, AskUse,
                 RekeyChild, DeleteChild, CheckLiveness, AnswerAuthorization, Transition>;

/// The story of a pair, for `explain`; no side effects.
struct StoryLine {
    Time at;
    std::string row;
    std::string text;
};
struct ConnectionStatus {
    Pair pair;
    std::string state;
    ClassKind class_kind = ClassKind::none;
    std::uint16_t reason = 0;
    std::string reason_text;  // row name
    std::optional<Address> gateway;
    Verdict verdict = Verdict::indeterminate;
    std::optional<ike::ChildId> child;
    Time created, next_look;       // kNever when none
    std::vector<StoryLine> story;  // bounded
};

}  // namespace oegate::keying
