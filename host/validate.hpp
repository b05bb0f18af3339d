// Every check of a call, before any backend sees it. A call that passes becomes a plan; one that does not leaves no trace.
#pragma once

#include "core/backend.hpp"

namespace rectify::detail {

/// Throws InvalidArgument or Unsupported, naming the operand, what was expected and what came. Without elements the plan
/// has nothing to do but for sums, which are then 0.
Elementwise plan_forward(const Relu& relu, const Forward& operands);
Elementwise plan_backward(const Relu& relu, const Backward& operands);
/// The plan without a look at data, for its size.
Elementwise plan_backward_sizes(const Relu& relu, const Backward& operands);
/// The workspace of a valid call is `bytes` long at least.
void require_workspace(const Backward& operands, std::size_t bytes);

/// True where one bit cannot tell the gradient: there is a cap, and alpha is not the number 0. Throws InvalidArgument for
/// parameters that are not valid in `dtype`.
bool needs_two_bits(const Relu& relu, DType dtype, const ConstTensorView& alpha, const ConstTensorView& max_value);

}  // namespace rectify::detail
