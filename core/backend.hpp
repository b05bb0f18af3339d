// The seam between host/ and the backends: what a validated call is (Elementwise), and the table of functions that runs it
// (Backend). host/ops.cpp has a call validated (host/validate.cpp fills an Elementwise) and passes it to cpu_backend()
// (host/cpu/backend.cpp) or cuda_backend() (cuda/backend.cu). host/ and cuda/ never include each other: both include this file,
// which knows no CUDA.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>
#include <limits>

namespace rectify::detail {

/// The index of a tensor in a call. Only tensors of the call's shape have one; parameters and sums do not. forward reads x and
/// residual, and writes out (which is y) and mask. backward reads dy, residual and one source: x, or y in the slot of x, or
/// mask; it writes out (which is dx) and dresidual.
enum Slot : int { slot_x, slot_dy, slot_residual, slot_out, slot_dresidual, slot_mask };
constexpr int slot_count = 6;

/// The iteration space of a call. host/layout.cpp drops axes of one element, sorts the others by stride, and merges
/// neighbouring axes that every tensor can walk as one. "Element i" is the i-th element in this order; axes[rank - 1] is the
/// innermost axis. forward writes the bits of a mask in this order.
///
/// Example: dense NCHW tensors of shape [8, 64, 7, 7] with a bias per channel have three axes, of 8, 64 and 49 elements;
/// channels is 64 and inner is 49. Without parameters or sums per channel, they are one axis of 25,088 elements.
struct Layout {
  struct Axis {
    std::int64_t extent;
    std::int64_t stride[slot_count];  ///< in elements, also for the mask; 0 for an absent tensor
    std::int64_t channel;             ///< 1 on the channel axis, where the next index is the next channel; 0 on the other axes
  };

  std::int64_t elements = 0;
  int rank = 0;
  Axis axes[max_rank];               ///< the first `rank` are set
  bool contiguous[slot_count] = {};  ///< element i of the tensor is the i-th in its memory; true for an absent tensor

  /// Element i belongs to channel i / inner % channels. So `inner` neighbouring elements have the same channel: a run. Both are
  /// 1 if no parameter and no sum is per channel.
  std::int64_t channels = 1;
  std::int64_t inner = 1;

  /// If x is broadcast along neighbouring axes and contiguous otherwise (one x under K models), the call is [outer, repeats,
  /// repeat_length], and its element (o, r, k) reads element (o, k) of x; the other tensors may have any strides. Otherwise
  /// repeats is 1.
  std::int64_t repeats = 1;
  std::int64_t repeat_length = 1;

  /// Each repeat is a channel, as with one alpha for each of K models.
  bool repeats_are_channels() const { return repeats > 1 && channels == repeats && inner == repeat_length; }
};

/// A parameter tensor: scale, bias, alpha, threshold or max_value. The value for a channel is data[channel * stride].
struct Parameter {
  const void* data = nullptr;    ///< null if the operand is absent
  std::int64_t stride = 0;       ///< 0 for a tensor of one element
  bool in_compute_type = false;  ///< float (double for f64); if false, the dtype of the call
};

/// The parameters that may be tensors.
enum ParameterKind : int { parameter_bias, parameter_scale, parameter_alpha, parameter_threshold, parameter_max_value };
constexpr int parameter_kinds = 5;

/// The sums that backward can return: the gradients of the parameters.
enum SumKind : int { sum_scale, sum_bias, sum_alpha, sum_threshold, sum_max_value };
constexpr int sum_kinds = 5;

/// The output for one kind of sum, in the compute type. The sum over a channel is stored at data[channel * stride].
struct Sum {
  void* data = nullptr;
  std::int64_t length = 0;  ///< 0 if it is not requested, 1 for one sum over everything, else the number of channels
  std::int64_t stride = 0;
};

/// One validated call of forward or backward. A null pointer is an absent operand.
struct Elementwise {
  Relu relu;        ///< a tensor of alpha, threshold or max_value overrides the member of that name
  double gain = 1;  ///< y and dy are multiplied by it
  DType dtype = DType::f32;
  const void* x = nullptr;  ///< backward from y: y, with relu changed so that y has the regions of z (host/validate.cpp)
  const void* dy = nullptr;
  const void* residual = nullptr;
  void* out = nullptr;  ///< y of forward, dx of backward
  void* dresidual = nullptr;
  void* mask = nullptr;  ///< forward writes it, backward reads it
  int mask_bits = 0;     ///< 1 or 2 bits an element; 0 without a mask
  Parameter parameters[parameter_kinds];
  Sum sums[sum_kinds];
  bool accumulate = false;    ///< the sums are added to what their tensors hold
  void* workspace = nullptr;  ///< sum_workspace_bytes() of core/sum_plan.hpp, for calls with sums
  Layout layout;

  bool has(ParameterKind kind) const { return parameters[kind].data != nullptr; }
  /// The optional operands that are tensors: a bit for each ParameterKind, and then one for the residual.
  unsigned operand_bits() const {
    unsigned bits = residual != nullptr ? 1u << parameter_kinds : 0;
    for (int kind = 0; kind < parameter_kinds; ++kind) bits |= has(ParameterKind{kind}) ? 1u << kind : 0;
    return bits;
  }
  bool requests(SumKind kind) const { return sums[kind].length > 0; }
  /// True also if the requested sums have no elements, because the channel axis has none.
  bool has_sums() const {
    bool any = false;
    for (const Sum& sum : sums) any = any || sum.length > 0 || sum.data != nullptr;
    return any;
  }
};

/// How a backend cuts a call with sums into parts; core/sum_plan.hpp explains parts, rows and positions.
struct SumGrain {
  std::int64_t max_width;        ///< positions of a part, at most
  std::int64_t preferred_width;  ///< positions of a part if the shape allows any width: short rows stay in a first-level cache
  std::int64_t max_rows;         ///< rows of a part, at most
  std::int64_t wanted_parts;     ///< enough of them to keep all threads at work; more parts leave more sums to the second pass

  /// Runs of at least `folded_from` elements, in multiples of `folded_multiple`, are folded: several positions share one sum.
  /// The rows of a part may then have `folded_width` positions. By default no run is folded.
  std::int64_t folded_from = std::numeric_limits<std::int64_t>::max();
  std::int64_t folded_multiple = 1;
  std::int64_t folded_width = 0;

  /// A part has at least `min_rows` rows, if there are so many. If that makes fewer than `min_parts` parts, it may have fewer
  /// rows, down to `fewest_rows`.
  std::int64_t min_rows = 16;
  std::int64_t min_parts = 1;
  std::int64_t fewest_rows = 16;

  std::int64_t row_alignment = 1;  ///< every row begins at a multiple of so many elements: what the backend moves at once
  bool interleaved = false;        ///< parts take turns row by row; if false, the rows of a part are neighbours

  RECTIFY_HD bool folds(std::int64_t run) const { return run >= folded_from && run % folded_multiple == 0; }
};

/// The functions of a backend. Codes are 0 for success, or a cudaError_t.
struct Backend {
  int (*forward)(const Elementwise&, int device_index, Stream);
  int (*backward)(const Elementwise&, int device_index, Stream);
  SumGrain (*sum_grain)(DType);
  bool (*available)();
  const char* (*error_name)(int code);
};

const Backend& cpu_backend();
/// Null in a build without CUDA (host/no_cuda.cpp).
const Backend* cuda_backend();

}  // namespace rectify::detail
