// What thread.hpp and the compiled loops agree on: what a loop is chosen by (LoopKind), what it is given (Span), and how it is
// found. loop_body.hpp defines the loops. It is compiled once for each instruction set, with that set's compiler flags:
// loops_baseline.cpp, loops_avx2.cpp and loops_avx512.cpp.
#pragma once

#include "core/backend.hpp"
#include "core/element_ops.hpp"
#include "core/half.hpp"

#include <cstdint>

namespace rectify::detail {

/// A group is 16 neighbouring elements, the unit in which loops work: one cache line of f32, whole bytes of every mask, and a
/// multiple of the lanes of every vector type.
constexpr std::int64_t group = 16;
constexpr std::int64_t line_bytes = 64;  ///< of a cache line
/// The rows of a part of the sums (SumPart) are divided into four bands. A loop of sums may take one row of each band at a
/// time.
constexpr std::int64_t band_count = 4;
/// Size and required alignment of a store that bypasses the caches. malloc aligns to as much.
constexpr std::int64_t stream_bytes = 16;

/// What a call requires of its loop. A loop may offer more operands and sums than a call has: an absent operand is then
/// replaced by the value that changes no bit or by the parameter in Relu, and a sum that is not requested is computed
/// and dropped.
struct LoopKind {
  enum Op { forward, forward_mask, backward, backward_mask } op;
  unsigned operands;  ///< OperandSet::bits; a dresidual counts as a residual
  unsigned sums;      ///< those that are requested, a bit for each SumKind
  bool capped;        ///< elements may be saturated: max_value is less than +inf, or the mask has two bits
  bool flat;          ///< Relu::alpha is 0; of no meaning beside an alpha tensor
  bool gained;        ///< the gain is not 1
};

/// What a loop is given: `count` elements, a multiple of a group, that are contiguous in every operand (in the tensor itself,
/// or in a tile that stands in for it). A loop of sums may be given band_count rows of `count` elements, `row_stride` elements
/// apart. They share the first row's parameters and add to the same sums.
template <class C>
struct Span {
  Scalars<C> scalars;
  std::int64_t count, rows, row_stride;
  const void *x, *dy, *residual;        ///< null if absent
  void *out, *dresidual;                ///< null if not requested
  bool out_streams, dresidual_streams;  ///< stored past the caches
  unsigned char* mask;
  int mask_bits;
  /// Parameter k of element i is parameters[k][(parameter_phase + i) % parameter_period] if parameter_index_mask[k] is -1. If
  /// the mask is 0, parameters[k] is one group of equal values, which serves every group of elements.
  C* parameters[parameter_kinds];
  std::int64_t parameter_index_mask[parameter_kinds];
  std::int64_t parameter_phase, parameter_period;
  /// The sums of the first group (see SumChains for their order). A loop continues at sums_begin when it has reached sums_end.
  C* sums = nullptr;
  C *sums_begin, *sums_end;
};

template <class C>
struct Loop {
  void (*process)(const Span<C>&);
  unsigned operands, sums;  ///< those that it reads, and those that it adds to, in the order of SumKind
};

/// The loops of a storage type, for one instruction set.
template <class T>
struct Loops {
  Loop<Compute<T>> (*find)(const LoopKind&);
  void (*widen)(const T* from, std::int64_t count, Compute<T>* to);  ///< converts a multiple of a group
};
struct AllLoops : Loops<f16>, Loops<bf16>, Loops<float>, Loops<double> {};

/// The loops for the widest instruction set that this machine has and that RECTIFY_MAX_CPU_ISA (baseline, avx2 or avx512)
/// allows. The variable is read once, when the library is loaded. All sets give the same bits except for NaN payloads, because
/// contraction is off and every step rounds the same way in any width.
const AllLoops& loops_of_this_machine();

// clang-format off
namespace baseline { AllLoops loops(); }
namespace avx2 { AllLoops loops(); }
namespace avx512 { AllLoops loops(); }
// clang-format on

}  // namespace rectify::detail
