// From a call to the operand set that its loop or kernel is compiled for.
#pragma once

#include <rectify/detail/backend.hpp>
#include <rectify/detail/element_ops.hpp>

#include <utility>

namespace rectify::detail {

/// f(Set{}) with the smallest operand set that serves the call.
template <class F>
decltype(auto) with_operand_set(const Elementwise& call, F&& f) {
  const bool scale = call.scale.data != nullptr, bias = call.bias.data != nullptr, residual = call.residual != nullptr;
  const bool function = call.alpha.data != nullptr || call.threshold.data != nullptr || call.max_value.data != nullptr;
  const bool other_outputs = call.out == nullptr || call.dresidual != nullptr;
  if (other_outputs || (scale || bias) + residual + function > 1) return std::forward<F>(f)(General{});
  if (scale) return std::forward<F>(f)(WithScale{});
  if (bias) return std::forward<F>(f)(WithBias{});
  if (residual) return std::forward<F>(f)(WithResidual{});
  if (function) return std::forward<F>(f)(WithFunction{});
  return std::forward<F>(f)(Plain{});
}

}  // namespace rectify::detail
