// The CPU backend's loops over a tile: one body for every op, written so that GCC 12 makes vectors of all of them. The pointers come one
// by one: out of an array or a struct, it vectorises some copies and not others.
#pragma once

#include <rectify/detail/element_ops.hpp>
#include <rectify/detail/half.hpp>
#include <rectify/detail/mask.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace rectify::detail {

/// What a call's loop is compiled for. A mask is read by an op that does, or written.
template <class T_, template <class> class OpOf, class Set_, int MaskBits, class Sums_ = NoSums>
struct Kind {
  using T = T_;
  using C = Compute<T>;
  using Op = OpOf<C>;
  using Set = Set_;
  using Sums = Sums_;
  static constexpr int mask_bits = MaskBits;
  static constexpr bool writes_mask = MaskBits > 0 && !Op::reads_mask;
};

/// Bits of a mask, in lanes as wide as the numbers that they go with.
template <class C>
using Word = std::conditional_t<sizeof(C) == 8, std::uint64_t, std::uint32_t>;

/// piece_of, by comparisons of numbers: GCC 12 makes arithmetic of comparisons of bits, and then has no vectors for the selects
/// behind them. The code becomes an exponent, so the numbers are normal, and modes that flush others to 0 are harmless.
template <class C>
Piece piece_of_code(Word<C> code) {
  constexpr int fraction_bits = std::numeric_limits<C>::digits - 1;
  constexpr C one = std::numeric_limits<C>::min();
  const Word<C> bits = code << fraction_bits;
  C number;
  std::memcpy(&number, &bits, sizeof number);
  return {number == C(0), number == 2 * one};
}

/// Element i of a tile; takes the code that was read of a mask, gives the one to write. What stands here must not stand in the loops:
/// there, `omp simd` makes an array of each structure. The last five are the sums so far at the element's position.
template <class K, class T = typename K::T, class C = typename K::C>
inline Word<C> run_element(std::int64_t i, Word<C> code, const Rectifier<C>& f, const T* x, const T* dy, const T* residual,
                           const C* scale, const C* bias, const C* alpha, const C* threshold, const C* max_value, T* out,
                           T* dresidual, C* dscale, C* dbias, C* dalpha, C* dthreshold, C* dmax_value) {
  using Set = typename K::Set;
  using Sums = typename K::Sums;
  Element<C> e{f};
  C of_x = 0;
  if constexpr (K::Op::reads_x) {
    C of_scale = 1, of_bias = 0, of_residual = 0;
    if constexpr (Set::scale) of_scale = scale[i];
    if constexpr (Set::bias) of_bias = bias[i];
    if constexpr (Set::residual) of_residual = static_cast<C>(residual[i]);
    of_x = static_cast<C>(x[i]);
    e.z = fused_input<Set>(of_x, of_scale, of_bias, of_residual);
  }
  if constexpr (K::Op::reads_dy) e.dy = static_cast<C>(dy[i]);
  if constexpr (K::Op::reads_mask) e.piece = piece_of_code<C>(code);
  if constexpr (Set::scale) e.scale = scale[i];
  if constexpr (Set::function) e.f = {alpha[i], threshold[i], max_value[i]};
  const typename K::Op op;
  const Result<C> result = op(e);
  assign(out[i], result.value);
  if constexpr (Set::general && K::Op::reads_dy) assign(dresidual[i], result.dz);
  if constexpr (Sums::count > 0) {
    const Terms<C> terms = Terms<C>::of(op, e, result, of_x);
    if constexpr (Sums::scale) dscale[i] += terms.scale;
    if constexpr (Sums::bias) dbias[i] += terms.bias;
    if constexpr (Sums::alpha) dalpha[i] += terms.alpha;
    if constexpr (Sums::threshold) dthreshold[i] += terms.threshold;
    if constexpr (Sums::max_value) dmax_value[i] += terms.max_value;
  }
  return code_of<Word<C>>(result.piece);
}

/// In place is an exact match, so no iteration depends on another.
template <class K, class C, class... Operands>
void vector_loop(const Rectifier<C> f, std::int64_t count, Operands... operands) {
#pragma omp simd
  for (std::int64_t i = 0; i < count; ++i) run_element<K>(i, 0, f, operands...);
}

/// Elements first, ..., first + n - 1, whose bits of the mask are one word. Counted in Words too, or GCC 12 does not shift by i.
template <class K, class C, class... Operands>
Word<C> word_loop(const Rectifier<C> f, std::int64_t first, Word<C> n, Word<C> word, Operands... operands) {
  constexpr Word<C> bits = K::mask_bits, one = (1u << bits) - 1;
  if constexpr (K::writes_mask) {
#pragma omp simd reduction(| : word)
    for (Word<C> i = 0; i < n; ++i)
      word |= (run_element<K>(first + static_cast<std::int64_t>(i), 0, f, operands...) & one) << i * bits;
  } else {
#pragma omp simd
    for (Word<C> i = 0; i < n; ++i)
      run_element<K>(first + static_cast<std::int64_t>(i), word >> i * bits & one, f, operands...);
  }
  return word;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// `bytes` of a mask, read or written around the elements that they are of.
template <class K, class C, class... Operands>
void run_word(const Rectifier<C> f, std::int64_t first, int n, unsigned char* mask, std::size_t bytes, Operands... operands) {
  Word<C> word = 0;
  if constexpr (!K::writes_mask) std::memcpy(&word, mask, bytes);
  word = word_loop<K>(f, first, static_cast<Word<C>>(n), word, operands...);
  if constexpr (K::writes_mask) std::memcpy(mask, &word, bytes);
}

/// vector_loop with a mask, which starts with a tile's first element.
template <class K, class C, class... Operands>
void masked_loop(const Rectifier<C> f, std::int64_t count, unsigned char* mask, Operands... operands) {
  constexpr int per_word = 32 / K::mask_bits;
  std::int64_t first = 0;
  for (; first + per_word <= count; first += per_word, mask += 4) run_word<K>(f, first, per_word, mask, 4, operands...);
  const int rest = static_cast<int>(count - first);
  if (rest > 0) run_word<K>(f, first, rest, mask, static_cast<std::size_t>((rest * K::mask_bits + 7) / 8), operands...);
}

}  // namespace rectify::detail
