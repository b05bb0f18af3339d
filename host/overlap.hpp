// Whether two views have a byte in common: exact where their strides are those of one parent tensor, and in most other cases.
#pragma once

#include <rectify/tensor_view.hpp>

namespace rectify::detail {

enum class Overlap { none, some, unknown };

/// Of views that are valid, not empty, and whose spans lie within the address space; a mask is dense. `unknown` only if the
/// strides are not those of one array and too many combinations of indices would have to be tried.
Overlap overlap(const ConstTensorView& a, const ConstTensorView& b);

}  // namespace rectify::detail
