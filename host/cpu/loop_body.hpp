// The loops of the CPU backend: one body for every op, operand set, set of sums and storage type, over the vectors of one instruction
// set. Elements are loaded and converted, worked on by the element op as a vector of numbers, converted and stored.
#pragma once

#include "loop.hpp"
#include "vector.hpp"

#include <rectify/detail/element_ops.hpp>

namespace rectify::detail::RECTIFY_CPU_ISA {

template <class T_, template <class> class OpOf, class Set_, class Sums_, bool WritesMask, class Known_, int Rows>
struct Kind {
  using T = T_;
  using V = Vector<Compute<T>>;
  using Op = OpOf<V>;
  using Set = Set_;
  using Sums = Sums_;
  using Known = Known_;
  static constexpr bool writes_mask = WritesMask;
  static constexpr int rows = Rows;
  static constexpr bool writes_dz = Set::residual && Op::reads_dy;  ///< where dresidual is asked for
  /// Of several outputs, or rows side by side, that go past the caches, four lines of memory are computed of each before any is stored. A
  /// line that is not written whole before another's costs as much as several, and a load that follows another row's store waits if both
  /// are at one place of their pages. One line of each took 1.2 times as long, sixteen 1.1.
  static constexpr bool holds = Rows > 1 || writes_dz;
  static constexpr std::int64_t held = 4 * line_bytes / static_cast<std::int64_t>(sizeof(T));
};

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "masks are read and written in words");

/// The parameters at a loop's place, of which every row has an element.
template <class K, class C, class V = typename K::V>
struct Numbers {
  static constexpr bool used[] = {K::Set::scale, K::Set::bias&& K::Op::reads_x, K::Set::alpha, K::Set::function,
                                  K::Set::function};

  explicit Numbers(const Span<C>& s) : left(s.period - s.phase) {
    for (int k = 0; k < parameter_count; ++k)
      if (used[k]) at[k] = s.parameters[k].data + (s.parameters[k].step == 0 ? 0 : s.phase);
  }
  void next(const Span<C>& s) {
    left -= group;
    const bool comes_round = left <= 0;
    for (int k = 0; k < parameter_count; ++k) {
      if (!used[k]) continue;
      at[k] += s.parameters[k].step;
      if (comes_round && s.parameters[k].step != 0) at[k] -= s.period;
    }
    if (comes_round) left += s.period;
  }
  V number(ParameterSlot slot, int lane, V absent) const { return used[slot] ? load(at[slot] + lane) : absent; }
  Rectifier<V, typename K::Known> function(int lane, const Rectifier<V>& f) const {
    return {number(at_alpha, lane, f.alpha), number(at_threshold, lane, f.threshold), number(at_max_value, lane, f.max_value)};
  }

  const C* at[parameter_count];
  std::int64_t left;  ///< elements until they come round
};

/// What a mask's word says of a vector's lanes, by the bits that each has of its own.
template <class V, class C>
struct MaskLanes {
  using Lanes = decltype(Mask<C>::lanes);

  explicit MaskLanes(int bits) {
    for (int lane = 0; lane < V::lanes; ++lane) {
      own[lane] = static_cast<int>((1u << bits) - 1) << lane * bits;
      two[lane] = 2 << lane * bits;
    }
  }
  PieceOf<Mask<C>> piece(std::uint32_t word) const {
    const Lanes code = own & static_cast<int>(word);
    return {{code == 0}, {code == two}};
  }

  Lanes own, two;
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

/// A kilobyte ahead, of rows side by side a share of it each: past the second cache, where what is read once would push out what is not.
template <class K, class C>
inline void fetch_ahead(const Span<C>& s, std::int64_t i) {
  using T = typename K::T;
  const std::int64_t at = i + 1024 / K::rows / static_cast<std::int64_t>(sizeof(T));
  for (int row = 0; row < K::rows; ++row) {
    for (std::int64_t k = 0; k < group; k += line_bytes / sizeof(T)) {
      if constexpr (K::Op::reads_x) __builtin_prefetch(static_cast<const T*>(s.x) + row * s.row_stride + at + k, 0, 0);
      if constexpr (K::Op::reads_dy) __builtin_prefetch(static_cast<const T*>(s.dy) + row * s.row_stride + at + k, 0, 0);
    }
  }
}

template <class K, class C>
void run(const Span<C>& span) {
  using T = typename K::T;
  using V = typename K::V;
  constexpr int count = K::Sums::count;
  constexpr bool any_nan = K::Set::scale || K::Set::bias || K::Set::alpha || K::Set::function;
  const Span<C> s = span;  // of its own, so that no store can change it
  const Rectifier<V> f{s.f.alpha, s.f.threshold, s.f.max_value};
  const MaskLanes<V, C> mask_lanes(K::Op::reads_mask ? s.mask_bits : 1);
  Numbers<K, C> numbers(s);
  const bool holds = K::holds && (s.streams || s.dresidual_streams);
  alignas(line_bytes) T lines[1 + K::writes_dz][K::rows][K::held];
  unsigned char* mask = s.mask;
  C* sums = s.sums;
  for (std::int64_t i = 0; i < s.count; i += group) {
    fetch_ahead<K>(s, i);
    std::uint32_t words[K::rows] = {};
    for (int row = 0; K::Op::reads_mask && row < K::rows; ++row) {
      const unsigned char* const from = mask + row * s.row_stride * s.mask_bits / 8;
      s.mask_bits == 1 ? std::memcpy(&words[row], from, 2) : std::memcpy(&words[row], from, 4);
    }
    std::uint64_t above = 0, saturated = 0;
#pragma GCC unroll 2
    for (int lane = 0; lane < group; lane += V::lanes) {
      V of_position[count + 1];
      for (int sum = 0; sum < count; ++sum) of_position[sum] = load(sums + sum * group + lane);
      Result<V> results[K::rows];
#pragma GCC unroll 4
      for (int row = 0; row < K::rows; ++row) {
        const std::int64_t at = i + lane + row * s.row_stride;
        Element<V, typename K::Known> e{numbers.function(lane, f)};
        e.scale = numbers.number(at_scale, lane, 1);
        V x = 0;
        if constexpr (K::Op::reads_x) {
          V residual = 0;
          if constexpr (K::Set::residual) residual = load(static_cast<const T*>(s.residual) + (at & s.residual_mask));
          x = load(static_cast<const T*>(s.x) + at);
          e.z = fused_input<typename K::Set>(x, e.scale, numbers.number(at_bias, lane, 0), residual);
        }
        if constexpr (K::Op::reads_dy) e.dy = load(static_cast<const T*>(s.dy) + at);
        if constexpr (K::Op::reads_mask) e.piece = mask_lanes.piece(words[row] >> lane * s.mask_bits);
        const typename K::Op op;
        results[row] = op(e);
        if constexpr (count > 0)
          Terms<V>::of(op, e, results[row], x).add_to(typename K::Sums{}, [&](int sum) -> V& { return of_position[sum]; });
      }
      for (int sum = 0; sum < count; ++sum) store(sums + sum * group + lane, of_position[sum]);
#pragma GCC unroll 4
      for (int row = 0; row < K::rows; ++row) {
        const std::int64_t held_at = i % K::held + lane;
        T* const to = holds ? lines[0][row] + held_at : static_cast<T*>(s.out) + row * s.out_stride + i + lane;
        store<any_nan>(to, results[row].value, s.streams && !holds);
        if (!K::writes_dz || s.dresidual == nullptr) continue;
        T* const to_dz = static_cast<T*>(s.dresidual) + row * s.row_stride + i + lane;
        store<any_nan>(holds ? lines[K::writes_dz][row] + held_at : to_dz, results[row].dz);
      }
      if constexpr (K::writes_mask) {
        above |= static_cast<std::uint64_t>((!results[0].piece.below).bits()) << lane;
        saturated |= static_cast<std::uint64_t>(((!results[0].piece.below) & results[0].piece.saturated).bits()) << lane;
      }
    }
    if constexpr (K::writes_mask) write_mask(mask, s.mask_bits, above, saturated);
    mask += s.mask_bits * group / 8;
    const std::int64_t done = i + group, from = i / K::held * K::held;
    if (holds && (done % K::held == 0 || done == s.count)) {
      for (int row = 0; row < K::rows; ++row) {
        const std::int64_t bytes = (done - from) * static_cast<std::int64_t>(sizeof(T));
        put(static_cast<T*>(s.out) + row * s.out_stride + from, lines[0][row], bytes, s.streams);
        if (K::writes_dz && s.dresidual != nullptr)
          put(static_cast<T*>(s.dresidual) + row * s.row_stride + from, lines[K::writes_dz][row], bytes, s.dresidual_streams);
      }
    }
    numbers.next(s);
    sums += count * group;
    if (count > 0 && sums == s.sums_end) sums = s.sums_begin;
  }
}

// Which loops there are. A set of operands that serves a call at the speed of a smaller one stands for both: docs/design.md, "CPU loops".

/// For the set of operands that is asked for, of those listed.
template <class T, template <class> class OpOf, class Sums, bool WritesMask, class Known, class... Sets>
Loop<Compute<T>> with_set(const LoopKind& kind) {
  Loop<Compute<T>> found = nullptr;
  const auto take = [&](auto set) {
    using Set = decltype(set);
    if (kind.operands != operands_in<Set>) return;
    found = run<Kind<T, OpOf, Set, Sums, WritesMask, Known, 1>>;
    if constexpr (Sums::count > 0) {
      if (kind.in_bands) found = run<Kind<T, OpOf, Set, Sums, WritesMask, Known, bands>>;
    }
  };
  (take(Sets{}), ...);
  return found;
}

/// Where to ask what the parameters are known to be. f64 waits for memory, and the baseline is slow anyhow: a third of the time to compile
/// it would go into that.
template <class T>
constexpr bool knows_more = vector_bytes > 16 && sizeof(T) <= 4;

/// What the numbers are known to be saves work where caches are faster than it: most in a call of nothing else.
template <class T, template <class> class OpOf, class Sums, bool WritesMask, class... Sets>
Loop<Compute<T>> with_known(const LoopKind& kind) {
  if constexpr (knows_more<T> && !WritesMask) {
    if (!kind.capped) return with_set<T, OpOf, Sums, WritesMask, KnownParameters<false, true, true>, Sets...>(kind);
  }
  return with_set<T, OpOf, Sums, WritesMask, Anything, Sets...>(kind);
}

template <class T, template <class> class OpOf, bool WritesMask>
Loop<Compute<T>> without_sums(const LoopKind& kind) {
  if (kind.operands == Operands::all) return with_set<T, OpOf, NoSums, WritesMask, Anything, General>(kind);
  if (kind.operands != Operands::none)
    return with_known<T, OpOf, NoSums, WritesMask, WithBias, WithScale, WithResidual, WithAlpha>(kind);
  if constexpr (knows_more<T> && !WritesMask) {
    if (kind.flat && kind.capped) return with_set<T, OpOf, NoSums, WritesMask, KnownParameters<true, true, false>, Plain>(kind);
    if (kind.flat) return with_set<T, OpOf, NoSums, WritesMask, KnownParameters<false, true, false>, Plain>(kind);
    if (!kind.capped) return with_set<T, OpOf, NoSums, WritesMask, KnownParameters<false, false, true>, Plain>(kind);
  }
  return with_set<T, OpOf, NoSums, WritesMask, Anything, Plain>(kind);
}

template <class T>
Loop<Compute<T>> find(const LoopKind& kind) {
  if (kind.op == LoopKind::forward) return without_sums<T, ForwardOp, false>(kind);
  if (kind.op == LoopKind::forward_mask) return without_sums<T, ForwardOp, true>(kind);
  const bool mask = kind.op == LoopKind::backward_mask, general = kind.operands == Operands::all;
  switch (kind.sums) {
    case SumsOf::none:
      if (!mask) return without_sums<T, BackwardOp, false>(kind);
      return general ? with_set<T, MaskBackwardOp, NoSums, false, Anything, General>(kind)
                     : with_known<T, MaskBackwardOp, NoSums, false, Plain, WithResidual>(kind);
    case SumsOf::bias:
      return mask ? with_known<T, MaskBackwardOp, SumOfBias, false, Plain>(kind)
                  : with_known<T, BackwardOp, SumOfBias, false, Plain, WithBias>(kind);
    case SumsOf::scale: return with_known<T, BackwardOp, SumsOfScale, false, WithScale>(kind);
    case SumsOf::alpha: return with_known<T, BackwardOp, SumOfAlpha, false, WithAlpha>(kind);
    case SumsOf::all: break;
  }
  return mask ? with_set<T, MaskBackwardOp, AllSums, false, Anything, General>(kind)
              : with_set<T, BackwardOp, AllSums, false, Anything, WithScale, General>(kind);
}

template <class T>
void widen(const T* from, std::int64_t count, Compute<T>* to) {
  using V = Vector<Compute<T>>;
  for (std::int64_t i = 0; i < count; i += V::lanes) store(to + i, load(from + i));
}

template <class T>
Loops<T> loops() {
  return {find<T>, widen<T>};
}

template Loops<f16> loops();
template Loops<bf16> loops();
template Loops<float> loops();
template Loops<double> loops();

}  // namespace rectify::detail::RECTIFY_CPU_ISA
