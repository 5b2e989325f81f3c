// One configuration value between its YAML text and its C++ type: what is accepted,
// what is said when it is not, and how it is shown. Used by the key table only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "config/config.hpp"
#include "config/loader_tree.hpp"

namespace oegate::config {

/// What is wrong with a value, and what it should be.
struct Complaint {
    std::string what;
    std::string expected;
};

/// What a key accepts beyond the type of its field.
struct Accept {
    enum class Form : std::uint8_t { plain, name, path, size };
    Form form = Form::plain;
    std::int64_t low = 0;  // numbers; durations in nanoseconds; text: characters
    std::int64_t high = std::numeric_limits<std::int64_t>::max();
    std::int64_t multiple_of = 1;
    bool zero_too = false;  // 0 although below low: switched off
    bool required = false;
    std::size_t min_items = 1;  // lists
};

/// The words of an enum in the configuration.
template <class E>
struct Word {
    E value;
    const char* text;
};
const std::vector<Word<ClassKind>>& words(ClassKind);
const std::vector<Word<InterfaceRole>>& words(InterfaceRole);
const std::vector<Word<IdleMode>>& words(IdleMode);
const std::vector<Word<SourceCheck>>& words(SourceCheck);
const std::vector<Word<DfPolicy>>& words(DfPolicy);
const std::vector<Word<HugePages>>& words(HugePages);
const std::vector<Word<Validation>>& words(Validation);
const std::vector<Word<UnsignedRecords>>& words(UnsignedRecords);
const std::vector<Word<Pfs>>& words(Pfs);
const std::vector<Word<DhGroup>>& words(DhGroup);
const std::vector<Word<EspSuite>>& words(EspSuite);
const std::vector<Word<LogLevel>>& words(LogLevel);

/// "\"text\"", cut when long.
std::string quote(const std::string& text);
std::string show_duration(Duration value);
std::string show_size(std::uint64_t value);

// Each read_*: nullopt when node holds a value that accept allows, put into out.
// Each expect_*: what is accepted, in words; for messages and documents alike.
std::optional<Complaint> read_number(const Node& node, const Accept& accept, std::int64_t& out);
std::string expect_number(const Accept& accept);
std::optional<Complaint> read_duration(const Node& node, const Accept& accept, Duration& out);
std::string expect_duration(const Accept& accept);
std::optional<Complaint> read_bool(const Node& node, bool& out);
std::optional<Complaint> read_text(const Node& node, const Accept& accept, std::string& out);
std::string expect_text(const Accept& accept);
std::optional<Complaint> read_address(const Node& node, Address& out);
std::optional<Complaint> read_prefix(const Node& node, Prefix& out);
std::optional<Complaint> read_interface_address(const Node& node, InterfaceAddress& out);
std::optional<Complaint> wrong_value(const Node& node, const std::string& what, const std::string& expected);
std::string show_text(const std::string& text);

inline constexpr const char* kExpectAddress = "an address such as 192.0.2.1 or 2001:db8::1";
inline constexpr const char* kExpectPrefix = "a prefix such as 192.0.2.0/24 or 2001:db8::/32";
inline constexpr const char* kExpectInterfaceAddress =
    "an address with its prefix length, such as 192.0.2.1/24 or 2001:db8::1/64";

template <class T>
struct IsList : std::false_type {};
template <class T>
struct IsList<std::vector<T>> : std::true_type {};

template <class T>
std::string expect(const Accept& accept) {
    if constexpr (IsList<T>::value) {
        return expect<typename T::value_type>(accept);
    } else if constexpr (std::is_same_v<T, bool>) {
        return "true or false";
    } else if constexpr (std::is_enum_v<T>) {
        std::string text;
        for (const auto& word : words(T{})) text += (text.empty() ? "" : ", ") + std::string(word.text);
        return text;
    } else if constexpr (std::is_integral_v<T>) {
        return expect_number(accept);
    } else if constexpr (std::is_same_v<T, Duration>) {
        return expect_duration(accept);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return expect_text(accept);
    } else if constexpr (std::is_same_v<T, Address>) {
        return kExpectAddress;
    } else if constexpr (std::is_same_v<T, Prefix>) {
        return kExpectPrefix;
    } else {
        static_assert(std::is_same_v<T, InterfaceAddress>);
        return kExpectInterfaceAddress;
    }
}

inline bool same(const InterfaceAddress& a, const InterfaceAddress& b) {
    return a.address == b.address && a.subnet == b.subnet;
}
template <class T>
bool same(const T& a, const T& b) {
    return a == b;
}

/// For a list: one item, appended to out.
template <class T>
std::optional<Complaint> read(const Node& node, const Accept& accept, T& out) {
    if constexpr (IsList<T>::value) {
        typename T::value_type item{};
        if (auto complaint = read(node, accept, item)) return complaint;
        for (const auto& other : out)
            if (same(other, item)) return Complaint{quote(node.text) + " is listed twice", "each value once"};
        out.push_back(item);
        return std::nullopt;
    } else if constexpr (std::is_same_v<T, bool>) {
        return read_bool(node, out);
    } else if constexpr (std::is_enum_v<T>) {
        if (node.kind == Node::Kind::scalar)
            for (const auto& word : words(T{}))
                if (node.text == word.text) {
                    out = word.value;
                    return std::nullopt;
                }
        return wrong_value(node, "is unknown", expect<T>(accept));
    } else if constexpr (std::is_integral_v<T>) {
        std::int64_t number = 0;
        if (auto complaint = read_number(node, accept, number)) return complaint;
        out = static_cast<T>(number);
        return std::nullopt;
    } else if constexpr (std::is_same_v<T, Duration>) {
        return read_duration(node, accept, out);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return read_text(node, accept, out);
    } else if constexpr (std::is_same_v<T, Address>) {
        return read_address(node, out);
    } else if constexpr (std::is_same_v<T, Prefix>) {
        return read_prefix(node, out);
    } else {
        static_assert(std::is_same_v<T, InterfaceAddress>);
        return read_interface_address(node, out);
    }
}

/// As YAML on one line.
template <class T>
std::string show_value(const T& value, const Accept& accept) {
    if constexpr (IsList<T>::value) {
        std::string text;
        for (const auto& item : value) text += (text.empty() ? "" : ", ") + show_value(item, accept);
        return "[" + text + "]";
    } else if constexpr (std::is_same_v<T, bool>) {
        return value ? "true" : "false";
    } else if constexpr (std::is_enum_v<T>) {
        for (const auto& word : words(T{}))
            if (word.value == value) return word.text;
        return "?";
    } else if constexpr (std::is_integral_v<T>) {
        return accept.form == Accept::Form::size ? show_size(value) : std::to_string(value);
    } else if constexpr (std::is_same_v<T, Duration>) {
        return show_duration(value);
    } else if constexpr (std::is_same_v<T, std::string>) {
        return show_text(value);
    } else if constexpr (std::is_same_v<T, InterfaceAddress>) {
        return show_text(value.address.text() + "/" + std::to_string(value.subnet.length()));
    } else {
        return show_text(value.text());
    }
}

}  // namespace oegate::config
