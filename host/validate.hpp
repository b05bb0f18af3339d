// Turns the operands of a call into an Elementwise (core/backend.hpp), if they keep the contract of ops.hpp. Called by ops.cpp
// before any backend; a call that is rejected writes nothing.
#pragma once

#include "core/backend.hpp"

namespace rectify::detail {

/// Throws InvalidArgument or Unsupported, naming the operand, the expected value and the actual one. A call without elements
/// has a layout without elements.
Elementwise plan_forward(const Relu& relu, const Forward& operands);
Elementwise plan_backward(const Relu& relu, const Backward& operands);
/// plan_backward for workspace_bytes(): data pointers and overlaps are not checked.
Elementwise plan_backward_sizes(const Relu& relu, const Backward& operands);
/// Checks that the workspace of a valid call has at least `bytes` bytes and shares none with an operand.
void require_workspace(const Backward& operands, std::size_t bytes);

/// Whether a mask of one bit is too narrow for dx: there is a cap, and alpha is a tensor or not 0. Throws InvalidArgument for
/// parameters that are not valid in `dtype`.
bool needs_two_bits(const Relu& relu, DType dtype, const ConstTensorView& alpha, const ConstTensorView& max_value);

}  // namespace rectify::detail
