// Tells whether two views have a byte in common. require.cpp calls it for each output and each other operand. The answer is
// exact if the views are slices of one array, and in most other cases.
#pragma once

#include <rectify/tensor_view.hpp>

namespace rectify::detail {

enum class Overlap { none, some, unknown };

/// The views must be valid and not empty, their spans must lie within the address space, and a mask must be dense. The result
/// is `unknown` only if the strides are not those of one array and too many combinations of indices would have to be tried.
Overlap overlap(const ConstTensorView& a, const ConstTensorView& b);

}  // namespace rectify::detail
