// The judge of signatures, as discovery sees it: one answer in, one verdict out, with
// questions of its own in between. validate/ implements it (dns.validation: own);
// without one, discovery believes the AD bit of resolvers on a trusted path. Sans-IO:
// discovery asks what the judge wants and brings it what came. judge() may take
// milliseconds (signatures) and may run on another thread, but never beside another call.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.hpp"
#include "contract/words.hpp"
#include "discovery/wire.hpp"

namespace oegate::discovery {

/// How far one answer may be believed: all that it says of its question, the aliases
/// on the way and the proof of absence included.
struct Judged {
    /// nullopt: the chain could not be had (no DNSKEY or DS answer in time): the
    /// question failed, which is neither bogus nor unsigned.
    std::optional<Verdict> verdict;
    /// Secure: until the first of the signatures that were needed expires.
    Duration lifetime = Duration::max();
    std::string why;  // one line, for what is not secure
    /// Secure: the name at the end of the aliases, of whose records or absence it is true.
    /// Whoever reads the message for himself must have come to the same.
    std::string name{};
    /// Secure: nothing is there, of any type (RFC 8020). The header's NXDOMAIN says so to
    /// anybody's liking; only a denial of the name itself proves it.
    bool no_such_name = false;
    /// Bogus, or not to be read: the question whose answer is at fault, the judged one or
    /// one that the judge wanted. Another resolver may have a better one. nullopt: there is
    /// no such answer, or all have been heard (stands).
    std::optional<Question> suspect = std::nullopt;
};

/// For the operator. Counted each time, logged when it is news.
struct Notice {
    std::string text;
    bool news = false;
};

class Validator {
  public:
    virtual ~Validator() = default;

    /// Either a verdict, or the questions (DNSKEY, DS; class IN, canonical names)
    /// whose answers must be learnt first. message: whole, matched to question, asked
    /// with DO and CD = 1, NOERROR or NXDOMAIN, never truncated. Called again with the
    /// same message each time that what it wanted was learnt; must come to a verdict
    /// within kMaxRounds calls, or the question counts as failed.
    using Step = std::variant<Judged, std::vector<Question>>;
    virtual Step judge(const Question& question, ByteView message, Time now) = 0;

    /// The answer to a wanted question, in the same form as above; nullopt when none
    /// could be had (remember that for a moment: judge() follows at once).
    virtual void learn(const Question& question, std::optional<ByteView> message, Time now) = 0;

    /// The answer that was learnt to this question is at fault: nothing that was made of it
    /// counts any more. Another will be learnt.
    virtual void forget(const Question& question) = 0;
    /// No resolver has a better one: it is no suspect any more.
    virtual void stands(const Question& question) = 0;
    /// What came up since the last call. As judge(): never beside another call.
    virtual std::vector<Notice> take_notices() { return {}; }

    static constexpr unsigned kMaxRounds = 64;
};

}  // namespace oegate::discovery
