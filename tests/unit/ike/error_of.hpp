// The error of a result that must be one: reading error() of a success would compare
// whatever stands there.
#pragma once

#include "base/result.hpp"
#include "catch.hpp"

namespace oegate {

template <class T, class E>
E error_of(const Result<T, E>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error();
}

}  // namespace oegate
