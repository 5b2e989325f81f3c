#include "publication/procedure.hpp"

#include <fmt/format.h>

#include "publication/notes_file.hpp"

namespace oegate::publication {
namespace {

using rollover::Notes;
using rollover::Order;
using rollover::State;
using rollover::Step;

class Procedure {
  public:
    Procedure(const KeyFiles& files, Order order, const Ours& ours, unsigned bits, const Outside& outside)
        : files_(files), order_(order), ours_(ours), bits_(bits), outside_(outside) {}

    Report run() {
        if (prepare() && find_row())
            for (const Step step : report_.row->steps)
                if (step == Step::none || !take(step)) break;
        return std::move(report_);
    }

  private:
    Notes& notes() { return report_.notes; }
    bool failed(std::string why) {
        report_.trouble = std::move(why);
        return false;
    }
    bool done(const Result<void, std::string>& result) { return result ? true : failed(result.error()); }

    bool prepare() {
        auto keys = files_.read();
        if (!keys) return failed(keys.error());
        keys_ = std::move(*keys);
        auto loaded = load_notes(files_.notes());
        if (!loaded) return failed(loaded.error());
        notes() = std::move(*loaded);
        const State before = notes().state;
        facts_.now = outside_.wall_seconds();
        facts_.files_fit = settle(notes(), keys_, facts_.now);
        facts_.coming_file = keys_.coming.has_value();
        facts_.kept_file = keys_.kept.has_value();
        if (facts_.files_fit && notes().state != before) return done(save_notes(files_.notes(), notes()));
        return true;
    }

    bool find_row() {
        const State state = notes().state;
        if (facts_.files_fit && rollover::needs_outlook(state, order_)) {
            report_.surveyed = outside_.survey(ours_);
            facts_.now = outside_.wall_seconds();
            look(notes(), report_.surveyed, facts_.now);
            // What was seen counts from now on, whatever becomes of the order.
            if (!done(save_notes(files_.notes(), notes()))) return false;
            report_.outlook = state == State::active ? to_retire(notes(), report_.surveyed)
                                                     : to_activate(notes(), report_.surveyed);
            facts_.outlook = report_.outlook;
        }
        // Only when nothing else is in the way: the daemon's log tells every time.
        if (state == State::active && order_ == Order::retire &&
            rollover::find(state, order_, facts_) == rollover::Finding::clear)
            facts_.daemon_refused = !reload();
        report_.row = rollover::row_for(state, order_, rollover::find(state, order_, facts_));
        if (report_.row == nullptr) return failed("no row of key rollover holds; nothing was done");
        return report_.row->to.has_value();
    }

    /// false: it runs and does not sign with the key in use.
    bool reload() {
        report_.daemon = outside_.reload();
        if (report_.daemon->outcome == Reloaded::Outcome::not_running) return true;
        return report_.daemon->outcome == Reloaded::Outcome::done && report_.daemon->key == notes().new_key;
    }

    bool take(Step step) {
        if (outside_.may_take && !outside_.may_take(step)) return failed("interrupted");
        switch (step) {
            case Step::none:
                return true;
            case Step::make_key: {
                const auto made = files_.make_coming(bits_);
                if (!made) return failed(made.error());
                return begin(*made);
            }
            case Step::adopt_key:
                if (*keys_.coming == *keys_.current)
                    return failed(files_.coming() + ": is the key in use; remove it and start anew");
                return begin(*keys_.coming);
            case Step::save:
                enter(*report_.row->to);
                return done(save_notes(files_.notes(), notes()));
            case Step::swap:
                return done(files_.swap());
            case Step::reload:
                if (!reload())
                    return failed(
                        fmt::format("the new key is in its place, but the daemon does not use it: {}",
                                    report_.daemon->text));
                return true;
            case Step::remove_kept:
                return remove(files_.kept(), keys_.kept, notes().old_key, &KeyFiles::remove_kept);
            case Step::remove_coming:
                return remove(files_.coming(), keys_.coming, notes().new_key, &KeyFiles::remove_coming);
        }
        return true;
    }

    /// Never another key's file: it may be the only copy.
    bool remove(const std::string& path, const std::optional<PublicKey>& found, const PublicKey& meant,
                Result<void, std::string> (KeyFiles::*how)() const) {
        if (!found) return true;
        if (*found != meant)
            return failed(path + ": holds a key that this rollover does not know; left there");
        return done((files_.*how)());
    }

    bool begin(const PublicKey& key) {
        notes() = Notes{};
        notes().old_key = *keys_.current;
        notes().new_key = key;
        notes().started = facts_.now;
        return true;
    }

    void enter(State to) {
        if (to == notes().state) return;
        if (to == State::active) notes().activated = facts_.now;
        if (to == State::retired) notes().retired = facts_.now;
        notes().state = to;
    }

    const KeyFiles& files_;
    const Order order_;
    const Ours& ours_;
    const unsigned bits_;
    const Outside& outside_;
    rollover::Files keys_;
    rollover::Facts facts_;
    Report report_;
};

}  // namespace

Report carry_out(const KeyFiles& files, Order order, const Ours& ours, unsigned bits,
                 const Outside& outside) {
    return Procedure(files, order, ours, bits, outside).run();
}

}  // namespace oegate::publication
