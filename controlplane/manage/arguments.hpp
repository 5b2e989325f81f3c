// What a person typed behind a verb: addresses, numbers, words, key=value. Those that
// take a Reply answer themselves when the argument is wrong. Used by the commands.
#pragma once

#include <charconv>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "manage/protocol.hpp"
#include "net/address.hpp"

namespace oegate::manage {

using Reply = std::function<void(Response)>;

Response usage(std::string text);
/// Safe to repeat.
std::string quoted(const std::string& text);

std::optional<Address> address_argument(const std::string& text, const Reply& reply);
/// The two first arguments, of one family.
std::optional<Pair> pair_argument(const std::vector<std::string>& arguments, const Reply& reply);
/// A name or a number.
std::optional<std::uint8_t> protocol_argument(const std::string& text);
/// Bytes, as 4096, 64K, 64M or 1G (powers of 1024).
std::optional<std::uint64_t> size_argument(const std::string& text);

template <class T>
std::optional<T> number_argument(const std::string& text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return value;
}

/// key=value; nullopt without "=".
struct Option {
    std::string key;
    std::string value;
};
std::optional<Option> option_argument(const std::string& text);

}  // namespace oegate::manage
