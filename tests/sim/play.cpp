#include "play.hpp"

#include "run.hpp"

namespace oegate::sim {

bool Play::judge(const Talk& talk, Outcome outcome) {
    const auto round = [&] {
        const std::uint64_t sent[] = {world_.send_from_site(talk.pair),
                                      world_.send_from_site(talk.pair.reversed())};
        world_.run(500ms);
        bool as_expected = true;
        for (const std::uint64_t datagram : sent) {
            bool encrypted = false;
            const bool there = world_.was_delivered(datagram, &encrypted);
            as_expected = as_expected && there == (outcome != Outcome::nothing) &&
                          encrypted == (outcome == Outcome::encrypted);
        }
        return as_expected && (outcome != Outcome::encrypted || world_.agreed(talk.pair));
    };
    for (int i = 0; i < 10; ++i)  // a rekey may be under way
        if (round()) return true;
    return false;
}

void Play::judge() {
    for (const Talk& t : talks_) {
        bool reachable = true;
        for (const unsigned s : {t.here, t.there}) reachable = reachable && world_.is_up(world_.exit_of(s));
        if (!reachable) continue;
        const Outcome outcome = expected(sites_[t.here].side(t.there), sites_[t.there].side(t.here));
        ++(outcome == Outcome::encrypted ? tally_.encrypted_pairs
           : outcome == Outcome::clear   ? tally_.clear_pairs
                                         : tally_.silent_pairs);
        if (!judge(t, outcome))
            world_.violate(Invariant::agreed, std::string(outcome == Outcome::encrypted ? "not encrypted"
                                                          : outcome == Outcome::clear   ? "not in the clear"
                                                                                        : "not silent") +
                                                  " in the end: " + t.pair.text() + "\n" +
                                                  world_.describe(t.pair));
    }
    for (unsigned i = 0; i < world_.num_gateways(); ++i)
        if (world_.is_up(i) && world_.gateway(i).status().connections > talks_.size())
            world_.violate(Invariant::bounded, world_.config(i).name + " has more connections than pairs");
}

void Play::judge_leftovers() {
    const Time until = world_.clock.now() + kIdleOut;
    std::string left = world_.leftovers();
    while (!left.empty() && world_.clock.now() < until) {
        world_.run(20s);
        left = world_.leftovers();
    }
    if (!left.empty()) world_.violate(Invariant::bounded, "left over:" + left);
}

void Play::count() {
    for (unsigned i = 0; i < world_.num_gateways(); ++i) {
        tally_.crossed += world_.counted(i, "row s.both") + world_.counted(i, "row s.peer-first");
        tally_.rekeys += world_.counted(i, "row k.rekey-own");
        tally_.second += world_.counted(i, "row k.second");
        if (!world_.verbose() || !world_.is_up(i)) continue;
        for (const gateway::CounterView& c : world_.gateway(i).counters())
            if (c.value > 0)
                say(world_.config(i).name + " counted " + c.name + ": " + std::to_string(c.value));
    }
    tally_.gateways += world_.num_gateways();
    tally_.events += world_.clock.happened();
    tally_.clear += world_.clear_on_wire();
    tally_.esp += world_.esp_on_wire();
    tally_.ike += world_.ike_on_wire();
    tally_.delivered += world_.delivered().size();
    tally_.forged += attacker_.num_strikes();
    const auto rows = world_.rows();
    for (std::size_t i = 0; i < rows.size(); ++i) tally_.rows[i] += rows[i];
}

std::vector<std::string> Play::run() {
    make_sites();
    configure();
    make_weather();
    world_.may_clear = [this](unsigned i, const Pair& pair) { return may_clear(i, pair); };
    for (unsigned s = 0; s < sites_.size(); ++s) {
        publish(s);
        std::string gateways;
        for (const unsigned i : world_.gateways_of(s)) gateways += " " + world_.config(i).name;
        say("site " + std::to_string(s) + " behind" + gateways + ": class " +
            std::string(to_text(sites_[s].kind)) + (sites_[s].published() ? "" : ", not published securely") +
            (sites_[s].reachable() ? "" : ", initiates under a name") +
            (sites_[s].translated ? ", translated" : "") +
            (sites_[s].require_secure ? ", requires secure" : "") + (sites_[s].sticky ? ", sticky" : "") +
            (sites_[s].small ? ", narrow bounds" : ""));
        for (const auto& [other, kind] : sites_[s].towards)
            say("  towards site " + std::to_string(other) + " " + std::string(to_text(kind)));
    }
    begin_ = world_.clock.now();
    heal_ = begin_ + between(random_, 40s, 80s);
    bad_dns_ = one_in(6);
    end_ = heal_ + kSettle + (bad_dns_ ? kBadDns : 0s);
    world_.start(false);
    make_talks();
    make_trouble();
    for (const Talk& t : talks_) say("pair " + t.pair.text());
    world_.clock.at(heal_, [this] {
        world_.zone.moods.clear();
        world_.zone.has_malformed = false;
        for (unsigned s = 0; s < sites_.size(); ++s) publish(s);
        world_.heal();
    });
    world_.run(end_ - begin_);
    judge();
    judge_leftovers();
    count();
    return world_.violations();
}

/// By the plan alone: the kind of site of gateway i for where the pair goes.
bool Play::may_clear(unsigned i, const Pair& pair) const {
    const auto there = World::site_of(pair.destination);
    const Site& site = sites_[world_.site_of(i)];
    const ClassKind kind = there && *there < sites_.size() ? site.kind_for(*there) : site.kind;
    return kind == ClassKind::oe_permissive || kind == ClassKind::always_clear_text ||
           kind == ClassKind::oe_accept_only;
}

Outcome expected(const Side& here, const Side& there) {
    const auto starts = [](const Side& s) {
        return s.kind == ClassKind::oe_permissive || s.kind == ClassKind::oe_paranoid;
    };
    const auto accepts = [&](const Side& s) { return starts(s) || s.kind == ClassKind::oe_accept_only; };
    const auto clears = [](const Side& s) {
        return s.kind == ClassKind::oe_permissive || s.kind == ClassKind::oe_accept_only ||
               s.kind == ClassKind::always_clear_text;
    };
    const auto configured = [](const Side& s) { return s.kind == ClassKind::configured; };
    if (configured(here) && configured(there)) return Outcome::encrypted;
    // A configured side needs no DNS; what its peer must believe, does.
    if (configured(here)) return accepts(there) && here.published ? Outcome::encrypted : Outcome::nothing;
    if (configured(there)) return expected(there, here);
    const auto keys = [&](const Side& s, const Side& with) {
        return starts(s) && accepts(with) && with.reachable;
    };
    if (here.published && there.published && (keys(here, there) || keys(there, here)))
        return Outcome::encrypted;
    return clears(here) && clears(there) ? Outcome::clear : Outcome::nothing;
}

std::vector<std::string> play(std::uint64_t seed, std::span<const ike::PrivateKey> keys, bool verbose,
                              Tally& tally) {
    const std::vector<std::string> broken = Play(seed, keys, verbose, tally).run();
    ++tally.runs;
    if (!broken.empty()) ++tally.failed;
    return broken;
}

void Tally::add(const Tally& o) {
    static_assert(sizeof(Tally) % sizeof(std::uint64_t) == 0);
    auto* to = reinterpret_cast<std::uint64_t*>(this);
    const auto* from = reinterpret_cast<const std::uint64_t*>(&o);
    for (std::size_t i = 0; i < sizeof(Tally) / sizeof(std::uint64_t); ++i) to[i] += from[i];
}

}  // namespace oegate::sim
