// The loops of the CPU backend: one body for every op, operand set, set of sums and storage type, over the vectors of one instruction
// set. Elements are loaded and converted, worked on by the element op as a vector of numbers, converted and stored.
#pragma once

#include "vector.hpp"

#include <utility>

namespace rectify::detail::RECTIFY_CPU_ISA {

/// Operands and sums of a loop.
template <class Set_, class Sums_ = NoSums>
struct OperandsAndSums {
  using Set = Set_;
  using Sums = Sums_;
  static constexpr unsigned operands = Set::scale * reads_scale | Set::bias * reads_bias | Set::residual * reads_residual |
                                       Set::alpha * reads_alpha | Set::limits * reads_limits;
};

template <class T_, template <class> class OpOf, class Of, bool WritesMask, class Known_>
struct LoopTraits : Of {
  using T = T_;
  using C = Compute<T>;
  using V = Vector<C>;
  using Op = OpOf<V>;
  using Known = Known_;
  static constexpr bool writes_mask = WritesMask;
  static constexpr bool writes_dz = Of::Set::residual && Op::reads_dy;  ///< if the call requests dresidual
  /// Elements of each output and row that are computed before any is stored past the caches: four lines (docs/cpu-backend.md).
  static constexpr std::int64_t held = 4 * line_bytes / static_cast<std::int64_t>(sizeof(T));
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// Of a mask's word, the bits of each lane, and those that say saturated.
template <class V>
struct MaskLanes {
  decltype(Condition<V>::lanes) own, saturated;

  explicit MaskLanes(int bits) {
    for (int lane = 0; lane < V::lanes; ++lane)
      saturated[lane] = 2 << lane * bits, own[lane] = bits << lane * bits | 1 << lane * bits;
  }
};

/// A group's bits of a mask: which elements are above the threshold, and which of those are saturated.
inline void write_mask(unsigned char* mask, int bits, std::uint64_t above, std::uint64_t saturated) {
  std::uint64_t word = (above & ~saturated) | saturated << 32;
  if (bits == 1) return static_cast<void>(std::memcpy(mask, &word, 2));
  for (const auto& [by, kept] :
       {std::pair{8, 0x00ff00ff00ff00ffu}, {4, 0x0f0f0f0f0f0f0f0fu}, {2, 0x3333333333333333u}, {1, 0x5555555555555555u}})
    word = (word | word << by) & kept;  // to every second bit
  word |= word >> 31;
  std::memcpy(mask, &word, 4);
}

/// Where a loop is: its element, place in the parameters' period, mask and sums; and where the group's elements go.
template <class T>
struct Cursor {
  std::int64_t element, phase;
  unsigned char* mask;
  Compute<T>* sums;
  T *out, *dz;
  std::int64_t stride;  ///< of the next row's
  bool streams;
};

/// A group of each row.
template <class K, int Rows, class C>
[[gnu::always_inline]] inline void compute_group(const Span<C>& s, const Rectifier<typename K::V>& f,
                                                 const MaskLanes<typename K::V>& mask_lanes, const Cursor<typename K::T>& to) {
  using T = typename K::T;
  using V = typename K::V;
  using Op = typename K::Op;
  using Set = typename K::Set;
  constexpr int count = K::Sums::count;
  constexpr bool any_nan = Set::scale || Set::bias || Set::alpha || Set::limits;
  // To fetch: a kilobyte, shared by rows that go side by side. Past the caches, machines with a large last one took twice as long.
  constexpr std::int64_t ahead = 1024 / Rows / static_cast<std::int64_t>(sizeof(T));
  std::uint32_t words[Rows] = {};
  for (int row = 0; Op::reads_mask && row < Rows; ++row) {
    const unsigned char* const from = to.mask + row * s.row_stride * s.mask_bits / 8;
    s.mask_bits == 1 ? std::memcpy(&words[row], from, 2) : std::memcpy(&words[row], from, 4);
  }
  std::uint64_t above = 0, saturated = 0;
#pragma GCC unroll 4
  for (int lane = 0; lane < group; lane += V::lanes) {
    const auto number = [&](ParameterKind slot, bool used, V absent) {
      return used ? load(s.numbers[slot] + (to.phase & s.each[slot]) + lane) : absent;
    };
    Element<V, typename K::Known> e{{number(parameter_alpha, Set::alpha, f.alpha),
                                     number(parameter_threshold, Set::limits, f.threshold),
                                     number(parameter_max_value, Set::limits, f.max_value)}};
    e.scale = number(parameter_scale, Set::scale, 1);
    e.gain = s.gain;
    const V bias = number(parameter_bias, Set::bias && Op::reads_x, 0);
    V of_position[count + 1];
    for (int sum = 0; sum < count; ++sum) of_position[sum] = load(to.sums + sum * group + lane);
    Result<V> results[Rows];  // stored when all are there: a load waits for a store to another row at the same place of a page
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const std::int64_t at = row * s.row_stride + to.element + lane;
      const bool begins_line = lane * sizeof(T) % line_bytes == 0;
      V x = 0, residual = Neutral<C>::residual;
      if constexpr (Op::reads_x) {
        if (Set::residual && s.residual != nullptr) {
          residual = load(static_cast<const T*>(s.residual) + at);
          if (begins_line) __builtin_prefetch(static_cast<const T*>(s.residual) + at + ahead);
        }
        x = load(static_cast<const T*>(s.x) + at);
        if (begins_line) __builtin_prefetch(static_cast<const T*>(s.x) + at + ahead);
        e.z = fused_input<Set>(x, e.scale, bias, residual);
      }
      if constexpr (Op::reads_dy) e.dy = load(static_cast<const T*>(s.dy) + at);
      if (Op::reads_dy && begins_line) __builtin_prefetch(static_cast<const T*>(s.dy) + at + ahead);
      const auto code = mask_lanes.own & static_cast<int>(words[row] >> lane * s.mask_bits);
      if constexpr (Op::reads_mask) e.piece = {{code == 0}, {code == mask_lanes.saturated}};
      results[row] = Op{}(e);
      if constexpr (count > 0)
        Terms<V>::of(Op{}, e, results[row], x).add_to(typename K::Sums{}, [&](int sum) -> V& { return of_position[sum]; });
    }
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const std::int64_t at = row * to.stride + lane;
      if ((!Op::reads_dy && !K::writes_mask) || s.out != nullptr) store<any_nan>(to.out + at, results[row].value, to.streams);
      if (K::writes_dz && s.dresidual != nullptr) store<any_nan>(to.dz + at, results[row].dz);
    }
    if constexpr (K::writes_mask) {
      const auto is_above = !results[0].piece.below;
      above |= static_cast<std::uint64_t>(is_above.bits()) << lane;
      saturated |= static_cast<std::uint64_t>((is_above & results[0].piece.saturated).bits()) << lane;
    }
    for (int sum = 0; sum < count; ++sum) store(to.sums + sum * group + lane, of_position[sum]);
  }
  if constexpr (K::writes_mask) write_mask(to.mask, s.mask_bits, above, saturated);
}

/// Stores what is held of each row; nothing where `to` is null.
template <class T>
[[gnu::noinline]] void store_held(const T* held, int rows, std::int64_t held_stride, std::int64_t count, T* to,
                                  std::int64_t stride, bool streams) {
  for (int row = 0; to != nullptr && row < rows; ++row)
    put(to + row * stride, held + row * held_stride, count * static_cast<std::int64_t>(sizeof(T)), streams);
}

template <class K, int Rows, class C>
void compute_rows(const Span<C>& span) {
  using T = typename K::T;
  using V = typename K::V;
  const Span<C> s = span;  // a copy, so that the compiler knows that no store changes it
  const Rectifier<V> f{s.f.alpha, s.f.threshold, s.f.max_value};
  const MaskLanes<V> mask_lanes(K::Op::reads_mask ? s.mask_bits : 1);
  const bool holds = (K::writes_dz || Rows > 1) && (s.streams || s.dresidual_streams);
  const auto in = [](void* tensor, std::int64_t i) { return tensor == nullptr ? nullptr : static_cast<T*>(tensor) + i; };
  alignas(line_bytes) T held[1 + K::writes_dz][Rows][K::held];
  Cursor<T> to{0, s.phase, s.mask, s.sums, nullptr, nullptr, holds ? K::held : s.row_stride, s.streams && !holds};
  for (std::int64_t i = 0; i < s.count; i = to.element) {
    const std::int64_t from = i / K::held * K::held, done = i + group;
    to.out = holds ? held[0][0] + i - from : in(s.out, i);
    to.dz = holds ? held[K::writes_dz][0] + i - from : in(s.dresidual, i);
    compute_group<K, Rows>(s, f, mask_lanes, to);
    if (holds && (done % K::held == 0 || done == s.count)) {
      store_held(held[0][0], Rows, K::held, done - from, in(s.out, from), s.row_stride, s.streams);
      if (K::writes_dz)
        store_held(held[K::writes_dz][0], Rows, K::held, done - from, in(s.dresidual, from), s.row_stride, s.dresidual_streams);
    }
    to.element = done;
    to.phase += to.phase + group < s.period ? group : group - s.period;
    to.mask += s.mask_bits * group / 8;
    to.sums += K::Sums::count * group;
    if (K::Sums::count > 0 && to.sums == s.sums_end) to.sums = s.sums_begin;
  }
}

template <class K>
void loop(const Span<typename K::C>& span) {
  constexpr int most_rows = K::Sums::count > 0 ? bands : 1;
  span.rows > 1 ? compute_rows<K, most_rows>(span) : compute_rows<K, 1>(span);
}

// Which loops there are. One that serves a call at the speed of a smaller one stands for both: docs/cpu-backend.md.

/// The first listed loop that serves, compiled for what is known of the parameters, which saves work where the caches are faster than the
/// loop. Not for f64, which waits for memory, nor for the baseline, which is slow anyhow: both would take a third longer to compile.
template <class T, template <class> class OpOf, bool WritesMask, class... Listed>
Loop<Compute<T>> first_that_serves(const LoopKind& kind) {
  Loop<Compute<T>> found{};
  const auto take = [&](auto listed) {
    using L = decltype(listed);
    if ((kind.operands & ~L::operands) != 0 || (kind.sums & ~L::Sums::bits) != 0) return false;
    found = {loop<LoopTraits<T, OpOf, L, WritesMask, Anything>>, L::operands, L::Sums::bits};
    constexpr bool knows = vector_bytes > 16 && sizeof(T) <= 4 && !WritesMask && !L::Set::general && L::Sums::count < 5;
    if (kind.gained) return true;
    if constexpr (knows && L::operands == 0 && L::Sums::count == 0 && !OpOf<float>::reads_mask) {
      if (kind.flat && kind.capped)
        found.process = loop<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<true, true, false, false>>>;
      if (kind.flat && !kind.capped)
        found.process = loop<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, true, false, false>>>;
      if (!kind.flat && !kind.capped)
        found.process = loop<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, false, true, false>>>;
    } else if constexpr (knows) {
      if (!kind.capped) found.process = loop<LoopTraits<T, OpOf, L, WritesMask, KnownParameters<false, true, true, false>>>;
    }
    return true;
  };
  (void)(take(Listed{}) || ...);
  return found;
}

template <class T, template <class> class OpOf, bool WritesMask, class... Summing>
Loop<Compute<T>> first_from_x(const LoopKind& kind) {
  return first_that_serves<T, OpOf, WritesMask, OperandsAndSums<Plain>, OperandsAndSums<WithBias>, OperandsAndSums<WithScale>,
                           OperandsAndSums<WithResidual>, OperandsAndSums<WithAlpha>, OperandsAndSums<General>, Summing...>(
      kind);
}

template <class T>
Loop<Compute<T>> find(const LoopKind& kind) {
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
void widen(const T* from, std::int64_t count, Compute<T>* to) {
  for (std::int64_t i = 0; i < count; i += Vector<Compute<T>>::lanes) store(to + i, load(from + i));
}

AllLoops loops() {
  return {{find<f16>, widen<f16>}, {find<bf16>, widen<bf16>}, {find<float>, widen<float>}, {find<double>, widen<double>}};
}

}  // namespace rectify::detail::RECTIFY_CPU_ISA
