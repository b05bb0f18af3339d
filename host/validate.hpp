// Every check of a call, before any backend sees it. A call that passes becomes a plan; one that does not leaves no trace.
#pragma once

#include <rectify/detail/backend.hpp>

namespace rectify::detail {

/// Throws InvalidArgument or Unsupported, naming the operand, what was expected and what came. Without elements the plan is
/// Elementwise{}: nothing to do.
Elementwise plan_forward(const Relu& relu, const Forward& operands);
Elementwise plan_backward(const Relu& relu, const Backward& operands);

/// True where one bit cannot tell the gradient: there is a cap, and alpha is not the number 0. Throws InvalidArgument for
/// parameters that are not valid in `dtype`.
bool needs_two_bits(const Relu& relu, DType dtype, const ConstTensorView& alpha, const ConstTensorView& max_value);

/// Refuses every output of backward that needs a sum.
void require_no_sums(const Backward& operands);

}  // namespace rectify::detail
