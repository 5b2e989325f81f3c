// Diffie-Hellman jobs.
#include "ike/v2/dh_jobs.hpp"

namespace oegate::ike::v2 {

namespace {

/// Bytes of a private value, as DhKeyPair::from_private wants them.
std::size_t private_value_len(DhGroup group) {
    return group == DhGroup::curve25519 ? 32 : 64;
}

struct Work {
    DhGroup group = DhGroup::curve25519;
    Secret private_value;
    Bytes peer_public;
    DhAnswer answer;
};

std::shared_ptr<Work> prepare(Core& core, DhGroup group, Bytes peer_public) {
    auto work = std::make_shared<Work>();
    work->group = group;
    work->private_value = Secret(private_value_len(group));
    core.random.fill(work->private_value.mutable_view());
    work->peer_public = std::move(peer_public);
    return work;
}

void pair_up(Work& work) {
    auto made = DhKeyPair::from_private(work.group, std::move(work.private_value));
    if (made)
        work.answer.pair = std::make_shared<DhKeyPair>(std::move(*made));
    else
        work.answer.error = made.error();
}

void agree(Work& work) {
    if (!work.answer.pair) return;
    auto secret = work.answer.pair->shared(work.peer_public);
    if (secret) {
        work.answer.g_ir = std::move(*secret);
    } else {
        work.answer.error = secret.error();
        work.answer.pair.reset();
    }
}

}  // namespace

void make_dh_pair(Core& core, Serial serial, DhGroup group,
                  std::function<void(IkeSa&, std::shared_ptr<DhKeyPair>, Time)> done) {
    auto work = prepare(core, group, {});
    core.submit(
        serial, [work] { pair_up(*work); },
        [work, done = std::move(done)](IkeSa& sa, Time now) { done(sa, std::move(work->answer.pair), now); });
}

void make_dh_answer(Core& core, Serial serial, DhGroup group, Bytes peer_public,
                    std::function<void(IkeSa&, DhAnswer, Time)> done) {
    auto work = prepare(core, group, std::move(peer_public));
    core.submit(
        serial,
        [work] {
            pair_up(*work);
            agree(*work);
        },
        [work, done = std::move(done)](IkeSa& sa, Time now) { done(sa, std::move(work->answer), now); });
}

void make_dh_secret(Core& core, Serial serial, std::shared_ptr<DhKeyPair> pair, Bytes peer_public,
                    std::function<void(IkeSa&, DhAnswer, Time)> done) {
    auto work = std::make_shared<Work>();
    work->peer_public = std::move(peer_public);
    work->answer.pair = std::move(pair);
    core.submit(
        serial, [work] { agree(*work); },
        [work, done = std::move(done)](IkeSa& sa, Time now) { done(sa, std::move(work->answer), now); });
}

}  // namespace oegate::ike::v2
