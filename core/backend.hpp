// The seam between host/ and cuda/: what a validated call looks like, and the table of functions that a backend fills.
// Neither side includes the other; both include this.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>
#include <limits>

namespace rectify::detail {

/// The tensors of a call that have its shape. forward reads x and residual and writes out (y) and the mask; backward reads dy, x (or
/// y in its place, or the mask) and residual, and writes out (dx) and dresidual, and sums.
enum Slot : int { slot_x, slot_dy, slot_residual, slot_out, slot_dresidual, slot_mask };
constexpr int slot_count = 6;

/// The common iteration space of a call's tensors after host/layout.cpp has sorted and merged the axes. "Element i" is the i-th of
/// that order; axes[rank - 1] is the innermost. A mask, where one is written, has its bits in that order.
struct Layout {
  struct Axis {
    std::int64_t extent;
    std::int64_t stride[slot_count];  ///< in elements, the mask's too; 0 for absent tensors
    std::int64_t channel;             ///< channels from one index to the next: 1 or 0
  };

  std::int64_t elements = 0;
  int rank = 0;
  Axis axes[max_rank];               ///< as many as rank says; the rest is not set
  bool contiguous[slot_count] = {};  ///< element i of that tensor is its i-th in memory; true for absent ones

  /// The channel of element i is i / inner % channels. One channel where no parameter has more than one element.
  std::int64_t channels = 1;
  std::int64_t inner = 1;

  /// Where x is broadcast along one stretch of axes and a run otherwise ("one x under K models"; other tensors may lie anyhow):
  /// element i is (o, r, k) in [outer, repeats, row], and x's is (o, k). Else repeats is 1.
  std::int64_t repeats = 1;
  std::int64_t repeat_length = 1;

  /// Each repeat is a channel: one x under K models.
  bool repeats_are_channels() const { return repeats > 1 && channels == repeats && inner == repeat_length; }
};

/// A parameter tensor, or none. The parameter of a channel is `data[channel * stride]`.
struct Parameter {
  const void* data = nullptr;
  std::int64_t stride = 0;
  bool in_compute_type = false;  ///< else in the tensors' storage type
};

/// The parameters of a call that may be tensors.
enum ParameterKind : int { parameter_scale, parameter_bias, parameter_alpha, parameter_threshold, parameter_max_value };
constexpr int parameter_kinds = 5;

/// The sums of the backward.
enum SumKind : int { sum_scale, sum_bias, sum_alpha, sum_threshold, sum_max_value };
constexpr int sum_kinds = 5;

/// A sum that is requested, or none: of everything where `length` is 1, else of each channel, at `data[channel * stride]`, in the
/// compute type.
struct Sum {
  void* data = nullptr;
  std::int64_t length = 0;
  std::int64_t stride = 0;
};

/// How a backend cuts its calls for sums (core/sum_plan.hpp).
struct SumGrain {
  std::int64_t width;            ///< positions that a part sums side by side, at most
  std::int64_t preferred_width;  ///< and where it can choose: short rows stay in a first cache
  std::int64_t rows;             ///< at most, that are added up at each position of a part
  std::int64_t parts;  ///< that are wanted, so that there is work for all; longer parts leave fewer sums to a second pass
  std::int64_t folded_from =
      std::numeric_limits<std::int64_t>::max();  ///< elements of a stretch that the backend sums in fewer places,
  std::int64_t folded_by = 1;                    ///< if they are a multiple of so many
  std::int64_t folded_width = 0;                 ///< width where it does
  std::int64_t least_rows = 16;                  ///< of a part; fewer,
  std::int64_t least_parts = 1;                  ///< where there would not be so many parts,
  std::int64_t fewest_rows = 16;                 ///< but so many at least
  std::int64_t multiple = 1;                     ///< of elements, at which every row begins: what the backend moves at once
  bool interleaved = false;                      ///< parts take turns row by row; else each has rows that are neighbours

  RECTIFY_HD bool folds(std::int64_t stretch) const { return stretch >= folded_from && stretch % folded_by == 0; }
};

/// One validated elementwise call. Null pointers are absent operands.
struct Elementwise {
  Relu relu;
  double gain = 1;
  DType dtype = DType::f32;
  const void* x = nullptr;
  const void* dy = nullptr;
  const void* residual = nullptr;
  void* out = nullptr;
  void* dresidual = nullptr;
  void* mask = nullptr;  ///< written by forward, read only by backward
  int mask_bits = 0;     ///< an element: 1 or 2, 0 without a mask
  Parameter parameters[parameter_kinds];
  Sum sums[sum_kinds];
  bool accumulate = false;    ///< sums are added to what is there
  void* workspace = nullptr;  ///< where there are sums
  Layout layout;

  bool has(ParameterKind kind) const { return parameters[kind].data != nullptr; }
  bool requests(SumKind slot) const { return sums[slot].length > 0; }
  bool has_sums() const {
    bool any = false;
    for (const Sum& sum : sums) any = any || sum.length > 0 || sum.data != nullptr;
    return any;
  }
};

/// Codes are 0 for success or a cudaError_t, as int: this header knows no CUDA.
struct Backend {
  int (*forward)(const Elementwise&, int device_index, Stream);
  int (*backward)(const Elementwise&, int device_index, Stream);
  SumGrain (*sum_grain)(DType);
  bool (*available)();
  const char* (*error_name)(int code);
};

const Backend& cpu_backend();
/// Null in a build without CUDA.
const Backend* cuda_backend();

}  // namespace rectify::detail
