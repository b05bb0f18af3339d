// The CPU backend's loops over a tile: one body for every op, written so that GCC 12 makes vectors of all of them. The pointers come one
// by one: out of an array or a struct, it vectorises some copies and not others.
#pragma once

#include "cpu_streams.hpp"
#include "cpu_tiles.hpp"

#include <rectify/detail/element_ops.hpp>
#include <rectify/detail/half.hpp>
#include <rectify/detail/mask.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

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
  /// Tiles may begin at any element; else lines go with a mask's bytes, or with lines of sums.
  static constexpr bool cuts_anywhere = MaskBits == 0 && Sums::count == 0;
  static constexpr unsigned code = (1u << MaskBits) - 1;  ///< all bits of one
};

/// The rows of a tile, by number; a list of them rather than a count, because GCC 12 leaves a loop over them a loop.
template <int... Row>
using Rows = std::integer_sequence<int, Row...>;

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

/// Element i of a tile, whose parameters are number `p` of theirs; takes the code that was read of a mask, gives the one to write, and
/// adds to the sums of its position. What stands here must not stand in the loops: there, `omp simd` makes an array of each structure.
template <class K, class T = typename K::T, class C = typename K::C>
inline Word<C> run_element(std::int64_t i, std::int64_t p, Word<C> code, const Rectifier<C>& f, T& out, C* sums, const T* x,
                           const T* dy, const T* residual, const C* scale, const C* bias, const C* alpha, const C* threshold,
                           const C* max_value, T* dresidual) {
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
    Terms<C>::of(op, e, result, of_x).add_to(Sums{}, [&](int sum) -> C& { return sums[sum]; });
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

/// What comes a kilobyte later than elements i to i + K::line - 1 of a row, which is `row` elements behind x and dy, past the second cache;
/// of rows side by side, a share of it each, or what was fetched would push out what is not yet used. Every line of it: where one in two
/// was fetched, the processor's own look ahead was thrown off, and the op took half as long again.
template <class K, int Count, class T>
void fetch_ahead(std::int64_t i, std::int64_t row, const T* x, const T* dy) {
#if defined(__GNUC__)
  constexpr std::int64_t step = line_bytes / sizeof(T), ahead = 1024 / Count / sizeof(T);
  if (K::line < step && i % step != 0) return;
  for (std::int64_t k = row + i + ahead; k < row + i + ahead + K::line; k += step) {
    if constexpr (K::Op::reads_x) __builtin_prefetch(x + k, 0, 0);
    if constexpr (K::Op::reads_dy) __builtin_prefetch(dy + k, 0, 0);
  }
#endif
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// Position k of a line, of one row after the other, `stride` elements apart: its sums, K::line numbers apart, are loaded and stored
/// once. `codes`: a word of them for each row, of which those at `shift` are taken. Gives the last row's code. Lists in place of loops,
/// or Clang 14 keeps the array in memory and makes no vectors.
template <class K, int... Row, int... Sum, class T = typename K::T, class C = typename K::C, class... Operands>
inline Word<C> run_position(Rows<Row...>, std::integer_sequence<int, Sum...>, std::int64_t k, std::int64_t i, std::int64_t p,
                            std::int64_t stride, const Word<C>* codes, Word<C> shift, const Rectifier<C>& f, T* out,
                            std::int64_t out_stride, C* sums, Operands... operands) {
  C of_position[] = {sums[Sum * K::line + k]..., C(0)};
  const Word<C> code = (run_element<K>(i + k + Row * stride, p + k, K::Op::reads_mask ? codes[Row] >> shift & K::code : 0, f,
                                       out[k + Row * out_stride], of_position, operands...),
                        ...);
  ((sums[Sum * K::line + k] = of_position[Sum]), ...);
  return code;
}

/// Elements i to i + n - 1, a line or what is left of one, of each row; their bits are read from `mask` or written there, as one word.
/// Counted in Words too where there is a mask, or GCC 12 does not shift by k.
template <class K, int... Row, class C, class T, class... Operands>
void run_line(Rows<Row...> rows, const Rectifier<C>& f, std::int64_t i, std::int64_t p, int n, std::int64_t stride,
              unsigned char* mask, T* out, std::int64_t out_stride, C* sums, Operands... operands) {
  constexpr std::make_integer_sequence<int, K::Sums::count> all{};
  if constexpr (K::mask_bits == 0) {
#pragma omp simd
    for (int k = 0; k < n; ++k) run_position<K>(rows, all, k, i, p, stride, nullptr, 0, f, out, out_stride, sums, operands...);
    return;
  }
  constexpr Word<C> bits = K::mask_bits;
  const auto bytes = static_cast<std::size_t>((n * K::mask_bits + 7) / 8);
  Word<C> words[sizeof...(Row)] = {};
  if constexpr (K::writes_mask) {
    Word<C> word = 0;
#pragma omp simd reduction(| : word)
    for (Word<C> k = 0; k < static_cast<Word<C>>(n); ++k) {
      const auto at = static_cast<std::int64_t>(k);
      word |= (run_position<K>(rows, all, at, i, p, stride, words, 0, f, out, out_stride, sums, operands...) & K::code)
              << k * bits;
    }
    std::memcpy(mask, &word, bytes);
  } else if constexpr (K::mask_bits > 0) {
    (std::memcpy(words + Row, mask + Row * stride * K::mask_bits / 8, bytes), ...);
#pragma omp simd
    for (Word<C> k = 0; k < static_cast<Word<C>>(n); ++k) {
      const auto at = static_cast<std::int64_t>(k);
      run_position<K>(rows, all, at, i, p, stride, words, k * bits, f, out, out_stride, sums, operands...);
    }
  }
}

/// A tile without its elements: of one row, or of several side by side.
struct TileWay {
  std::int64_t count;                    ///< in a row; of several rows, whole lines
  std::int64_t parameter, step, period;  ///< where the first element's are, how far the next line's, and where they begin again
  unsigned char* mask;                   ///< starts with the first element
  std::int64_t stride;                   ///< elements from a row to the next, of inputs and of dresidual
};

/// A line of the output at a time, of every row before any is stored: a load of a row behind another's store waits where both are at one
/// place of their pages. In place is an exact match, so no iteration depends on another.
template <class K, int... Row, class Isa, class C, class T, class... Operands>
void vector_loop(Rows<Row...> rows, Isa isa, const Rectifier<C> f, const TileWay way, const TileOut<T> to, SumLines<C> lines,
                 const T* x, const T* dy, Operands... operands) {
  constexpr int line = K::line, count = sizeof...(Row), before = line_bytes / sizeof(T), vector = store_bytes / sizeof(T);
  const bool streams_on = !K::cuts_anywhere && to.end_of_left != nullptr;
  unsigned char* mask = way.mask;
  C* sums = lines.first;
  std::int64_t i = 0, p = way.parameter;
  alignas(line_bytes) T values[count][before + line];
  if (streams_on) (store_vector(isa, values[Row] + before - vector, to.end_of_left + Row * to.left_stride - vector), ...);
  // Period by period, so that the loop inside asks one question only.
  for (; i + line <= way.count; p -= way.period) {
    const std::int64_t last = i + std::min(way.count - line - i, way.period - p - 1);
    for (; i <= last; i += line, p += way.step) {
      (fetch_ahead<K, count>(i, Row * way.stride, x, dy), ...);
      run_line<K>(rows, f, i, p, line, way.stride, mask, values[0] + before, before + line, sums, x, dy, operands...);
      if (streams_on) {
        (stream_on<line>(isa, to.data + i + Row * to.stride, values[Row] + before), ...);
      } else {
        (put_lines<line>(isa, to.data + i + Row * to.stride, values[Row] + before, to.streams), ...);
      }
      if constexpr (K::mask_bits > 0) mask += 4;
      sums = next_line<K>(lines, sums);
    }
    if (p < way.period) break;
  }
  if (streams_on) (store_vector(isa, to.end_of_left + Row * to.left_stride - vector, values[Row] + before - vector), ...);
  if constexpr (count == 1) {
    const int rest = static_cast<int>(way.count - i);
    if (rest > 0) run_line<K>(rows, f, i, p, rest, 0, mask, to.data + i, 0, sums, x, dy, operands...);
  }
}

}  // namespace rectify::detail
