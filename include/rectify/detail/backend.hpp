// The seam between host/ and cuda/: what a validated call looks like, and the table of functions that a backend fills.
// Neither side includes the other; both include this.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>

namespace rectify::detail {

/// The tensors of a call that have its shape. forward reads x and residual and writes out (y) and the mask; backward reads dy, x (or
/// y in its place, or the mask) and residual, and writes out (dx) and dresidual.
enum Slot : int { slot_x, slot_dy, slot_residual, slot_out, slot_dresidual, slot_mask };
constexpr int slots = 6;

/// The common iteration space of a call's tensors after host/layout.cpp has sorted and merged the axes. "Element i" is the i-th of
/// that order; axes[rank - 1] is the innermost. A mask, where one is written, has its bits in that order.
struct Layout {
  struct Axis {
    std::int64_t extent;
    std::int64_t stride[slots];  ///< in elements, the mask's too; 0 for absent tensors
    std::int64_t channel;        ///< channels from one index to the next: 1 or 0
  };

  std::int64_t elements = 0;
  int rank = 0;
  Axis axes[max_rank] = {};
  bool run[slots] = {};  ///< element i of that tensor is its i-th in memory; true for absent ones

  /// The channel of element i is i / inner % channels. One channel where no parameter has more than one element.
  std::int64_t channels = 1;
  std::int64_t inner = 1;

  /// Where x is broadcast along one stretch of axes and a run otherwise ("one x under K models"; other tensors may lie anyhow):
  /// element i is (o, r, k) in [outer, repeats, row], and x's is (o, k). Else repeats is 1.
  std::int64_t repeats = 1;
  std::int64_t row = 1;
};

/// A parameter tensor, or none. The parameter of a channel is `data[channel * stride]`.
struct Parameter {
  const void* data = nullptr;
  std::int64_t stride = 0;
  bool in_compute_type = false;  ///< else in the tensors' storage type
};

/// One validated elementwise call. Null pointers are absent operands.
struct Elementwise {
  Relu relu;
  DType dtype = DType::f32;
  const void* x = nullptr;
  const void* dy = nullptr;
  const void* residual = nullptr;
  void* out = nullptr;
  void* dresidual = nullptr;
  void* mask = nullptr;  ///< written by forward, read only by backward
  int mask_bits = 0;     ///< an element: 1 or 2, 0 without a mask
  Parameter scale, bias, alpha, threshold, max_value;
  Layout layout;
};

/// Codes are 0 for success or a cudaError_t, as int: this header knows no CUDA.
struct Backend {
  int (*forward)(const Elementwise&, int device_index, Stream);
  int (*backward)(const Elementwise&, int device_index, Stream);
  bool (*available)();
  const char* (*error_name)(int code);
};

const Backend& cpu_backend();
/// Null in a build without CUDA.
const Backend* cuda_backend();

}  // namespace rectify::detail
