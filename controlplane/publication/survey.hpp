// What the world sees of our claims: for each name its zone, every authority of that
// zone asked itself, and the configured resolver as everybody else would ask. Blocks;
// for the `oegate` command. It judges nothing: see verify and rollover.
#pragma once

#include "publication/contents.hpp"
#include "publication/questions.hpp"

namespace oegate::publication {

/// One name at one server.
struct Sight {
    std::string name;      // of an authority: its NS name
    std::string server;    // its address
    std::string trouble;   // not empty: no answer to judge by
    bool ignored = false;  // an authority that --ignore-authority named
    bool bogus = false;    // resolver: SERVFAIL, but not without validation
    Name contents;
    std::uint32_t serial = 0;        // of the zone, 0: not known
    std::uint32_t negative_ttl = 0;  // seconds (RFC 2308 §5)
};

struct Surveyed {
    Claim claim;
    std::string owner;    // behind aliases (RFC 2317)
    std::string zone;     // final dot; empty: not found
    std::string trouble;  // why its authorities are not known
    std::vector<Sight> authorities;
    Sight world;                  // through the resolver
    std::vector<Prefix> ignored;  // as the settings say
};

struct SurveySettings {
    std::vector<Server> resolvers;  // the first that answers is asked
    std::vector<Prefix> ignored;    // --ignore-authority
    std::uint16_t authority_port = 53;
};

/// One result a claim, in their order.
std::vector<Surveyed> survey(Questions& questions, const SurveySettings& settings, const Ours& ours);

}  // namespace oegate::publication
