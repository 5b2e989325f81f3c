// Failures are values. A function that can fail returns Result<T, E>, E a small
// enum of its module. std::expected is not in clang-16 with libstdc++ 12, so this
// is libexpected's tl::expected under one name.
#pragma once

#include <tl/expected.hpp>

namespace oegate {

template <class T, class E>
using Result = tl::expected<T, E>;

template <class E>
constexpr tl::unexpected<E> fail(E error) {
    return tl::unexpected<E>(error);
}

}  // namespace oegate
