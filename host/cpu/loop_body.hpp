// The loops of the CPU backend, for one instruction set: a loop loads elements of a span as vectors of the compute type,
// applies an element op (core/element_ops.hpp), and stores the results. There is one body, a template over op, operands, sums
// and storage type. SpanRunner::process_span (thread.hpp) calls compute_span, which calls compute_rows, which calls
// compute_group. find_loop chooses the instance of the template for a call.
#pragma once

#include "vector.hpp"

#include <utility>

namespace rectify::detail::RECTIFY_CPU_ISA {

/// The operands and the sums that a loop is compiled for.
template <class Set_, class Sums_ = NoSums>
struct OperandsAndSums {
  using Set = Set_;
  using Sums = Sums_;
  static constexpr unsigned operands = Set::bits;
};

/// Everything that a loop is compiled for.
template <class T_, template <class> class OpOf, class OperandsAndSums_, bool WritesMask, class Known_>
struct LoopTraits : OperandsAndSums_ {
  using T = T_;
  using C = Compute<T>;
  using V = Vector<C>;
  using Op = OpOf<V>;
  using Known = Known_;
  static constexpr bool writes_mask = WritesMask;
  static constexpr bool writes_dz = OperandsAndSums_::Set::residual && Op::reads_dy;  ///< if the call requests dresidual
  /// Elements of each output and row that are computed before any is stored past the caches: four cache lines. With one line,
  /// dx with dresidual took 1.2 times as long, with 16 lines 1.1 times (docs/cpu-backend.md).
  static constexpr std::int64_t staged_elements = 4 * line_bytes / static_cast<std::int64_t>(sizeof(T));
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// For each lane, the place of its bits in a word of the mask, and the value of these bits that means saturated.
template <class V>
struct MaskLanes {
  decltype(Condition<V>::lanes) own, saturated;

  explicit MaskLanes(int bits) {
    for (int lane = 0; lane < V::lanes; ++lane)
      saturated[lane] = 2 << lane * bits, own[lane] = bits << lane * bits | 1 << lane * bits;
  }
};

/// Writes the bits of a group. `above` has a bit for each element above the threshold, `saturated` one for each of those that
/// is saturated.
inline void write_mask(unsigned char* mask, int bits, std::uint64_t above, std::uint64_t saturated) {
  std::uint64_t word = (above & ~saturated) | saturated << 32;
  if (bits == 1) return static_cast<void>(std::memcpy(mask, &word, 2));
  for (const auto& [shift, kept] :
       {std::pair{8, 0x00ff00ff00ff00ffu}, {4, 0x0f0f0f0f0f0f0f0fu}, {2, 0x3333333333333333u}, {1, 0x5555555555555555u}})
    word = (word | word << shift) & kept;  // bit i goes to bit 2 i
  word |= word >> 31;
  std::memcpy(mask, &word, 4);
}

/// Where a loop is in its span.
template <class T>
struct Cursor {
  std::int64_t element;          ///< of the first row
  std::int64_t parameter_phase;  ///< of that element
  unsigned char* mask;
  Compute<T>* sums;
  T *out, *dz;                     ///< to which the group's results are stored: the outputs, or staged memory
  std::int64_t output_row_stride;  ///< from a row's results to the next row's
  bool streams;
};

/// Loads element i of a tensor and its neighbours, and prefetches the cache line `ahead` elements further if `begins_line`.
/// Lines are prefetched into all caches: to bypass some took twice as long on machines with a large last-level cache.
template <class T>
[[gnu::always_inline]] inline auto load_and_prefetch(const void* tensor, std::int64_t i, std::int64_t ahead, bool begins_line) {
  const auto v = load(static_cast<const T*>(tensor) + i);
  if (begins_line) __builtin_prefetch(static_cast<const T*>(tensor) + i + ahead);
  return v;
}

/// Loads element i of x, residual and dy and its neighbours into e.z and e.dy. Returns x, for dscale.
template <class K, int Rows, class C>
[[gnu::always_inline]] inline typename K::V load_inputs(const Span<C>& s, std::int64_t i, bool begins_line,
                                                        Element<typename K::V, typename K::Known>& e) {
  using T = typename K::T;
  constexpr std::int64_t ahead = 1024 / Rows / static_cast<std::int64_t>(sizeof(T));  // a kilobyte, divided among the rows
  typename K::V x = 0, residual = no_residual<C>;
  if constexpr (K::Op::reads_x) {
    if (K::Set::residual && s.residual != nullptr) residual = load_and_prefetch<T>(s.residual, i, ahead, begins_line);
    x = load_and_prefetch<T>(s.x, i, ahead, begins_line);
    e.z = fused_input<typename K::Set>(x, e, residual);
  }
  if constexpr (K::Op::reads_dy) e.dy = load_and_prefetch<T>(s.dy, i, ahead, begins_line);
  return x;
}

/// Computes a group of each row, vector by vector. Results are stored after all rows are loaded: a load waits for a store to
/// another row that is at the same offset in its page. Parameters and stores have no functions of their own: with them GCC 12
/// made 5% more instructions for AVX-512.
template <class K, int Rows, class C>
[[gnu::always_inline]] inline void compute_group(const Span<C>& s, const Scalars<typename K::V, typename K::Known>& scalars,
                                                 const MaskLanes<typename K::V>& mask_lanes,
                                                 const Cursor<typename K::T>& cursor) {
  using V = typename K::V;
  using Op = typename K::Op;
  using Set = typename K::Set;
  constexpr int sum_count = K::Sums::count;
  constexpr bool any_nan = Set::parameters != 0;
  std::uint32_t mask_words[Rows] = {};
  for (int row = 0; Op::reads_mask && row < Rows; ++row) {
    const unsigned char* const from = cursor.mask + row * s.row_stride * s.mask_bits / 8;
    s.mask_bits == 1 ? std::memcpy(&mask_words[row], from, 2) : std::memcpy(&mask_words[row], from, 4);
  }
  std::uint64_t above = 0, saturated = 0;
#pragma GCC unroll 4
  for (int lane = 0; lane < group; lane += V::lanes) {
    const bool begins_line = lane * sizeof(typename K::T) % line_bytes == 0;
    Element<V, typename K::Known> e{scalars};
    for_each_parameter<Set>([&](auto tag) {
      constexpr ParameterKind kind = decltype(tag)::kind;
      parameter_of<kind>(e) = load(s.parameters[kind] + (cursor.parameter_phase & s.parameter_index_mask[kind]) + lane);
    });
    V sums[sum_count + 1];
    for (int k = 0; k < sum_count; ++k) sums[k] = load(cursor.sums + k * group + lane);
    Result<V> results[Rows];
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const V x = load_inputs<K, Rows>(s, row * s.row_stride + cursor.element + lane, begins_line, e);
      const auto code = mask_lanes.own & static_cast<int>(mask_words[row] >> lane * s.mask_bits);
      if constexpr (Op::reads_mask) e.piece = {{code == 0}, {code == mask_lanes.saturated}};
      results[row] = Op{}(e);
      if constexpr (sum_count > 0)
        Terms<V>::of(Op{}, e, results[row], x).add_to(typename K::Sums{}, [&](int k) -> V& { return sums[k]; });
    }
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const std::int64_t i = row * cursor.output_row_stride + lane;
      if ((!Op::reads_dy && !K::writes_mask) || s.out != nullptr)
        store<any_nan>(cursor.out + i, results[row].value, cursor.streams);
      if (K::writes_dz && s.dresidual != nullptr) store<any_nan>(cursor.dz + i, results[row].dz);
    }
    if constexpr (K::writes_mask) {
      const auto is_above = !results[0].piece.below;
      above |= static_cast<std::uint64_t>(is_above.bits()) << lane;
      saturated |= static_cast<std::uint64_t>((is_above & results[0].piece.saturated).bits()) << lane;
    }
    for (int k = 0; k < sum_count; ++k) store(cursor.sums + k * group + lane, sums[k]);
  }
  if constexpr (K::writes_mask) write_mask(cursor.mask, s.mask_bits, above, saturated);
}

/// Copies `count` staged elements of each row to an output. Does nothing if `to` is null.
template <class T>
[[gnu::noinline]] void store_staged(const T* staged, int rows, std::int64_t staged_stride, std::int64_t count, T* to,
                                    std::int64_t row_stride, bool streams) {
  for (int row = 0; to != nullptr && row < rows; ++row)
    store_bytes(to + row * row_stride, staged + row * staged_stride, count * static_cast<std::int64_t>(sizeof(T)), streams);
}

/// Computes a span of `Rows` rows, group by group. If several outputs or rows are stored past the caches, their results are
/// staged on the stack: a cache line that is not written whole before another output's line costs as much as several.
template <class K, int Rows, class C>
void compute_rows(const Span<C>& span) {
  using T = typename K::T;
  using V = typename K::V;
  const Span<C> s = span;  // a copy, so that the compiler knows that no store changes it
  const auto scalars = broadcast<V, typename K::Known>(s.scalars);
  const MaskLanes<V> mask_lanes(K::Op::reads_mask ? s.mask_bits : 1);
  const bool stages = (K::writes_dz || Rows > 1) && (s.out_streams || s.dresidual_streams);
  const auto element_of = [](void* tensor, std::int64_t i) {
    return tensor == nullptr ? nullptr : static_cast<T*>(tensor) + i;
  };
  alignas(line_bytes) T staged[1 + K::writes_dz][Rows][K::staged_elements];
  Cursor<T> cursor{0,
                   s.parameter_phase,
                   s.mask,
                   s.sums,
                   nullptr,
                   nullptr,
                   stages ? K::staged_elements : s.row_stride,
                   s.out_streams && !stages};
  for (std::int64_t i = 0; i < s.count; i = cursor.element) {
    const std::int64_t stage_begin = i / K::staged_elements * K::staged_elements, next = i + group;
    cursor.out = stages ? staged[0][0] + i - stage_begin : element_of(s.out, i);
    cursor.dz = stages ? staged[K::writes_dz][0] + i - stage_begin : element_of(s.dresidual, i);
    compute_group<K, Rows>(s, scalars, mask_lanes, cursor);
    if (stages && (next % K::staged_elements == 0 || next == s.count)) {
      store_staged(staged[0][0], Rows, K::staged_elements, next - stage_begin, element_of(s.out, stage_begin), s.row_stride,
                   s.out_streams);
      if (K::writes_dz)
        store_staged(staged[K::writes_dz][0], Rows, K::staged_elements, next - stage_begin,
                     element_of(s.dresidual, stage_begin), s.row_stride, s.dresidual_streams);
    }
    cursor.element = next;
    cursor.parameter_phase += cursor.parameter_phase + group < s.parameter_period ? group : group - s.parameter_period;
    cursor.mask += s.mask_bits * group / 8;
    cursor.sums += K::Sums::count * group;
    if (K::Sums::count > 0 && cursor.sums == s.sums_end) cursor.sums = s.sums_begin;
  }
}

/// The function that Loop::process points to.
template <class K>
void compute_span(const Span<typename K::C>& span) {
  constexpr int most_rows = K::Sums::count > 0 ? band_count : 1;
  span.rows > 1 ? compute_rows<K, most_rows>(span) : compute_rows<K, 1>(span);
}

// The loops that are compiled. A set of operands and sums has no loop of its own if a larger set is as fast: docs/cpu-backend.md.

/// The first listed loop that has the operands and sums of `kind`. Small sets are also compiled for what is known of the
/// parameters (KnownParameters), which saves work if the data is in a cache. Loops of f64, which wait for memory, and those of
/// the baseline, which are slow anyway, are not: both would take a third longer to compile.
template <class T, template <class> class OpOf, bool WritesMask, class... Listed>
Loop<Compute<T>> first_that_serves(const LoopKind& kind) {
  Loop<Compute<T>> found{};
  const auto take_if_it_serves = [&](auto listed) {
    using L = decltype(listed);
    if ((kind.operands & ~L::operands) != 0 || (kind.sums & ~L::Sums::bits) != 0) return false;
    found = {compute_span<LoopTraits<T, OpOf, L, WritesMask, Anything>>, L::operands, L::Sums::bits};
    constexpr bool has_known = vector_bytes > 16 && sizeof(T) <= 4 && !WritesMask && !L::Set::general && L::Sums::count < 5;
    if (kind.gained) return true;
    if constexpr (has_known && L::operands == 0 && L::Sums::count == 0 && !OpOf<float>::reads_mask) {
      if (kind.flat && kind.capped)
        found.process = compute_span<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<true, true, false, false>>>;
      if (kind.flat && !kind.capped)
        found.process = compute_span<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, true, false, false>>>;
      if (!kind.flat && !kind.capped)
        found.process = compute_span<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, false, true, false>>>;
    } else if constexpr (has_known) {
      if (!kind.capped)
        found.process = compute_span<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, true, true, false>>>;
    }
    return true;
  };
  (void)(take_if_it_serves(Listed{}) || ...);
  return found;
}

template <class T, template <class> class OpOf, bool WritesMask, class... Summing>
Loop<Compute<T>> first_from_x(const LoopKind& kind) {
  return first_that_serves<T, OpOf, WritesMask, OperandsAndSums<Plain>, OperandsAndSums<WithBias>, OperandsAndSums<WithScale>,
                           OperandsAndSums<WithResidual>, OperandsAndSums<WithAlpha>, OperandsAndSums<General>, Summing...>(
      kind);
}

template <class T>
Loop<Compute<T>> find_loop(const LoopKind& kind) {
  if (kind.op == LoopKind::forward) return first_from_x<T, ForwardOp, false>(kind);
  if (kind.op == LoopKind::forward_mask) return first_from_x<T, ForwardOp, true>(kind);
  if (kind.op == LoopKind::backward)
    return first_from_x<T, BackwardOp, false, OperandsAndSums<Plain, SumOfBias>, OperandsAndSums<WithBias, SumOfBias>,
                        OperandsAndSums<WithScale, SumsOfScale>, OperandsAndSums<WithAlpha, SumOfAlpha>,
                        OperandsAndSums<WithScale, AllSums>, OperandsAndSums<General, AllSums>>(kind);
  return first_that_serves<T, MaskBackwardOp, false, OperandsAndSums<Plain>, OperandsAndSums<WithResidual>,
                           OperandsAndSums<General>, OperandsAndSums<Plain, SumOfBias>, OperandsAndSums<General, AllSums>>(
      kind);
}

template <class T>
void widen_values(const T* from, std::int64_t count, Compute<T>* to) {
  for (std::int64_t i = 0; i < count; i += Vector<Compute<T>>::lanes) store(to + i, load(from + i));
}

AllLoops loops() {
  return {{find_loop<f16>, widen_values<f16>},
          {find_loop<bf16>, widen_values<bf16>},
          {find_loop<float>, widen_values<float>},
          {find_loop<double>, widen_values<double>}};
}

}  // namespace rectify::detail::RECTIFY_CPU_ISA
