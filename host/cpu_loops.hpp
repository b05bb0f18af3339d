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

/// Element i of a tile, whose parameters are number `p` of theirs, in a lane of its line; takes the code that was read of a mask, gives
/// the one to write. What stands here must not stand in the loops: there, `omp simd` makes an array of each structure. `sums` are the
/// line's so far: each sum's lanes, then the next sum's.
template <class K, class T = typename K::T, class C = typename K::C>
inline Word<C> run_element(std::int64_t i, std::int64_t p, std::int64_t lane, Word<C> code, const Rectifier<C>& f, T& out,
                           C* sums, const T* x, const T* dy, const T* residual, const C* scale, const C* bias, const C* alpha,
                           const C* threshold, const C* max_value, T* dresidual) {
  using Set = typename K::Set;
  using Sums = typename K::Sums;
  Element<C> e{f};
  C of_x = 0;
  if constexpr (K::Op::reads_x) {
    C of_scale = 1, of_bias = 0, of_residual = 0;
    if constexpr (Set::scale) of_scale = scale[p];
    if constexpr (Set::bias) of_bias = bias[p];
    if constexpr (Set::residual) of_residual = static_cast<C>(residual[i]);
    of_x = static_cast<C>(x[i]);
    e.z = fused_input<Set>(of_x, of_scale, of_bias, of_residual);
  }
  if constexpr (K::Op::reads_dy) e.dy = static_cast<C>(dy[i]);
  if constexpr (K::Op::reads_mask) e.piece = piece_of_code<C>(code);
  if constexpr (Set::scale) e.scale = scale[p];
  if constexpr (Set::function) e.f = {alpha[p], threshold[p], max_value[p]};
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

/// What comes a kilobyte later than elements i to i + K::line - 1, past the second cache. Every line of it: where one in two was
/// fetched, the processor's own look ahead was thrown off, and the op took half as long again.
template <class K, class T>
void fetch_ahead(std::int64_t i, const T* x, const T* dy) {
#if defined(__GNUC__)
  constexpr std::int64_t step = line_bytes / sizeof(T), ahead = 1024 / sizeof(T);
  if (K::line < step && i % step != 0) return;
  for (std::int64_t k = i + ahead; k < i + ahead + K::line; k += step) {
    if constexpr (K::Op::reads_x) __builtin_prefetch(x + k, 0, 0);
    if constexpr (K::Op::reads_dy) __builtin_prefetch(dy + k, 0, 0);
  }
#endif
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// Elements i to i + n - 1, a line or what is left of one; their bits are read from `mask` or written there, as one word. Counted in Words
/// too where there is a mask, or GCC 12 does not shift by k.
template <class K, class C, class T, class... Operands>
void run_line(const Rectifier<C>& f, std::int64_t i, std::int64_t p, int n, unsigned char* mask, T* out, C* sums,
              Operands... operands) {
  if constexpr (K::mask_bits == 0) {
#pragma omp simd
    for (int k = 0; k < n; ++k) run_element<K>(i + k, p + k, k, 0, f, out[k], sums, operands...);
    return;
  }
  constexpr Word<C> bits = K::mask_bits, one = (1u << bits) - 1;
  const auto bytes = static_cast<std::size_t>((n * K::mask_bits + 7) / 8);
  Word<C> word = 0;
  if constexpr (K::writes_mask) {
#pragma omp simd reduction(| : word)
    for (Word<C> k = 0; k < static_cast<Word<C>>(n); ++k) {
      const auto at = static_cast<std::int64_t>(k);
      word |= (run_element<K>(i + at, p + at, at, 0, f, out[k], sums, operands...) & one) << k * bits;
    }
    std::memcpy(mask, &word, bytes);
  } else if constexpr (K::mask_bits > 0) {
    std::memcpy(&word, mask, bytes);
#pragma omp simd
    for (Word<C> k = 0; k < static_cast<Word<C>>(n); ++k) {
      const auto at = static_cast<std::int64_t>(k);
      run_element<K>(i + at, p + at, at, word >> k * bits & one, f, out[k], sums, operands...);
    }
  }
}

/// A tile without its elements.
struct TileWay {
  std::int64_t count;
  std::int64_t parameter_step;  ///< K::line, or 0 where a line of parameters serves all lines
  bool streams;                 ///< past the caches; then is_at_store holds of the output
  unsigned char* mask;          ///< starts with the first element
};

/// A line of the output at a time, stored at once. In place is an exact match, so no iteration depends on another.
template <class K, class Isa, class C, class T, class... Operands>
void vector_loop(Isa isa, const Rectifier<C> f, const TileWay way, T* out, SumLines<C> lines, const T* x, const T* dy,
                 Operands... operands) {
  constexpr int line = K::line;
  unsigned char* mask = way.mask;
  C* sums = lines.first;
  std::int64_t i = 0, p = 0;
  for (; i + line <= way.count; i += line, p += way.parameter_step) {
    fetch_ahead<K>(i, x, dy);
    alignas(line_bytes) T values[line];
    run_line<K>(f, i, p, line, mask, values, sums, x, dy, operands...);
    if constexpr (K::mask_bits > 0) mask += 4;
    put_lines(isa, out + i, values, way.streams);
    sums = next_line<K>(lines, sums);
  }
  const int rest = static_cast<int>(way.count - i);
  if (rest > 0) run_line<K>(f, i, p, rest, mask, out + i, sums, x, dy, operands...);
}

}  // namespace rectify::detail
