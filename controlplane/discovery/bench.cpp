#include "discovery/bench.hpp"

namespace oegate::discovery {

void Bench::wait(const Address& source, const Question& question) {
    auto& line = lines_[source];
    if (line.empty()) turns_.push_back(source);
    line.push_back(question);
}

std::optional<Question> Bench::next() {
    if (busy_ || turns_.empty()) return std::nullopt;
    const Address source = turns_.front();
    turns_.pop_front();
    const auto at = lines_.find(source);
    Question question = std::move(at->second.front());
    at->second.pop_front();
    if (at->second.empty())
        lines_.erase(at);
    else
        turns_.push_back(source);
    return question;
}

std::shared_ptr<Judgement> Bench::begin(const Question& question, std::uint64_t life, Bytes message,
                                        Time now) {
    busy_ = true;
    return std::make_shared<Judgement>(validator_, question, life, std::move(message), now);
}

void Bench::ended() {
    busy_ = false;
    for (; !news_.empty(); news_.pop_front()) news_.front()(*validator_);
}

void Bench::tell(std::function<void(Validator&)> news) {
    if (busy_)
        news_.push_back(std::move(news));
    else
        news(*validator_);
}

std::size_t Bench::num_waiting() const {
    std::size_t num = 0;
    for (const auto& [source, line] : lines_) num += line.size();
    return num;
}

}  // namespace oegate::discovery
