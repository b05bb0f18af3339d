// From a call to the operand set that its kernel is compiled for. Called by cuda/elementwise_launch.cuh and
// cuda/sums_launch.cuh; the CPU backend chooses from a list of its loops instead (host/cpu/loop_body.hpp).
#pragma once

#include "core/backend.hpp"
#include "core/element_ops.hpp"

#include <utility>

namespace rectify::detail {

/// Returns f(Set{}) with the smallest operand set that serves the call. Calls that write dresidual, or do not write out, are
/// General's.
template <class F>
decltype(auto) with_operand_set(const Elementwise& call, F&& f) {
  const bool scale = call.has(parameter_scale), bias = call.has(parameter_bias), residual = call.residual != nullptr;
  const bool alpha = call.has(parameter_alpha), limits = call.has(parameter_threshold) || call.has(parameter_max_value);
  const bool other_outputs = call.out == nullptr || call.dresidual != nullptr;
  if (other_outputs || limits || (scale || bias) + residual + alpha > 1) return std::forward<F>(f)(General{});
  if (scale) return std::forward<F>(f)(WithScale{});
  if (bias) return std::forward<F>(f)(WithBias{});
  if (residual) return std::forward<F>(f)(WithResidual{});
  if (alpha) return std::forward<F>(f)(WithAlpha{});
  return std::forward<F>(f)(Plain{});
}

}  // namespace rectify::detail
