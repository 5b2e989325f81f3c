// A table of words: enumerators and the one spelling of each, in any order. Used where
// names of enums leave the program (contract/words.cpp, keying/names.cpp).
#pragma once

#include <array>
#include <string_view>

namespace oegate {

template <class E>
struct Word {
    E value;
    std::string_view text;
};
// clang-16 deduces nothing for an aggregate by itself.
template <class E>
Word(E, std::string_view) -> Word<E>;

template <class E, std::size_t N>
constexpr std::string_view word_of(const std::array<Word<E>, N>& table, E value) {
    for (const Word<E>& word : table)
        if (word.value == value) return word.text;
    return "?";
}

}  // namespace oegate
