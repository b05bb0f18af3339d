// From a call to the operand set that its kernel is compiled for. The CPU backend has a list of its loops (host/cpu/loop_body.hpp).
#pragma once

#include "core/backend.hpp"
#include "core/element_ops.hpp"

#include <utility>

namespace rectify::detail {

/// f(Set{}) with the smallest operand set that serves the call, and that asks at run time where there are outputs beside out, or others
/// in its place.
template <class F>
decltype(auto) with_operand_set(const Elementwise& call, F&& f) {
  const bool scale = call.has(parameter_scale), bias = call.has(parameter_bias), residual = call.residual != nullptr;
  const bool alpha = call.has(parameter_alpha), others = call.has(parameter_threshold) || call.has(parameter_max_value);
  const bool other_outputs = call.out == nullptr || call.dresidual != nullptr;
  if (other_outputs || others || (scale || bias) + residual + alpha > 1) return std::forward<F>(f)(General{});
  if (scale) return std::forward<F>(f)(WithScale{});
  if (bias) return std::forward<F>(f)(WithBias{});
  if (residual) return std::forward<F>(f)(WithResidual{});
  if (alpha) return std::forward<F>(f)(WithAlpha{});
  return std::forward<F>(f)(Plain{});
}

}  // namespace rectify::detail
