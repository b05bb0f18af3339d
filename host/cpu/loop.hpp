// A loop of the CPU backend: what it is asked to do, and how to find it. Each instruction set has its own (loop_body.hpp), compiled in
// a translation unit with its flags: loops_baseline.cpp, loops_avx2.cpp, loops_avx512.cpp.
#pragma once

#include "core/backend.hpp"
#include "core/element_ops.hpp"
#include "core/half.hpp"

#include <cstdint>

namespace rectify::detail {

/// Elements that a loop takes at a time: a line of the caches in f32, whole bytes of every mask, and the lanes of any vector.
constexpr std::int64_t group = 16;
constexpr std::int64_t line_bytes = 64;    ///< of the caches
constexpr std::int64_t bands = 4;          ///< rows that a loop of sums may take side by side
constexpr std::int64_t stream_bytes = 16;  ///< of a store past the caches, which begins at a multiple; what malloc gives

/// What a loop is asked to do: an op, at least these operands beside x and dy (a bit for each), and at least these sums (a bit for each
/// SumKind). A loop reads all operands of its own, for an absent one the number that changes no bit or Relu's, and adds up all its sums.
struct LoopKind {
  enum Op { forward, forward_mask, backward, backward_mask } op;
  unsigned operands, sums;
  bool capped;  ///< elements may be saturated: max_value is less than +inf, or a mask has two bits
  bool flat;    ///< alpha is 0, where it is a number
  bool gained;  ///< the gain is not 1
};
enum OperandBit : unsigned { reads_scale = 1, reads_bias = 2, reads_residual = 4, reads_alpha = 8, reads_limits = 16 };

/// What a loop works on: `count` elements, whole groups, contiguous in every operand. A loop of sums may be given several such rows,
/// `row_stride` elements apart, which have the same parameters and add to the same sums.
template <class C>
struct Span {
  Rectifier<C> f;
  C gain;
  std::int64_t count, rows, row_stride;  ///< 1 row, or as many as there are bands
  const void *x, *dy, *residual;         ///< null where there is none
  void *out, *dresidual;                 ///< null where not requested
  bool streams, dresidual_streams;       ///< past the caches
  unsigned char* mask;
  int mask_bits;
  C* numbers[parameter_kinds];         ///< of the parameters
  std::int64_t each[parameter_kinds];  ///< -1 where every element has a number of its own, 0 where those of one group serve all
  std::int64_t phase, period;          ///< of the numbers: where the first element's are, and after how many they begin again
  C* sums = nullptr;                   ///< a group of each sum, then the next group's
  C *sums_begin, *sums_end;            ///< from the end it goes on at the beginning
};

template <class C>
struct Loop {
  void (*process)(const Span<C>&);
  unsigned operands, sums;  ///< that it reads, and adds up in the order of their slots
};

/// The loops of a storage type, for one instruction set.
template <class T>
struct Loops {
  Loop<Compute<T>> (*find)(const LoopKind&);
  void (*widen)(const T* from, std::int64_t count, Compute<T>* to);  ///< whole groups
};
struct AllLoops : Loops<f16>, Loops<bf16>, Loops<float>, Loops<double> {};

/// Of the widest instruction set that this machine has and RECTIFY_MAX_CPU_ISA (baseline, avx2, avx512) allowed when the library was
/// loaded. All give the same bits but for payloads of NaN: contraction is off, and every step rounds alike.
const AllLoops& loops_of_this_machine();

// clang-format off
namespace baseline { AllLoops loops(); }
namespace avx2 { AllLoops loops(); }
namespace avx512 { AllLoops loops(); }
// clang-format on

}  // namespace rectify::detail
