#include "config/codec.hpp"

#include <array>
#include <charconv>

namespace oegate::config {
namespace {

constexpr std::size_t kMaxQuoted = 60;

struct Unit {
    const char* text;
    std::int64_t factor;
};
// Largest first, as they are tried when shown.
constexpr std::array kDurationUnits{
    Unit{"d", 86'400'000'000'000},
    Unit{"h", 3'600'000'000'000},
    Unit{"min", 60'000'000'000},
    Unit{"s", 1'000'000'000},
    Unit{"ms", 1'000'000},
    Unit{"us", 1'000},
    Unit{"ns", 1},
};
constexpr std::array kSizeUnits{
    Unit{"TiB", 1LL << 40},
    Unit{"GiB", 1LL << 30},
    Unit{"MiB", 1LL << 20},
    Unit{"KiB", 1LL << 10},
    Unit{"TB", 1'000'000'000'000},
    Unit{"GB", 1'000'000'000},
    Unit{"MB", 1'000'000},
    Unit{"kB", 1'000},
    Unit{"B", 1},
};

bool allowed(std::int64_t value, const Accept& accept) {
    if (accept.zero_too && value == 0) return true;
    return value >= accept.low && value <= accept.high && value % accept.multiple_of == 0;
}

/// The decimal number at the start; what follows it is left in rest.
std::optional<std::int64_t> leading_number(const std::string& text, std::string& rest) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{}) return std::nullopt;
    rest.assign(end, text.data() + text.size());
    return number;
}

/// nullopt: no such unit, or the product overflows.
template <std::size_t N>
std::optional<std::int64_t> scaled(std::int64_t number, const std::string& unit,
                                   const std::array<Unit, N>& units) {
    for (const Unit& known : units) {
        std::int64_t product = 0;
        if (unit == known.text && !__builtin_mul_overflow(number, known.factor, &product)) return product;
    }
    return std::nullopt;
}

std::string off_note(const Accept& accept) {
    return accept.zero_too && accept.low > 0 ? ", or 0 for off" : "";
}

}  // namespace

std::string quote(const std::string& text) {
    return "\"" + (text.size() > kMaxQuoted ? text.substr(0, kMaxQuoted) + "..." : text) + "\"";
}

std::optional<Complaint> wrong_value(const Node& node, const std::string& what, const std::string& expected) {
    switch (node.kind) {
        case Node::Kind::empty:
            return Complaint{"has no value", expected};
        case Node::Kind::list:
            return Complaint{"is a list", expected};
        case Node::Kind::map:
            return Complaint{"is a mapping", expected};
        default:
            return Complaint{quote(node.text) + " " + what, expected};
    }
}

std::optional<Complaint> read_number(const Node& node, const Accept& accept, std::int64_t& out) {
    const std::string expected = expect_number(accept);
    std::string unit;
    const auto number = leading_number(node.text, unit);
    const bool size = accept.form == Accept::Form::size;
    if (node.kind != Node::Kind::scalar || node.quoted || !number || (!size && !unit.empty()))
        return wrong_value(node, size ? "is not a size" : "is not a whole number", expected);
    const auto value = size && !unit.empty() ? scaled(*number, unit, kSizeUnits) : number;
    if (!value) return wrong_value(node, "is not a size", expected);
    if (!allowed(*value, accept)) return wrong_value(node, "is out of range", expected);
    out = *value;
    return std::nullopt;
}

std::string expect_number(const Accept& accept) {
    if (accept.form == Accept::Form::size)
        return "a size such as 500MB or 10GiB, at least " +
               show_size(static_cast<std::uint64_t>(accept.low)) + off_note(accept);
    std::string text = "a number from " + std::to_string(accept.low);
    if (accept.high != std::numeric_limits<std::int64_t>::max()) text += " to " + std::to_string(accept.high);
    if (accept.multiple_of != 1) text += ", a multiple of " + std::to_string(accept.multiple_of);
    return text + off_note(accept);
}

std::optional<Complaint> read_duration(const Node& node, const Accept& accept, Duration& out) {
    const std::string expected = expect_duration(accept);
    std::string unit;
    const auto number = leading_number(node.text, unit);
    if (node.kind != Node::Kind::scalar || !number) return wrong_value(node, "is not a duration", expected);
    if (unit.empty()) return wrong_value(node, "has no unit", expected);
    const auto value = scaled(*number, unit, kDurationUnits);
    if (!value) return wrong_value(node, "is not a duration", expected);
    if (!allowed(*value, accept)) return wrong_value(node, "is out of range", expected);
    out = Duration(*value);
    return std::nullopt;
}

std::string expect_duration(const Accept& accept) {
    return "a duration from " + show_duration(Duration(accept.low)) + " to " +
           show_duration(Duration(accept.high)) + ", such as 500ms, 30s, 10min or 6h";
}

std::optional<Complaint> read_bool(const Node& node, bool& out) {
    if (node.kind != Node::Kind::scalar || node.quoted || (node.text != "true" && node.text != "false"))
        return wrong_value(node, "is neither true nor false", "true or false");
    out = node.text == "true";
    return std::nullopt;
}

std::optional<Complaint> read_text(const Node& node, const Accept& accept, std::string& out) {
    const std::string expected = expect_text(accept);
    if (node.kind != Node::Kind::scalar) return wrong_value(node, "", expected);
    const auto len = static_cast<std::int64_t>(node.text.size());
    if (len == 0 && accept.low == 0) {
        out.clear();
        return std::nullopt;
    }
    if (len == 0) return Complaint{"is empty", expected};
    if (len < accept.low || len > accept.high) return wrong_value(node, "is too long", expected);
    for (const char c : node.text) {
        const bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                          c == '-' || c == '_' || c == '.';
        if (accept.form == Accept::Form::name && !word)
            return wrong_value(node, "holds a character that a name must not have", expected);
        if (static_cast<unsigned char>(c) < 0x20)
            return wrong_value(node, "holds a control character", expected);
    }
    out = node.text;
    return std::nullopt;
}

std::string expect_text(const Accept& accept) {
    const std::string length = "1 to " + std::to_string(accept.high) + " characters";
    switch (accept.form) {
        case Accept::Form::name:
            return "a name of " + length + " out of letters, digits, \"-\", \"_\", \".\"";
        case Accept::Form::path:
            return "a file name of " + length;
        default:
            return "text of " + length;
    }
}

std::optional<Complaint> read_address(const Node& node, Address& out) {
    const auto address = node.kind == Node::Kind::scalar ? Address::parse(node.text) : std::nullopt;
    if (!address) return wrong_value(node, "is not an address", kExpectAddress);
    out = *address;
    return std::nullopt;
}

std::optional<Complaint> read_prefix(const Node& node, Prefix& out) {
    InterfaceAddress parts;
    if (node.kind == Node::Kind::scalar) {
        if (const auto prefix = Prefix::parse(node.text)) {
            out = *prefix;
            return std::nullopt;
        }
        if (!read_interface_address(node, parts))
            return wrong_value(node, "has bits set behind its prefix length", parts.subnet.text());
    }
    return wrong_value(node, "is not a prefix", kExpectPrefix);
}

std::optional<Complaint> read_interface_address(const Node& node, InterfaceAddress& out) {
    const auto wrong = [&] {
        return wrong_value(node, "is not an address with a prefix length", kExpectInterfaceAddress);
    };
    const std::size_t slash = node.text.find('/');
    if (node.kind != Node::Kind::scalar || slash == std::string::npos) return wrong();
    const auto address = Address::parse(std::string_view(node.text).substr(0, slash));
    unsigned length = 0;
    const char* const end = node.text.data() + node.text.size();
    const auto [stop, error] = std::from_chars(node.text.data() + slash + 1, end, length);
    if (!address || error != std::errc{} || stop != end || length > (address->is_ipv4() ? 32u : 128u))
        return wrong();
    out = {*address, Prefix(*address, length)};
    return std::nullopt;
}

std::string show_duration(Duration value) {
    for (const Unit& unit : kDurationUnits)
        if (value.count() != 0 && value.count() % unit.factor == 0)
            return std::to_string(value.count() / unit.factor) + unit.text;
    return "0s";
}

std::string show_size(std::uint64_t value) {
    for (const Unit& unit : kSizeUnits)
        if (value != 0 && value % static_cast<std::uint64_t>(unit.factor) == 0)
            return std::to_string(value / static_cast<std::uint64_t>(unit.factor)) + unit.text;
    return "0";
}

std::string show_text(const std::string& text) {
    // Plain where YAML cannot mistake it for anything else, quoted otherwise.
    bool plain = !text.empty() && text[0] != '-' && text.back() != ':';
    bool letter = false;
    for (const char c : text) {
        const bool alpha = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        const bool other = (c >= '0' && c <= '9') || c == '.' || c == '/' || c == '-' || c == '_';
        letter |= alpha || c == '.' || c == '/';
        plain &= alpha || other;
    }
    for (const char* word : {"true", "false", "null", "yes", "no", "on", "off"}) plain &= text != word;
    if (plain && letter) return text;
    std::string quoted = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') quoted += '\\';
        quoted += c;
    }
    return quoted + "\"";
}

namespace {

/// The values that a key takes, as output spells them.
template <class E>
std::vector<Word<E>> spelled(std::initializer_list<E> values) {
    std::vector<Word<E>> words;
    for (const E value : values) words.push_back({value, to_text(value).data()});
    return words;
}

}  // namespace

const std::vector<Word<ClassKind>>& words(ClassKind) {
    static const auto kWords =
        spelled({ClassKind::deny, ClassKind::always_clear_text, ClassKind::oe_permissive,
                 ClassKind::oe_paranoid, ClassKind::oe_accept_only, ClassKind::configured});
    return kWords;
}
const std::vector<Word<InterfaceRole>>& words(InterfaceRole) {
    // The management interface stays with the kernel.
    static const auto kWords = spelled({InterfaceRole::inside, InterfaceRole::outside});
    return kWords;
}
const std::vector<Word<IdleMode>>& words(IdleMode) {
    static const auto kWords = spelled({IdleMode::busy, IdleMode::adaptive, IdleMode::interrupt});
    return kWords;
}
const std::vector<Word<SourceCheck>>& words(SourceCheck) {
    static const auto kWords =
        spelled({SourceCheck::automatic, SourceCheck::off, SourceCheck::loose, SourceCheck::strict});
    return kWords;
}
const std::vector<Word<DfPolicy>>& words(DfPolicy) {
    static const auto kWords = spelled({DfPolicy::copy, DfPolicy::set, DfPolicy::clear});
    return kWords;
}
const std::vector<Word<HugePages>>& words(HugePages) {
    static const std::vector<Word<HugePages>> kWords{{HugePages::automatic, "automatic"},
                                                     {HugePages::none, "none"}};
    return kWords;
}
const std::vector<Word<Validation>>& words(Validation) {
    static const std::vector<Word<Validation>> kWords{{Validation::resolver, "resolver"},
                                                      {Validation::own, "own"}};
    return kWords;
}
const std::vector<Word<UnsignedRecords>>& words(UnsignedRecords) {
    static const std::vector<Word<UnsignedRecords>> kWords{{UnsignedRecords::self_only, "self-only"},
                                                           {UnsignedRecords::refuse, "refuse"},
                                                           {UnsignedRecords::any, "any"}};
    return kWords;
}
const std::vector<Word<Pfs>>& words(Pfs) {
    static const std::vector<Word<Pfs>> kWords{{Pfs::usual, "usual"}, {Pfs::strict, "strict"}};
    return kWords;
}
const std::vector<Word<DhGroup>>& words(DhGroup) {
    static const std::vector<Word<DhGroup>> kWords{{DhGroup::curve25519, "curve25519"},
                                                   {DhGroup::modp2048, "modp2048"}};
    return kWords;
}
const std::vector<Word<EspSuite>>& words(EspSuite) {
    // Weak ones belong to the legacy profile, which is not there to be turned on yet, and
    // integrity alone is not what an opportunistic peer may choose.
    static const std::vector<Word<EspSuite>> kWords = [] {
        std::vector<Word<EspSuite>> words;
        for (const EspSuiteFacts& f : kEspSuites)
            if (!f.legacy && f.key_len != 0) words.push_back({f.suite, f.name.data()});
        return words;
    }();
    return kWords;
}
const std::vector<Word<LogLevel>>& words(LogLevel) {
    static const std::vector<Word<LogLevel>> kWords{{LogLevel::debug, "debug"},
                                                    {LogLevel::info, "info"},
                                                    {LogLevel::notice, "notice"},
                                                    {LogLevel::warning, "warning"},
                                                    {LogLevel::error, "error"}};
    return kWords;
}

}  // namespace oegate::config
