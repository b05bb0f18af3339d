// A loop of the CPU backend: what it is asked to do, and how to find it. Each instruction set has its own (loop_body.hpp), compiled in
// a translation unit with its flags: loops_baseline.cpp, loops_avx2.cpp, loops_avx512.cpp.
#pragma once

#include <rectify/detail/backend.hpp>
#include <rectify/relu.hpp>

#include <cstddef>
#include <cstdint>

namespace rectify::detail {

/// Elements that a loop takes at a time: a line of the caches in f32, whole bytes of every mask, and the lanes of any vector.
constexpr std::int64_t group = 16;
constexpr std::int64_t line_bytes = 64;  ///< of the caches
constexpr int bands = 4;                 ///< rows that a loop of sums may take side by side

/// The operands that a loop reads beside x and dy: bias; scale and bias; residual; alpha; all of these, and threshold and
/// max_value. A set reads all of its own, absent ones as the number that changes no bit.
enum class Operands { none, bias, scale, residual, alpha, all };
/// That of the element ops' operand sets.
template <class Set>
constexpr Operands operands_in = Set::general    ? Operands::all
                                 : Set::scale    ? Operands::scale
                                 : Set::bias     ? Operands::bias
                                 : Set::residual ? Operands::residual
                                 : Set::alpha    ? Operands::alpha
                                                 : Operands::none;

/// The sums that a loop adds up: none, dbias, dscale and dbias, dalpha, all five.
enum class SumsOf { none, bias, scale, alpha, all };

struct LoopKind {
  enum { forward, forward_mask, backward, backward_mask } op;
  Operands operands;
  SumsOf sums = SumsOf::none;
  bool capped = false;  ///< elements may be saturated: max_value is less than +inf, or a mask has two bits
  bool flat = false;    ///< alpha is 0, where it is a number
  bool in_bands = false;

  bool adds(int slot) const {
    return sums == SumsOf::all || (sums == SumsOf::alpha && slot == sum_alpha) || (sums == SumsOf::scale && slot <= sum_bias) ||
           (sums == SumsOf::bias && slot == sum_bias);
  }
  int sum_count() const {
    return adds(sum_scale) + adds(sum_bias) + adds(sum_alpha) + adds(sum_threshold) + adds(sum_max_value);
  }
};

enum ParameterSlot : int { at_scale, at_bias, at_alpha, at_threshold, at_max_value, parameter_count };

/// A parameter's numbers; `step` of them for a group, or 0 where those of one group serve all.
template <class C>
struct Line {
  const C* data;
  std::int64_t step;
};

/// A stretch of elements, whole groups, whose operands lie in memory one behind the other. Of several rows, the operands of row k are
/// `row_stride` elements behind those of row k - 1, and all have the same parameters and add to the same sums.
template <class C>
struct Span {
  Rectifier<C> f;
  std::int64_t count;
  const void *x, *dy, *residual;
  std::int64_t residual_mask;       ///< 0 where one group of it serves all
  void *out, *dresidual;            ///< dresidual may be null
  bool streams, dresidual_streams;  ///< past the caches
  unsigned char* mask;
  int mask_bits;
  Line<C> parameters[parameter_count];
  std::int64_t phase, period;       ///< of the numbers: where the first element's are, and after how many they begin again
  C *sums, *sums_begin, *sums_end;  ///< a group of each sum, then the next group's; from the end it goes on at the beginning
  std::int64_t row_stride, out_stride;
};

template <class C>
using Loop = void (*)(const Span<C>&);

/// The loops of a storage type, for one instruction set.
template <class T>
struct Loops {
  Loop<Compute<T>> (*find)(const LoopKind&);
  void (*widen)(const T* from, std::int64_t count, Compute<T>* to);  ///< whole groups
};

/// Of the widest instruction set that this machine has and RECTIFY_MAX_CPU_ISA (baseline, avx2, avx512) allows, as it was when the
/// library was loaded. The results are the same bits with all of them but for payloads of NaN: contraction is off, and every step rounds
/// alike.
template <class T>
Loops<T> loops_of_this_machine();

// clang-format off
namespace baseline { template <class T> Loops<T> loops(); }
namespace avx2 { template <class T> Loops<T> loops(); }
namespace avx512 { template <class T> Loops<T> loops(); }
// clang-format on

}  // namespace rectify::detail
