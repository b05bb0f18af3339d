// Every check of a call, before any backend sees it. A call that passes becomes a plan; one that does not leaves no trace.
#pragma once

#include <rectify/detail/backend.hpp>

namespace rectify::detail {

/// Throws InvalidArgument or Unsupported, naming the operand, what was expected and what came.
Elementwise plan_forward(const Relu& relu, const Forward& operands);
Elementwise plan_backward(const Relu& relu, const Backward& operands);

/// The number of elements. Throws InvalidArgument for negative extents, or a product that overflows int64.
std::int64_t require_elements(const char* name, const Shape& shape);

/// Refuses every output of backward that needs a sum.
void require_no_sums(const Backward& operands);

}  // namespace rectify::detail
