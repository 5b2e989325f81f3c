// CREATE_CHILD_SA for children (RFC 7296 §1.3.1, §1.3.3, §2.8.1, §2.25.1).
#include "ike/v2/create_child_sa.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "ike/v2/child_offer.hpp"
#include "ike/v2/child_sa.hpp"
#include "ike/v2/dh_jobs.hpp"
#include "ike/v2/failures.hpp"
#include "ike/v2/window.hpp"

namespace oegate::ike::v2 {

namespace {

constexpr std::size_t kNonceLen = 32;

/// What the request is about, judged before any work is done. none: go on.
struct Judged {
    wire::NotifyType refusal = wire::NotifyType::none;
    std::string detail;
    Child* old = nullptr;  // rekey
    Pair pair;             // as the peer sees it
};

Judged judge_rekey(Turn& turn, const wire::Notify& rekey, const Pair& pair) {
    const auto spi = rekey.esp_spi();
    Child* old = spi ? turn.core.child_by_spi_out(turn.sa, *spi) : nullptr;
    if (old == nullptr || old->state == ChildState::superseded)
        return {wire::NotifyType::child_sa_not_found, "REKEY_SA names no child of ours", nullptr, pair};
    if (old->state != ChildState::live)  // being closed or made (RFC 7296 §2.25.1)
        return {wire::NotifyType::temporary_failure, "REKEY_SA names a child that is being closed", nullptr,
                pair};
    if (old->peer_view() != pair)
        return {wire::NotifyType::ts_unacceptable, "REKEY_SA with the selectors of another pair", nullptr,
                pair};
    const auto is_former = [&](ChildId id) {
        const Child* child = turn.core.find_child(id);
        return child != nullptr && child->state == ChildState::superseded;
    };
    const auto same_pair = turn.sa.children.of_pair(old->pair);
    if (std::count_if(same_pair.begin(), same_pair.end(), is_former) >= kMaxSuperseded)
        return {wire::NotifyType::temporary_failure,
                "REKEY_SA without a delete of the children replaced before", nullptr, pair};
    return {wire::NotifyType::none, {}, old, pair};
}

Judged judge(Turn& turn) {
    const wire::Payloads& payloads = *turn.payloads;
    if (payloads.ts(wire::PayloadType::ts_i) == nullptr || payloads.ts(wire::PayloadType::ts_r) == nullptr)
        return {wire::NotifyType::invalid_syntax, "CREATE_CHILD_SA request without TSi or TSr", nullptr, {}};
    const auto pair = narrow_to_pair(payloads);
    if (!pair)
        return {wire::NotifyType::ts_unacceptable, "TSi and TSr name no single host pair", nullptr, {}};
    if (const auto* rekey = payloads.notify(wire::NotifyType::rekey_sa))
        return judge_rekey(turn, *rekey, *pair);
    if (turn.sa.children.size() >= kMaxChildren)
        return {wire::NotifyType::no_additional_sas, "more children than one IKE SA may have", nullptr, {}};
    if (turn.core.too_many_children(turn.sa))
        return {wire::NotifyType::no_additional_sas, kOverShare, nullptr, {}};
    return {wire::NotifyType::none, {}, nullptr, *pair};
}

/// The answer of RFC 7296 §1.3.3 and §1.2: the notify with what it must carry.
void answer_refusal(Turn& turn, wire::NotifyType type, const Child* child) {
    wire::Payloads payloads;
    const auto* rekey =
        turn.payloads == nullptr ? nullptr : turn.payloads->notify(wire::NotifyType::rekey_sa);
    if (type == wire::NotifyType::child_sa_not_found && rekey != nullptr && rekey->esp_spi())
        payloads.add(wire::Notify::of_esp(type, *rekey->esp_spi()));
    else if (type == wire::NotifyType::invalid_ke_payload && child != nullptr && child->suite.group)
        payloads.add(wire::Notify::of_u16(type, static_cast<std::uint16_t>(*child->suite.group)));
    else
        payloads.add(wire::Notify::of(type));
    answer(turn, payloads);
}

}  // namespace

Child& queue_child(Turn& turn, const Pair& pair, ConnectionId connection, std::optional<ChildId> replaces) {
    Child& child = turn.core.make_child(turn.sa, pair, connection);
    child.initiator = true;
    child.replaces = replaces;
    child.group = turn.sa.suite.group;
    turn.sa.idle_at = kNever;
    enqueue(turn, Task{.kind = Task::Kind::create_child, .child = child.id});
    return child;
}

void begin_child(Turn& turn, const Task& task) {
    Child* child = turn.core.find_child(task.child);
    // Gone meanwhile, or the peer's rekey came first.
    if (child != nullptr && child->replaces) {
        const Child* old = turn.core.find_child(*child->replaces);
        if (old == nullptr || old->state != ChildState::live) {
            fail_child(turn, *child, Failure::child_refused, "the child to be rekeyed is gone");
            child = nullptr;
        }
    }
    if (child == nullptr) {
        turn.sa.out.active.reset();  // start_next() goes on
        return;
    }
    turn.core.raise(turn, *child, ChildEvent::begin);
}

void on_child_answer(Turn& turn, const wire::Payloads& payloads) {
    turn.payloads = &payloads;
    Child* child = turn.core.find_child(turn.sa.out.active->child);
    if (child == nullptr) {
        request_done(turn);
        return;
    }
    const auto* error = payloads.first_error();
    const ChildEvent event = error != nullptr && payloads.find<wire::Sa>() == nullptr
                                 ? judge_refusal(turn, *child, *error)
                                 : judge_answer(turn, *child, payloads);
    const ChildId id = child->id;
    turn.core.raise(turn, *child, event);
    if (Child* made = turn.core.find_child(id); made != nullptr && event == ChildEvent::accepted &&
                                                std::ranges::count(turn.sa.out.taken_back, made->spi_out) > 0)
        turn.core.raise(turn, *made, ChildEvent::delete_received);
    // A retry with another group keeps the window, a later one has left it already.
    const auto& active = turn.sa.out.active;
    const Child* after = turn.core.find_child(id);
    const bool again = after != nullptr && after->state == ChildState::pairing;
    if (!again && active && active->kind == Task::Kind::create_child && active->child == id)
        request_done(turn);
}

void answer_child(Turn& turn, const Child& child) {
    wire::Payloads payloads;
    payloads.add(child.answer);
    payloads.add(wire::Nonce{child.nr});
    if (child.dh) {
        const ByteView value = child.dh->public_value();
        payloads.add(
            wire::KeyExchange{static_cast<std::uint16_t>(child.group), Bytes(value.begin(), value.end())});
    }
    add_selectors(payloads, child.peer_view());
    answer(turn, payloads);
}

namespace create {

/// ike.pfs strict: what would ride on IKE_AUTH gets an exchange and a Diffie-Hellman of its own.
void follow_auth(Turn& turn) {
    turn.child->first = false;
    turn.child->group = turn.sa.suite.group;
}

void make_pair(Turn& turn) {
    Child& child = *turn.child;
    make_dh_pair(turn.core, turn.sa.serial, child.group,
                 [&core = turn.core, id = child.id](IkeSa& sa, std::shared_ptr<DhKeyPair> pair, Time now) {
                     Child* waiting = core.find_child(id);
                     if (waiting == nullptr) return;
                     Turn later{core, sa, now};
                     waiting->dh = std::move(pair);
                     later.detail = "the crypto library refused to make a Diffie-Hellman pair";
                     core.raise(later, *waiting,
                                waiting->dh ? ChildEvent::pair_made : ChildEvent::crypto_failed);
                 });
}

void send(Turn& turn) {
    Child& child = *turn.child;
    Core& core = turn.core;
    if (child.spi_in == 0) {
        const auto spi = core.spis.allocate(child.pair);
        if (!spi) {
            turn.sa.out.active.reset();
            fail_child(turn, child, Failure::too_many, "no free inbound SA; raise dataplane.sas_per_worker");
            start_next(turn);
            return;
        }
        child.spi_in = *spi;
    }
    child.offer = wire::offer_esp(core.settings.ike, child.spi_in, true);
    child.ni = core.random.bytes(kNonceLen);
    wire::Payloads payloads;
    if (child.replaces)
        if (const Child* old = core.find_child(*child.replaces))
            payloads.add(wire::Notify::of_esp(wire::NotifyType::rekey_sa, old->spi_in));
    payloads.add(child.offer);
    payloads.add(wire::Nonce{child.ni});
    const ByteView value = child.dh->public_value();
    payloads.add(
        wire::KeyExchange{static_cast<std::uint16_t>(child.group), Bytes(value.begin(), value.end())});
    add_selectors(payloads, child.pair);
    send_request(turn, wire::ExchangeType::create_child_sa, payloads);
}

void give_up_unsent(Turn& turn) {
    const bool unsent = !turn.sa.out.request.has_value();
    fail_child(turn, *turn.child, failure_of(turn.notify), turn.detail);
    if (unsent) request_done(turn);
}

/// TEMPORARY_FAILURE: the peer is busy with this SA. Again after 1, 2, 4, … seconds,
/// with some chance in it, so that two who disturb each other part (RFC 7296 §2.25).
void postpone(Turn& turn) {
    Child& child = *turn.child;
    const auto wait = std::chrono::seconds(1u << child.attempts++);
    const auto chance = std::chrono::milliseconds(turn.core.random.below(1000));
    request_postponed(turn, turn.now + wait + chance);
}

void change_group(Turn& turn) {
    Child& child = *turn.child;
    ++child.attempts;
    child.group = *dh_group(*turn.payloads->notify(wire::NotifyType::invalid_ke_payload)->u16());
    turn.sa.out.request.reset();
    make_pair(turn);
}

void on_request(Turn& turn) {
    const wire::Payloads& payloads = *turn.payloads;
    Core& core = turn.core;
    const auto* offer = payloads.find<wire::Sa>();
    const auto* nonce = payloads.find<wire::Nonce>();
    Judged judged = judge(turn);
    const auto refuse = [&](wire::NotifyType type, const std::string& detail, const Child* child) {
        core.notice(Notice::Level::info, turn.sa.remote,
                    fmt::format("CREATE_CHILD_SA request of {} refused with {}: {}", turn.sa.peer.text(),
                                wire::to_text(type), detail),
                    turn.now);
        answer_refusal(turn, type, child);
    };
    if (judged.refusal == wire::NotifyType::none && (offer == nullptr || nonce == nullptr))
        judged = {
            wire::NotifyType::invalid_syntax, "CREATE_CHILD_SA request without SA or Nonce", nullptr, {}};
    if (judged.refusal != wire::NotifyType::none) return refuse(judged.refusal, judged.detail, nullptr);

    Child& child =
        core.make_child(turn.sa, judged.pair.reversed(), judged.old == nullptr ? 0 : judged.old->connection);
    child.offer = *offer;
    child.ni = nonce->data;
    child.nr = core.random.bytes(kNonceLen);
    if (const auto* ke = payloads.find<wire::KeyExchange>()) {
        child.peer_public = ke->data;
        child.group = dh_group(ke->group).value_or(turn.sa.suite.group);
        if (!dh_group(ke->group)) child.peer_public.clear();
    }
    const wire::NotifyType refusal = accept_offer(turn, child);
    if (refusal != wire::NotifyType::none) {
        refuse(refusal, turn.detail.empty() ? std::string("another group is wanted") : turn.detail, &child);
        core.bury(child);
        return;
    }
    if (judged.old != nullptr) {
        child.replaces = judged.old->id;
        judged.old->rival = child.id;
        // Kept with our own attempt: the old child may be gone when that is answered.
        if (Child* ours = core.find_child(judged.old->attempt))
            ours->rival_nonce = std::min(child.ni, child.nr);
    }
    turn.sa.idle_at = kNever;
    core.enter_child(turn.sa, child);
    ask_authorization(turn, child);
}

void defer(Turn& turn) {
    answer(turn, wire::NotifyType::temporary_failure);
}

}  // namespace create

}  // namespace oegate::ike::v2
