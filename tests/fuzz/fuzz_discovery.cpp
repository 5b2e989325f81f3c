// Discovery as a whole under whatever resolvers, the network and the clock can do: the
// input is a script of look-ups, messages (raw, or matching a question that is open),
// errors, abandonments and time. Bounds hold all the way, and in the end every look-up
// has completed once and nothing is left open.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <set>

#include "base/cursor.hpp"
#include "discovery/discovery.hpp"

namespace {

using namespace oegate;
using namespace oegate::discovery;

void require(bool holds) {
    if (!holds) std::abort();
}

/// Any verdict and any number of questions, as the input says.
struct Judge : Validator {
    Reader* in;
    explicit Judge(Reader* script) : in(script) {}
    Step judge(const Question& question, ByteView message, Time) override {
        require(parse_message(message).has_value());
        const unsigned choice = in->u8();
        if (!in->ok()) return Judged{Verdict::secure, 60s, "", question.name};
        if (choice < 5)
            return Judged{static_cast<Verdict>(choice % 4),
                          30s,
                          "as the script says",
                          question.name,
                          false,
                          suspect(question)};
        if (choice == 5) return Judged{std::nullopt, 0s, "no chain", "", false, suspect(question)};
        if (choice == 6) return std::vector{question};
        std::vector<Question> wanted;
        for (unsigned i = 0; i <= choice % 3; ++i)
            wanted.push_back({std::string(1, static_cast<char>('a' + choice % 8)) + ".",
                              static_cast<std::uint16_t>(i % 2 ? 48 : 43)});
        return wanted;
    }
    void learn(const Question&, std::optional<ByteView> message, Time) override {
        if (message) require(parse_message(*message).has_value());
    }
    void forget(const Question&) override {}
    void stands(const Question&) override {}
    std::optional<Question> suspect(const Question& question) {
        const unsigned choice = in->u8() % 4;
        if (choice < 2) return std::nullopt;
        return choice == 2 ? question : Question{"a.", 48};
    }
};

struct Play {
    explicit Play(ByteView script) : in(script) {
        const unsigned mode = in.u8();
        config.resolvers.push_back({Address::ipv4(10, 53, 0, 1), 53, true});
        if (mode & 1) config.resolvers.push_back({Address::ipv4(10, 53, 0, 2), 53, (mode & 128) != 0});
        if (mode & 2) config.validation = config::Validation::own;
        config.unsigned_records = static_cast<config::UnsignedRecords>((mode >> 2) % 3);
        config.max_queries = 1 + (mode >> 4) % 8;
        config.max_waiting = 4;
        config.per_source = 3;
        config.cache_entries = 4;
        discovery = std::make_unique<Discovery>(
            config, random, [] { return std::int64_t{2'000'000'000}; }, std::make_unique<Judge>(&in),
            Surroundings{.judge_elsewhere = (mode & 128) != 0});
    }

    void take() {
        if (auto next = discovery->next_judgement()) {
            require(!held);
            held = std::move(next);
        }
        while (discovery->next_complaint()) continue;
        while (auto action = discovery->next_action()) {
            if (auto* query = std::get_if<SendQuery>(&*action))
                require(open.emplace(query->query, std::move(*query)).second);
            else
                require(open.erase(std::get<CloseQuery>(*action).query) == 1);
        }
        require(open.size() <= config.max_queries);
        require(discovery->load().in_flight == open.size());
        require(discovery->load().waiting <= config.max_waiting * 3);
        require(discovery->load().cached <= config.cache_entries);
        while (auto done = discovery->next_completion()) std::visit([&](const auto& d) { check(d); }, *done);
    }
    template <class Done>
    void check(const Done& done) {
        require(waiting.erase(done.lookup) == 1);
        require(done.answer.lifetime >= 1s && done.answer.lifetime <= config.longest_ttl);
        require(!done.answer.detail.empty());
        if constexpr (std::is_same_v<Done, DelegationDone>)
            require((done.answer.outcome == Outcome::usable) == !done.answer.candidates.empty());
        else
            require((done.answer.outcome == Outcome::usable) == !done.answer.keys.empty());
    }
    void pass(Duration duration) {
        const Time end = now + duration;
        take();
        // The pool is done with what it had.
        while (held) {
            const auto judgement = std::exchange(held, nullptr);
            judgement->run();
            discovery->on_judged(*judgement, now);
            take();
        }
        while (discovery->next_deadline() <= end) {
            require(++num_timers < 100'000);
            now = std::max(now, discovery->next_deadline());
            discovery->on_timer(now);
            take();
            if (const auto judgement = std::exchange(held, nullptr)) {
                judgement->run();
                discovery->on_judged(*judgement, now);
                take();
            }
        }
        now = end;
    }
    const SendQuery* some_query() {
        if (open.empty()) return nullptr;
        return &std::next(open.begin(), static_cast<std::ptrdiff_t>(in.u8() % open.size()))->second;
    }
    ByteView some_bytes() { return in.take(std::min<std::size_t>(in.u16() % 2048, in.remaining())); }

    void look_up() {
        const unsigned who = in.u8();
        const Asker asker{Address::ipv4(10, 0, 0, static_cast<std::uint8_t>(who % 4)), (who & 16) != 0};
        const Address owner = Address::ipv4(192, 2, 0, static_cast<std::uint8_t>(who >> 2 & 3));
        if (who & 32)
            waiting.insert(discovery->look_up_keys(
                who & 64 ? Identity::of_name("a.example") : Identity::of(owner), now, asker));
        else
            waiting.insert(discovery->look_up_delegation(owner, now, asker));
    }
    /// The question as it was asked, and behind it what the script holds.
    void answer(bool one_record) {
        const SendQuery* query = some_query();
        if (!query) return;
        const std::uint16_t flags = in.u16();
        const bool plain = query->message[11] == 0;
        const std::size_t end = query->message.size() - (plain ? 0 : 11);  // without OPT
        Bytes message(query->message.begin(), query->message.begin() + static_cast<std::ptrdiff_t>(end));
        message[2] = static_cast<std::uint8_t>(0x80 | (flags >> 8 & 2));
        message[3] = static_cast<std::uint8_t>(flags);
        message[10] = message[11] = 0;
        if (one_record) {
            const ByteView rdata = some_bytes();
            message[7] = 1;
            append(message, Bytes{0xc0, 12, message[end - 4], message[end - 3], 0, 1, 0, 0, 1, 0});
            append(message, Bytes{static_cast<std::uint8_t>(rdata.size() >> 8),
                                  static_cast<std::uint8_t>(rdata.size())});
            append(message, rdata);
        } else {
            message[7] = in.u8() % 8;
            message[9] = in.u8() % 4;
            append(message, some_bytes());
        }
        discovery->on_message(query->query, message, now);
    }
    void step() {
        switch (in.u8() % 8) {
            case 0:
                return look_up();
            case 1:
                if (const SendQuery* query = some_query())
                    discovery->on_message(query->query, some_bytes(), now);
                return;
            case 2:
                return answer(false);
            case 3:
            case 4:
                return answer(true);
            case 5:
                if (const SendQuery* query = some_query()) discovery->on_transport_error(query->query, now);
                return;
            case 6:
                return pass(std::chrono::milliseconds(in.u8() * 40));
            case 7:
                if (waiting.empty() || in.u8() % 4) return;
                discovery->abandon(*waiting.begin());
                waiting.erase(waiting.begin());
                return;
        }
    }

    Reader in;
    config::Dns config;
    SeededRandom random{1};
    std::unique_ptr<Discovery> discovery;
    std::map<QueryId, SendQuery> open;
    std::set<LookupId> waiting;
    std::shared_ptr<Judgement> held;  // in the pool
    Time now{1000s};
    unsigned num_timers = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Play play(ByteView(data, std::min<std::size_t>(size, 8192)));
    while (play.in.ok() && play.in.remaining() > 0) {
        play.step();
        play.take();
    }
    play.pass(60s);
    require(play.waiting.empty() && play.open.empty());
    require(play.discovery->next_deadline() == kNever);
    const Load load = play.discovery->load();
    require(load.lookups == 0 && load.in_flight == 0 && load.waiting == 0 && load.sources == 0);
    return 0;
}
