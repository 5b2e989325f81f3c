#include "config/loader_tree.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <exception>
#include <set>
#include <sstream>

namespace oegate::config {
namespace {

constexpr std::size_t kMaxDepth = 16;
constexpr std::size_t kMaxNodes = 1'000'000;
constexpr std::size_t kMaxDepthOfBrackets = 64;

Place place_of(const YAML::Mark& mark) {
    if (mark.is_null()) return {};
    return {static_cast<unsigned>(mark.line) + 1, static_cast<unsigned>(mark.column) + 1};
}

/// Ends the parse from within a callback of yaml-cpp; never leaves this file.
struct Refused {
    Place place;
    std::string what;
    std::string expected;
};

class Builder final : public YAML::EventHandler {
  public:
    Builder(const std::string& file, Node& root, std::vector<Problem>& problems)
        : file_(file), root_(root), problems_(problems) {}

    void OnDocumentStart(const YAML::Mark&) override {}
    void OnDocumentEnd() override {}

    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        Node* node = add(mark, "", anchor, Node::Kind::empty);
        // What is not there is best shown by its key.
        if (node->key_place.line > 0) node->place = node->key_place;
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
        tell(place_of(mark), "alias", "the value itself: anchors and aliases are not supported");
        add(mark, "", 0, Node::Kind::refused);
    }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        if (expects_key()) {
            check_tag(mark, tag, anchor);
            take_key(place_of(mark), value);
            return;
        }
        Node* node = add(mark, tag, anchor, Node::Kind::scalar);
        node->text = value;
        node->quoted = tag == "!";
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Node::Kind::list);
    }
    void OnSequenceEnd() override { end(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, Node::Kind::map);
    }
    void OnMapEnd() override { end(); }

  private:
    struct Frame {
        Node* node;
        bool key_taken = false;
        std::string key;
        Place key_place;
        std::set<std::string> keys;
    };

    bool expects_key() const {
        return !frames_.empty() && frames_.back().node->kind == Node::Kind::map && !frames_.back().key_taken;
    }

    void tell(Place place, std::string what, std::string expected) {
        problems_.push_back({file_, place.line, place.column, std::move(what), std::move(expected)});
    }

    void check_tag(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
        if (anchor != YAML::NullAnchor)
            tell(place_of(mark), "anchor", "no anchor: anchors and aliases are not supported");
        if (!tag.empty() && tag != "?" && tag != "!")
            tell(place_of(mark), "tag \"" + tag.substr(0, 40) + "\"", "no tag: tags are not supported");
    }

    void take_key(Place place, const std::string& key) {
        Frame& frame = frames_.back();
        frame.key = key;
        frame.key_place = place;
        frame.key_taken = true;
        if (!frame.keys.insert(key).second)
            tell(place, "key \"" + key.substr(0, 80) + "\" is given twice", "it once");
    }

    Node* add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
        if (++num_nodes_ > kMaxNodes)
            throw Refused{place_of(mark), "too many values", "at most " + std::to_string(kMaxNodes)};
        if (frames_.size() >= kMaxDepth)
            throw Refused{place_of(mark), "nested too deeply",
                          "at most " + std::to_string(kMaxDepth) + " levels"};
        if (expects_key())
            throw Refused{place_of(mark), "the key of a mapping is not plain text", "a key like \"name\""};
        check_tag(mark, tag, anchor);
        Node* node = &root_;
        if (!frames_.empty()) {
            Frame& frame = frames_.back();
            node = &frame.node->children.emplace_back();
            if (frame.node->kind == Node::Kind::map) {
                node->key = frame.key;
                node->key_place = frame.key_place;
                frame.key_taken = false;
            }
        }
        node->kind = kind;
        node->place = place_of(mark);
        return node;
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node::Kind kind) {
        Node* node = add(mark, tag, anchor, kind);
        // The children of a node are pushed only while it is the innermost frame, so
        // the pointers of outer frames stay valid.
        frames_.push_back({node, false, {}, {}, {}});
    }
    void end() { frames_.pop_back(); }

    const std::string& file_;
    Node& root_;
    std::vector<Problem>& problems_;
    std::vector<Frame> frames_;
    std::size_t num_nodes_ = 0;
};

/// What yaml-cpp would read wrongly or with deep recursion is refused before it
/// sees it: control characters, bytes that are no UTF-8, runs of opening brackets.
bool readable_text(const std::string& text, Place& place, std::string& what) {
    std::size_t brackets = 0;
    place = {1, 1};
    for (std::size_t i = 0; i < text.size();) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if ((byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t') || byte == 0x7f) {
            what = "control character";
            return false;
        }
        const std::size_t len = byte < 0x80       ? 1
                                : byte >> 5 == 6  ? 2
                                : byte >> 4 == 14 ? 3
                                : byte >> 3 == 30 ? 4
                                                  : 0;
        bool utf8 = len != 0 && i + len <= text.size() && byte != 0xc0 && byte != 0xc1;
        for (std::size_t k = 1; utf8 && k < len; ++k)
            utf8 = (static_cast<unsigned char>(text[i + k]) & 0xc0) == 0x80;
        if (!utf8) {
            what = "byte that is not UTF-8";
            return false;
        }
        if (byte == '[' || byte == '{') ++brackets;
        if (byte == '\n') brackets = 0;
        if (brackets > kMaxDepthOfBrackets) {
            what = "too many brackets in one line";
            return false;
        }
        ++place.column;
        if (byte == '\n') place = {place.line + 1, 1};
        i += len;
    }
    return true;
}

}  // namespace

bool parse_tree(const std::string& text, const std::string& file, Node& root,
                std::vector<Problem>& problems) {
    const auto refuse = [&](Place place, std::string what, std::string expected) {
        problems.push_back({file, place.line, place.column, std::move(what), std::move(expected)});
        return false;
    };
    if (text.size() > kMaxFileBytes)
        return refuse({}, "file is too large", "at most " + std::to_string(kMaxFileBytes) + " bytes");
    Place place;
    std::string what;
    if (!readable_text(text, place, what)) return refuse(place, what, "YAML text in UTF-8");
    Builder builder(file, root, problems);
    try {
        std::istringstream stream(text);
        YAML::Parser parser(stream);
        if (!parser.HandleNextDocument(builder))
            return refuse({1, 1}, "file is empty", "a mapping of keys to values");
        Node second;
        std::vector<Problem> ignored;
        Builder rest(file, second, ignored);
        if (parser.HandleNextDocument(rest))
            return refuse(second.place, "second document in the file", "one document");
    } catch (const Refused& refused) {
        return refuse(refused.place, refused.what, refused.expected);
    } catch (const YAML::Exception& error) {
        return refuse(place_of(error.mark), "not YAML: " + error.msg, "correct YAML");
    } catch (const std::exception& error) {
        return refuse({}, std::string("not YAML: ") + error.what(), "correct YAML");
    }
    return true;
}

}  // namespace oegate::config
