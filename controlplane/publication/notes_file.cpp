#include <algorithm>

#include "publication/notes_file.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "publication/key_files.hpp"

namespace oegate::publication {
namespace {

using rollover::Notes;
using rollover::Seen;
using rollover::State;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMaxFileLen = 4 * 1024 * 1024;
constexpr int kVersion = 1;
constexpr std::array kStates{State::none, State::announced, State::ready, State::active, State::retired};

/// Takes members out of an object and remembers the first that is not as it should be.
class Members {
  public:
    explicit Members(const Json& json) : json_(json) {}

    std::int64_t number(const char* name, std::int64_t most) {
        const auto at = json_.find(name);
        if (at == json_.end() || !at->is_number_integer()) return wrong<std::int64_t>(name);
        // What does not fit becomes negative or is beyond any time.
        const auto value =
            at->is_number_unsigned() && at->get<std::uint64_t>() > static_cast<std::uint64_t>(most)
                ? -1
                : at->get<std::int64_t>();
        return value < 0 || value > most ? wrong<std::int64_t>(name) : value;
    }
    std::string text(const char* name) {
        const auto at = json_.find(name);
        if (at == json_.end() || !at->is_string()) return wrong<std::string>(name);
        return at->get<std::string>();
    }
    PublicKey key(const char* name) {
        const auto data = from_base64(text(name));
        if (!data || data->empty()) return wrong<PublicKey>(name);
        return {PublicKey::Algorithm::rsa, *data};
    }

    std::string trouble;

  private:
    template <typename T>
    T wrong(const char* name) {
        if (trouble.empty()) trouble = fmt::format("\"{}\" is missing or wrong", name);
        return {};
    }
    const Json& json_;
};

constexpr std::int64_t kMaxTime = std::int64_t{1} << 40;  // seconds since the epoch
constexpr std::int64_t kMaxTtl = 0x7fffffff;

}  // namespace

std::string encode_notes(const Notes& notes) {
    Json seen = Json::array();
    for (const auto& [where, s] : notes.seen)
        seen.push_back({{"owner", where.first},
                        {"authority", where.second},
                        {"carries_since", s.carries_since},
                        {"free_since", s.free_since},
                        {"wait", s.wait}});
    const Json json{{"oegate-key-rollover", kVersion},
                    {"state", rollover::to_text(notes.state)},
                    {"old_key", to_base64(notes.old_key.data)},
                    {"new_key", to_base64(notes.new_key.data)},
                    {"started", notes.started},
                    {"activated", notes.activated},
                    {"retired", notes.retired},
                    {"seen", seen}};
    return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Notes, std::string> decode_notes(const std::string& text) {
    const Json json = Json::parse(text, nullptr, false);
    if (!json.is_object()) return fail(std::string("not a JSON object"));
    Members members(json);
    Notes notes;
    if (members.number("oegate-key-rollover", kMaxTtl) != kVersion)
        return fail(std::string("not notes of a key rollover that this release knows"));
    const std::string state = members.text("state");
    const auto known =
        std::find_if(kStates.begin(), kStates.end(), [&](State s) { return rollover::to_text(s) == state; });
    if (known == kStates.end()) return fail(fmt::format("\"state\": \"{}\" is no state", state));
    notes.state = *known;
    if (notes.state == State::none) return notes;
    notes.old_key = members.key("old_key");
    notes.new_key = members.key("new_key");
    notes.started = members.number("started", kMaxTime);
    notes.activated = members.number("activated", kMaxTime);
    notes.retired = members.number("retired", kMaxTime);
    const auto seen = json.find("seen");
    if (seen == json.end() || !seen->is_array()) return fail(std::string("\"seen\" is no list"));
    for (const Json& item : *seen) {
        if (!item.is_object()) return fail(std::string("\"seen\" holds something that is no object"));
        Members of(item);
        Seen s;
        s.carries_since = of.number("carries_since", kMaxTime);
        s.free_since = of.number("free_since", kMaxTime);
        s.wait = static_cast<std::uint32_t>(of.number("wait", kMaxTtl));
        notes.seen[{of.text("owner"), of.text("authority")}] = s;
        if (!of.trouble.empty()) return fail("\"seen\": " + of.trouble);
    }
    if (!members.trouble.empty()) return fail(members.trouble);
    return notes;
}

Result<Notes, std::string> load_notes(const std::string& path) {
    const auto text = read_small_file(path, kMaxFileLen);
    if (!text) return fail(text.error());
    if (!text->has_value()) return Notes{};
    auto notes = decode_notes(**text);
    if (!notes) return fail(fmt::format("{}: {}", path, notes.error()));
    return notes;
}

Result<void, std::string> save_notes(const std::string& path, const Notes& notes) {
    return replace_file(path, encode_notes(notes));
}

}  // namespace oegate::publication
