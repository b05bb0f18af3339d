// The seam between host/ and cuda/: what a validated call looks like, and the table of functions that a backend fills.
// Neither side includes the other; both include this.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>

namespace rectify::detail {

constexpr int max_inputs = 2;

/// The common iteration space of a call's operands after host/layout.cpp has sorted and merged the axes.
/// axes[rank - 1] is the innermost: the one along which the output moves least.
struct Layout {
  struct Axis {
    std::int64_t extent;
    std::int64_t in_stride[max_inputs];
    std::int64_t out_stride;
  };

  std::int64_t elements = 0;
  int rank = 0;
  bool dense = false;  ///< one run of neighbours in every operand
  Axis axes[max_rank] = {};
};

/// One validated elementwise call: out[i] = op(in[0][i], ...). A null in[1] means one input.
struct Elementwise {
  Relu relu;
  DType dtype = DType::f32;
  const void* in[max_inputs] = {};
  void* out = nullptr;
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
