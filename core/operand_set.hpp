// Finds the operand set that the kernel of a call is compiled for. Called by cuda/elementwise_launch.cuh and
// cuda/sums_launch.cuh; the CPU backend chooses from a list of its loops instead (host/cpu/loop_body.hpp).
#pragma once

#include "core/backend.hpp"
#include "core/element_ops.hpp"

#include <utility>

namespace rectify::detail {

/// f(Set{}) with the first of the sets that has all of these operands.
template <class Set, class... Others, class F>
decltype(auto) with_first_set(unsigned operands, F&& f) {
  if constexpr (sizeof...(Others) > 0) {
    if ((operands & ~Set::bits) != 0) return with_first_set<Others...>(operands, std::forward<F>(f));
  }
  return std::forward<F>(f)(Set{});
}

/// f(Set{}) with the smallest operand set that serves the call. Only General serves calls that write dresidual or do not write
/// out.
template <class F>
decltype(auto) with_operand_set(const Elementwise& call, F&& f) {
  if (call.out == nullptr || call.dresidual != nullptr) return std::forward<F>(f)(General{});
  return with_first_set<Plain, WithBias, WithScale, WithResidual, WithAlpha, General>(call.operand_bits(), std::forward<F>(f));
}

}  // namespace rectify::detail
