// The CPU backend's loops over a tile: one body for every op, written so that GCC 12 makes vectors of all of them. The pointers come one
// by one: out of an array or a struct, it vectorises some copies and not others.
#pragma once

#include "cpu_streams.hpp"

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
  static constexpr int line = MaskBits > 0 ? 32 / MaskBits : line_bytes / static_cast<int>(sizeof(T));  ///< elements at a time
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

/// Element i of a tile, in a lane of its line; takes the code that was read of a mask, gives the one to write. What stands here must
/// not stand in the loops: there, `omp simd` makes an array of each structure. `sums` are the line's so far: each sum's lanes, then
/// the next sum's.
template <class K, class T = typename K::T, class C = typename K::C>
inline Word<C> run_element(std::int64_t i, std::int64_t lane, Word<C> code, const Rectifier<C>& f, T& out, C* sums, const T* x,
                           const T* dy, const T* residual, const C* scale, const C* bias, const C* alpha, const C* threshold,
                           const C* max_value, T* dresidual) {
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
  assign(out, result.value);
  if constexpr (Set::general && K::Op::reads_dy) assign(dresidual[i], result.dz);
  if constexpr (Sums::count > 0) {
    Terms<C>::of(op, e, result, of_x).add_to(Sums{}, [&](int sum) -> C& { return sums[K::line * sum + lane]; });
  }
  return code_of<Word<C>>(result.piece);
}

/// Where a tile's lines add their terms: one behind the other from `first` on, and from `end` at `begin` again.
template <class C>
struct SumLines {
  C *first, *begin, *end;
};

template <class K, class C>
C* next_line(const SumLines<C>& lines, C* sums) {
  if constexpr (K::Sums::count == 0) return sums;
  sums += K::line * K::Sums::count;
  return sums == lines.end ? lines.begin : sums;
}

/// Of x and dy what comes a kilobyte later. Where there is more to do than to wait for memory, the processor's own look ahead ends
/// too early: all sums cost up to a tenth less with it.
template <class K, class T>
void fetch_ahead(const T* x, const T* dy) {
#if defined(__GNUC__)
  constexpr int bytes = 1024;
  if constexpr (K::Op::reads_x) __builtin_prefetch(reinterpret_cast<const char*>(x) + bytes);
  __builtin_prefetch(reinterpret_cast<const char*>(dy) + bytes);
#endif
}

/// A line of the output at a time, stored at once, and past the caches where `streams` (then `out` is at one). In place is an exact
/// match, so no iteration depends on another.
template <class K, class Isa, class C, class T, class... Operands>
void vector_loop(Isa isa, const Rectifier<C> f, std::int64_t count, bool streams, T* out, SumLines<C> lines, const T* x,
                 const T* dy, Operands... operands) {
  constexpr int line = K::line;
  C* sums = lines.first;
  std::int64_t i = 0;
  for (; i + line <= count; i += line) {
    if constexpr (K::Sums::count > 0) {
      if (i % (2 * line) == 0) fetch_ahead<K>(x + i, dy + i);
    }
    alignas(line_bytes) T values[line];
#pragma omp simd simdlen(line)
    for (int k = 0; k < line; ++k) run_element<K>(i + k, k, 0, f, values[k], sums, x, dy, operands...);
    if (streams) {
      stream_line(isa, out + i, values);
    } else {
      store_line(isa, out + i, values);
    }
    sums = next_line<K>(lines, sums);
  }
  for (int k = 0; i + k < count; ++k) run_element<K>(i + k, k, 0, f, out[i + k], sums, x, dy, operands...);
}

/// Elements first, ..., first + n - 1, whose bits of the mask are one word. Counted in Words too, or GCC 12 does not shift by i.
template <class K, class C, class T, class... Operands>
Word<C> word_loop(const Rectifier<C> f, std::int64_t first, Word<C> n, Word<C> word, T* out, C* sums, Operands... operands) {
  constexpr Word<C> bits = K::mask_bits, one = (1u << bits) - 1;
  if constexpr (K::writes_mask) {
#pragma omp simd reduction(| : word)
    for (Word<C> i = 0; i < n; ++i)
      word |= (run_element<K>(first + static_cast<std::int64_t>(i), i, 0, f, out[i], sums, operands...) & one) << i * bits;
  } else {
#pragma omp simd
    for (Word<C> i = 0; i < n; ++i)
      run_element<K>(first + static_cast<std::int64_t>(i), i, word >> i * bits & one, f, out[i], sums, operands...);
  }
  return word;
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// `bytes` of a mask, read or written around the elements that they are of.
template <class K, class C, class T, class... Operands>
void run_word(const Rectifier<C> f, std::int64_t first, int n, unsigned char* mask, std::size_t bytes, T* out, C* sums,
              Operands... operands) {
  Word<C> word = 0;
  if constexpr (!K::writes_mask) std::memcpy(&word, mask, bytes);
  word = word_loop<K>(f, first, static_cast<Word<C>>(n), word, out + first, sums, operands...);
  if constexpr (K::writes_mask) std::memcpy(mask, &word, bytes);
}

/// vector_loop with a mask, which starts with a tile's first element.
template <class K, class C, class T, class... Operands>
void masked_loop(const Rectifier<C> f, std::int64_t count, unsigned char* mask, T* out, SumLines<C> lines,
                 Operands... operands) {
  C* sums = lines.first;
  std::int64_t first = 0;
  for (; first + K::line <= count; first += K::line, mask += 4) {
    run_word<K>(f, first, K::line, mask, 4, out, sums, operands...);
    sums = next_line<K>(lines, sums);
  }
  const int rest = static_cast<int>(count - first);
  if (rest > 0)
    run_word<K>(f, first, rest, mask, static_cast<std::size_t>((rest * K::mask_bits + 7) / 8), out, sums, operands...);
}

}  // namespace rectify::detail
