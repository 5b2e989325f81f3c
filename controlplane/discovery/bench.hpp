// Where answers wait for their judge. One is judged at a time, so that whoever runs the
// judgements (the crypto pool) never has two of them; each source has a line of its own
// and the lines take turns, so that a zone that is dear to verify holds back those who
// asked for it. Owned by questions.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "discovery/validator.hpp"
#include "net/address.hpp"

namespace oegate::discovery {

/// One answer before its judge.
class Judgement {
  public:
    Judgement(std::shared_ptr<Validator> validator, Question question, std::uint64_t life, Bytes message,
              Time now)
        : validator_(std::move(validator)),
          question_(std::move(question)),
          life_(life),
          message_(std::move(message)),
          now_(now) {}

    /// On any thread. Milliseconds at worst.
    void run() {
        step_ = validator_->judge(question_, message_, now_);
        notices_ = validator_->take_notices();
    }

    const Question& question() const { return question_; }
    std::uint64_t life() const { return life_; }
    const Validator::Step& step() const { return step_; }
    const std::vector<Notice>& notices() const { return notices_; }

  private:
    std::shared_ptr<Validator> validator_;
    Question question_;
    std::uint64_t life_;
    Bytes message_;
    Time now_;
    Validator::Step step_;
    std::vector<Notice> notices_;
};

class Bench {
  public:
    explicit Bench(std::shared_ptr<Validator> validator) : validator_(std::move(validator)) {}

    bool has_judge() const { return validator_ != nullptr; }
    void wait(const Address& source, const Question& question);
    /// The next in turn; nullopt: none waits, or one is being judged.
    std::optional<Question> next();
    std::shared_ptr<Judgement> begin(const Question& question, std::uint64_t life, Bytes message, Time now);
    void ended();
    /// At once, or when the judgement under way has ended.
    void tell(std::function<void(Validator&)> news);

    std::size_t num_waiting() const;

  private:
    std::shared_ptr<Validator> validator_;
    std::map<Address, std::deque<Question>> lines_;
    std::deque<Address> turns_;  // sources with a line; each once
    std::deque<std::function<void(Validator&)>> news_;
    bool busy_ = false;
};

}  // namespace oegate::discovery
