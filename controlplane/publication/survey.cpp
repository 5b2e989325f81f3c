#include "publication/survey.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "discovery/reply.hpp"

namespace oegate::publication {
namespace {

using discovery::Message;
using discovery::Question;
using discovery::Rr;

constexpr std::uint16_t kTypeA = 1;
constexpr std::uint16_t kTypeAaaa = 28;
/// A zone has a handful of authorities; what a wire says beyond that is not followed.
constexpr std::size_t kMaxAuthorities = 32;

struct Authority {
    std::string name;
    Address address;
    bool ignored = false;
};
struct Zone {
    std::vector<std::string> names;
    std::vector<Authority> authorities;
    std::string trouble;
};

std::string rcode_text(unsigned rcode) {
    static constexpr const char* kNames[] = {"NOERROR",  "FORMERR", "SERVFAIL",
                                             "NXDOMAIN", "NOTIMP",  "REFUSED"};
    return rcode < std::size(kNames) ? kNames[rcode] : fmt::format("rcode {}", rcode);
}

bool is_data(const Message& m) {
    return m.rcode == discovery::kRcodeNoError || m.rcode == discovery::kRcodeNxDomain;
}

/// Behind the aliases of an answer.
std::string final_name(const Message& message, std::string name) {
    for (unsigned i = 0; i < discovery::kMaxCnames; ++i) {
        const auto alias = std::find_if(message.answer.begin(), message.answer.end(), [&](const Rr& rr) {
            return rr.type == discovery::kTypeCname && rr.owner == name;
        });
        if (alias == message.answer.end()) break;
        name = alias->target;
    }
    return name;
}

/// The apex of a zone that holds `name`, as an SOA of an answer says.
std::string apex_of(const Message& message, const std::string& name) {
    for (const auto* section : {&message.answer, &message.authority})
        for (const Rr& rr : *section)
            if (rr.type == discovery::kTypeSoa &&
                (rr.owner == "." || rr.owner == name || name.ends_with("." + rr.owner)))
                return rr.owner;
    return {};
}

std::string parent_of(const std::string& name) {
    // Reverse names and host names have no escaped dots.
    const std::size_t dot = name.find('.');
    return dot == std::string::npos || dot + 1 >= name.size() ? "." : name.substr(dot + 1);
}

Contents contents_of(const Ours& ours, const Claim& claim, std::size_t type, const Message& message,
                     const std::string& owner) {
    std::vector<Bytes> rdata;
    std::uint32_t ttl = 0;
    bool has_signature = false;
    const auto number = static_cast<std::uint16_t>(kTypes[type]);
    for (const Rr& rr : message.answer) {
        if (rr.owner != owner) continue;
        if (rr.type == number) {
            rdata.push_back(rr.rdata);
            ttl = std::max(ttl, rr.ttl);
        } else if (rr.type == discovery::kTypeRrsig && rr.covered == number) {
            has_signature = true;
        }
    }
    Contents out = read_contents(ours, claim, kTypes[type], rdata);
    out.ttl = ttl;
    out.is_signed = has_signature;
    return out;
}

class Survey {
  public:
    Survey(Questions& questions, const SurveySettings& settings, const Ours& ours)
        : questions_(questions), settings_(settings), ours_(ours) {}

    std::vector<Surveyed> run() {
        for (const Claim& claim : ours_.claims) {
            Surveyed& s = out_.emplace_back();
            s.claim = claim;
            s.owner = claim.owner;
            s.ignored = settings_.ignored;
        }
        if (!choose_resolver()) return std::move(out_);
        find_zones();
        find_authorities();
        ask_world();
        ask_authorities();
        return std::move(out_);
    }

  private:
    /// Answers of the resolver: with validation, and without for what failed with it.
    struct Resolved {
        Answer answer;
        bool bogus = false;
    };
    std::vector<Resolved> resolve(const std::vector<Question>& wanted) {
        std::vector<Ask> asks;
        for (const Question& question : wanted) asks.push_back({resolver_, question, true, false});
        std::vector<Resolved> out;
        for (Answer& answer : questions_.ask(asks)) out.push_back({std::move(answer), false});
        std::vector<Ask> unchecked;
        std::vector<std::size_t> which;
        for (std::size_t i = 0; i < out.size(); ++i)
            if (out[i].answer.state == Answer::State::answered &&
                out[i].answer.message.rcode == discovery::kRcodeServFail) {
                unchecked.push_back({resolver_, wanted[i], true, true});
                which.push_back(i);
            }
        std::vector<Answer> second = questions_.ask(unchecked);
        for (std::size_t i = 0; i < second.size(); ++i)
            if (second[i].state == Answer::State::answered && is_data(second[i].message))
                out[which[i]] = {std::move(second[i]), true};
        return out;
    }

    bool choose_resolver() {
        std::string trouble = "no resolver is configured";
        for (const Server& server : settings_.resolvers) {
            const auto answers = questions_.ask({{server, {".", discovery::kTypeNs}, true, false}});
            if (answers[0].state == Answer::State::answered) {
                resolver_ = server;
                return true;
            }
            trouble = fmt::format("resolver {} {}", server.text(), answers[0].trouble);
        }
        for (Surveyed& s : out_) {
            s.trouble = trouble;
            s.world.trouble = trouble;
        }
        return false;
    }

    /// An SOA question finds the apex, or is asked again one label up.
    void find_zones() {
        std::vector<std::size_t> open;
        std::vector<std::string> at;
        for (std::size_t i = 0; i < out_.size(); ++i) {
            open.push_back(i);
            at.push_back(out_[i].owner);
        }
        for (bool first = true; !open.empty(); first = false) {
            std::vector<Question> wanted;
            for (const std::string& name : at) wanted.push_back({name, discovery::kTypeSoa});
            const auto resolved = resolve(wanted);
            std::vector<std::size_t> still_open;
            std::vector<std::string> still_at;
            for (std::size_t i = 0; i < open.size(); ++i) {
                Surveyed& s = out_[open[i]];
                const Answer& answer = resolved[i].answer;
                if (answer.state != Answer::State::answered || !is_data(answer.message)) {
                    s.trouble = fmt::format(
                        "the zone of {} is not found: resolver {} {}", at[i], resolver_.text(),
                        answer.state == Answer::State::answered
                            ? "says " + rcode_text(answer.message.rcode) + "; do its servers answer?"
                            : answer.trouble);
                    continue;
                }
                if (first) s.owner = final_name(answer.message, s.owner);
                s.zone = apex_of(answer.message, s.owner);
                if (!s.zone.empty()) continue;
                // Where the alias led on, its own name is asked first.
                const std::string next = first && s.owner != at[i] ? s.owner : parent_of(at[i]);
                if (at[i] == ".") {
                    s.trouble = "the zone of " + s.owner + " is not found: no SOA up to the root";
                    continue;
                }
                still_open.push_back(open[i]);
                still_at.push_back(next);
            }
            open = std::move(still_open);
            at = std::move(still_at);
        }
    }

    void find_authorities() {
        for (const Surveyed& s : out_)
            if (!s.zone.empty()) zones_.try_emplace(s.zone);
        std::vector<Question> wanted;
        for (const auto& [name, zone] : zones_) wanted.push_back({name, discovery::kTypeNs});
        auto resolved = resolve(wanted);
        std::size_t i = 0;
        std::set<std::string> hosts;
        for (auto& [name, zone] : zones_) {
            for (const Rr& rr : resolved[i++].answer.message.answer)
                if (rr.type == discovery::kTypeNs && rr.owner == name && zone.names.size() < kMaxAuthorities)
                    zone.names.push_back(rr.target);
            std::sort(zone.names.begin(), zone.names.end());
            hosts.insert(zone.names.begin(), zone.names.end());
            if (zone.names.empty()) zone.trouble = fmt::format("the resolver knows no NS of {}", name);
        }
        wanted.clear();
        for (const std::string& host : hosts) {
            wanted.push_back({host, kTypeA});
            wanted.push_back({host, kTypeAaaa});
        }
        resolved = resolve(wanted);
        std::map<std::string, std::vector<Address>> addresses;
        for (std::size_t k = 0; k < wanted.size(); ++k) {
            const Message& message = resolved[k].answer.message;
            const std::string owner = final_name(message, wanted[k].name);
            for (const Rr& rr : message.answer)
                if (rr.type == wanted[k].type && rr.owner == owner)
                    if (const auto address = Address::from_wire(rr.rdata))
                        addresses[wanted[k].name].push_back(*address);
        }
        for (auto& [name, zone] : zones_)
            for (const std::string& host : zone.names) {
                if (addresses[host].empty()) zone.authorities.push_back({host, {}, false});
                for (const Address& address : addresses[host])
                    if (zone.authorities.size() < kMaxAuthorities)
                        zone.authorities.push_back({host, address, is_ignored(address)});
            }
    }

    bool is_ignored(const Address& address) const {
        return std::any_of(settings_.ignored.begin(), settings_.ignored.end(),
                           [&](const Prefix& p) { return p.contains(address); });
    }

    void ask_world() {
        std::vector<Question> wanted;
        for (const Surveyed& s : out_)
            for (const auto type : kTypes)
                wanted.push_back({s.claim.owner, static_cast<std::uint16_t>(type)});
        const auto resolved = resolve(wanted);
        for (std::size_t i = 0; i < resolved.size(); ++i) {
            Surveyed& s = out_[i / kTypes.size()];
            const std::size_t type = i % kTypes.size();
            const Answer& answer = resolved[i].answer;
            s.world.server = resolver_.text();
            if (answer.state != Answer::State::answered)
                s.world.trouble = answer.trouble;
            else if (!is_data(answer.message))
                s.world.trouble = "says " + rcode_text(answer.message.rcode);
            if (!s.world.trouble.empty()) continue;
            s.world.bogus = s.world.bogus || resolved[i].bogus;
            s.world.contents[type] =
                contents_of(ours_, s.claim, type, answer.message, final_name(answer.message, s.claim.owner));
            s.world.contents[type].is_signed = answer.message.authentic;
        }
    }

    void ask_authorities() {
        std::vector<Ask> asks;
        std::set<std::pair<std::string, Address>> apexes;
        for (Surveyed& s : out_) {
            if (s.zone.empty()) continue;
            const Zone& zone = zones_.at(s.zone);
            if (s.trouble.empty()) s.trouble = zone.trouble;
            for (const Authority& authority : zone.authorities) {
                Sight& sight = s.authorities.emplace_back();
                sight.name = authority.name;
                sight.ignored = authority.ignored;
                if (authority.address == Address{}) {
                    sight.trouble = "has no address";
                    continue;
                }
                const Server server{authority.address, settings_.authority_port};
                sight.server = server.text();
                if (authority.ignored) continue;
                if (apexes.emplace(s.zone, authority.address).second)
                    asks.push_back({server, {s.zone, discovery::kTypeSoa}, false, false});
                for (const auto type : kTypes)
                    asks.push_back({server, {s.owner, static_cast<std::uint16_t>(type)}, false, false});
            }
        }
        const std::vector<Answer> answers = questions_.ask(asks);
        std::map<std::pair<Server, Question>, const Answer*> by_question;
        for (std::size_t i = 0; i < asks.size(); ++i)
            by_question[{asks[i].server, asks[i].question}] = &answers[i];
        for (Surveyed& s : out_) {
            if (s.zone.empty()) continue;
            const Zone& zone = zones_.at(s.zone);
            for (std::size_t i = 0; i < s.authorities.size(); ++i) {
                if (s.authorities[i].ignored || !s.authorities[i].trouble.empty()) continue;
                const Server server{zone.authorities[i].address, settings_.authority_port};
                const auto answer = [&](const std::string& name, std::uint16_t type) -> const Answer& {
                    return *by_question.at({server, {name, type}});
                };
                read_soa(s.authorities[i], s.zone, answer(s.zone, discovery::kTypeSoa));
                for (std::size_t type = 0; type < kTypes.size(); ++type)
                    read_authority(s, s.authorities[i], type,
                                   answer(s.owner, static_cast<std::uint16_t>(kTypes[type])));
            }
        }
    }

    void read_soa(Sight& sight, const std::string& zone, const Answer& answer) {
        if (answer.state != Answer::State::answered) return;
        for (const Rr& rr : answer.message.answer)
            if (rr.type == discovery::kTypeSoa && rr.owner == zone && rr.rdata.size() >= 20) {
                sight.negative_ttl = std::min(rr.ttl, rr.soa_minimum);
                const auto at = rr.rdata.end() - 20;
                for (int i = 0; i < 4; ++i) sight.serial = sight.serial << 8 | at[i];
            }
    }

    void read_authority(const Surveyed& s, Sight& sight, std::size_t type, const Answer& answer) {
        if (!sight.trouble.empty()) return;
        if (answer.state != Answer::State::answered)
            sight.trouble = answer.trouble;
        else if (!is_data(answer.message))
            sight.trouble = "says " + rcode_text(answer.message.rcode);
        else if (!answer.message.authoritative)
            sight.trouble = "does not answer for " + s.zone;
        else
            sight.contents[type] = contents_of(ours_, s.claim, type, answer.message, s.owner);
    }

    Questions& questions_;
    const SurveySettings& settings_;
    const Ours& ours_;
    Server resolver_;
    std::map<std::string, Zone> zones_;
    std::vector<Surveyed> out_;
};

}  // namespace

std::vector<Surveyed> survey(Questions& questions, const SurveySettings& settings, const Ours& ours) {
    return Survey(questions, settings, ours).run();
}

}  // namespace oegate::publication
