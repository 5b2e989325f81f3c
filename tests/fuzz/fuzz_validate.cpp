// What a hostile resolver or zone can hand to the judge of signatures: an answer, and
// the DNSKEY and DS answers that it then asks for. An input is a row of pieces, each
// behind its length in two bytes: trust anchors as text, the answer, and further
// messages, which are found by their question.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <map>

#include "base/cursor.hpp"
#include "discovery/validate/own.hpp"

namespace {

constexpr std::int64_t kWall = 1'893'456'000;  // 2030-01-01, when the signatures of the corpus hold

void require(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace oegate;
    using namespace oegate::discovery;
    std::vector<Bytes> pieces;
    for (Reader in(ByteView(data, size)); in.ok() && in.remaining() > 0;) {
        const std::size_t len = std::min<std::size_t>(in.u16(), in.remaining());
        const ByteView piece = in.take(len);
        pieces.emplace_back(piece.begin(), piece.end());
    }
    if (pieces.size() < 2) return 0;
    auto anchors =
        validate::read_anchors({reinterpret_cast<const char*>(pieces[0].data()), pieces[0].size()});
    if (!anchors) {
        require(!anchors.error().empty());
        return 0;
    }
    std::map<Question, ByteView> messages;
    for (std::size_t i = 1; i < pieces.size(); ++i)
        if (const auto message = parse_message(pieces[i]); message && !message->questions.empty())
            messages.emplace(message->questions[0], pieces[i]);
    Question question{"host.nsec.", 16};
    if (const auto message = parse_message(pieces[1]); message && !message->questions.empty())
        question = message->questions[0];

    const auto validator = validate::make_validator(std::move(*anchors), [] { return kWall; });
    const Time now{1000s};
    for (unsigned round = 0; round < Validator::kMaxRounds; ++round) {
        auto step = validator->judge(question, pieces[1], now);
        if (const auto* judged = std::get_if<Judged>(&step)) {
            require(judged->lifetime >= 0s);
            require(judged->verdict == Verdict::secure || !judged->why.empty());
            return 0;
        }
        const auto& wanted = std::get<std::vector<Question>>(step);
        require(!wanted.empty());
        for (const Question& more : wanted) {
            require(more.type == 43 || more.type == 48);
            const auto at = messages.find(more);
            validator->learn(more, at == messages.end() ? std::nullopt : std::optional(at->second), now);
        }
    }
    std::abort();  // no verdict
}
