// How the CPU backend goes through a call of one storage type: operands, tiles, threads. cpu_f16.cpp and its like compile it for each.
#pragma once

#include "cpu_backend.hpp"
#include "cpu_loops.hpp"
#include "cpu_parameters.hpp"
#include "cpu_sums.hpp"
#include "cpu_tiles.hpp"
#include "isa.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/element_ops.hpp>
#include <rectify/detail/operand_set.hpp>

#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace rectify::detail {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves
constexpr std::int64_t stream_from_bytes = 8 << 20;     // of output; below, the output still fits a cache and is read soon
constexpr std::int64_t sweep_from_bytes = 256 << 10;    // of a row of x; below, x is still in the cache for the next repeat
constexpr std::int64_t grain = 4096;                    // elements; whole tiles of every type, and whole bytes of every mask

/// The operands of one thread and the way through its elements.
template <class K>
class Loop {
  using T = typename K::T;
  using C = typename K::C;
  static constexpr std::int64_t tile = tile_elements<T>;

 public:
  Loop(const Elementwise& call, const Rectifier<C>& f)
      : f_(f),
        x_(call.x, call.layout, slot_x, 0),
        dy_(call.dy, call.layout, slot_dy, 0),
        residual_(call.residual, call.layout, slot_residual, Neutral<C>::residual),
        scale_(call.scale, Neutral<C>::scale, call.layout),
        bias_(call.bias, Neutral<C>::bias, call.layout),
        alpha_(call.alpha, f.alpha, call.layout),
        threshold_(call.threshold, f.threshold, call.layout),
        max_value_(call.max_value, f.max_value, call.layout),
        mask_(call),
        out_(call.out, call.layout, slot_out, streams(call, call.out)),
        dresidual_(call.dresidual, call.layout, slot_dresidual, streams(call, call.dresidual)) {}

  /// `first` is at a whole byte of the mask.
  void run(std::int64_t first, std::int64_t count) {
    const std::int64_t step = needs_tiles() ? tile : count;
    for (std::int64_t done = 0; done < count; done += step) run_tile(first + done, std::min(step, count - done), 0);
  }

  /// A part of the sums, its elements with it. Slots of the parts begin at workspace + offsets.
  void run_part(const SumPlan& plan, const SumOffsets& offsets, const Elementwise& call, std::int64_t index) {
    const SumPart part = plan.part(index);
    const std::int64_t positions = std::min(part.width, part.end - part.base);
    sums_.for_each([&](SumSlot, auto& sum) { sum.start(positions); });
    for (std::int64_t r = 0; r < part.rows; ++r) {
      const std::int64_t first = part.base + r * part.stride, count = std::min(part.width, part.end - first);
      for (std::int64_t at = 0; at < count; at += tile) run_tile(first + at, std::min(tile, count - at), at);
      if (r % rows_in_a_chain == rows_in_a_chain - 1 && r + 1 < part.rows)
        sums_.for_each([](SumSlot, auto& sum) { sum.end_chain(); });
    }
    sums_.for_each([&](SumSlot slot, auto& sum) {
      if (!call.asks(slot)) return;
      const bool of_all = call.sums[slot].length == 1;
      C* const into = static_cast<C*>(call.workspace) + offsets.of[slot] + index * (of_all ? 1 : plan.slots);
      sum.finish(plan, part, plan.first_channel(index), of_all, into);
    });
  }

 private:
  /// In place the lines are in the cache anyway.
  static bool streams(const Elementwise& call, const void* out) {
    const bool in_place = out == call.x || out == call.dy || out == call.residual;
    return !in_place && call.layout.elements >= stream_from_bytes / static_cast<std::int64_t>(sizeof(T));
  }

  /// Where every operand is in place, the tile is as long as it likes.
  bool needs_tiles() const {
    const bool direct = x_.is_direct() && dy_.is_direct() && residual_.is_direct() && out_.is_direct();
    return !direct || Set::bias || Set::scale || Set::function || K::mask_bits > 0;
  }

  void run_tile(std::int64_t first, std::int64_t count, std::int64_t position) {
    const T *const x = x_.at(first, count), *const dy = dy_.at(first, count), *const residual = residual_.at(first, count);
    const C *const scale = scale_.at(first, count), *const bias = bias_.at(first, count);
    const C *const alpha = alpha_.at(first, count), *const threshold = threshold_.at(first, count),
                   *const max_value = max_value_.at(first, count);
    T *const out = out_.at(first), *const dresidual = dresidual_.at(first);
    C *const dscale = sums_.scale.at(position), *const dbias = sums_.bias.at(position),
             *const dalpha = sums_.alpha.at(position), *const dthreshold = sums_.threshold.at(position),
             *const dmax_value = sums_.max_value.at(position);
    if constexpr (K::mask_bits > 0) {
      masked_loop<K>(f_, count, mask_.at(first, count), x, dy, residual, scale, bias, alpha, threshold, max_value, out,
                     dresidual, dscale, dbias, dalpha, dthreshold, dmax_value);
    } else {
      vector_loop<K>(f_, count, x, dy, residual, scale, bias, alpha, threshold, max_value, out, dresidual, dscale, dbias,
                     dalpha, dthreshold, dmax_value);
    }
    out_.finish(first, count);
    dresidual_.finish(first, count);
  }

  template <bool Present, class Tile, class Pointee>
  using If = std::conditional_t<Present, Tile, Absent<Pointee>>;
  using Set = typename K::Set;
  using Op = typename K::Op;

  Rectifier<C> f_;
  If<Op::reads_x, Input<T>, T> x_;
  If<Op::reads_dy, Input<T>, T> dy_;
  If<Set::residual && Op::reads_x, Input<T>, T> residual_;
  If<Set::scale, ParameterTile<T>, C> scale_;
  If<Set::bias && Op::reads_x, ParameterTile<T>, C> bias_;
  If<Set::function, ParameterTile<T>, C> alpha_, threshold_, max_value_;
  MaskTile<T> mask_;
  Output<T> out_;
  If<Set::general && Op::reads_dy, Output<T>, T> dresidual_;
  SumTiles<C, typename K::Sums> sums_;
};

/// The way through the elements: rows of a layout's [rows, repeats, row], a grain of a row at a time under all its repeats.
struct Walk {
  std::int64_t rows = 1, repeats = 1, row;

  /// One row; or, where x is one tensor under many and its row would have left the cache by the next repeat, x's rows, so that
  /// it comes from memory once.
  static Walk through(const Elementwise& call, std::size_t element_bytes) {
    const Layout& layout = call.layout;
    const bool whole_bytes = call.mask == nullptr || layout.row % 8 == 0;
    const bool leaves_cache = layout.row >= sweep_from_bytes / static_cast<std::int64_t>(element_bytes);
    if (layout.repeats == 1 || !whole_bytes || !leaves_cache) return {1, 1, layout.elements};
    return {layout.elements / (layout.row * layout.repeats), layout.repeats, layout.row};
  }

  template <class L>
  void run_share(L& loop, std::int64_t thread, std::int64_t threads) const {
    const std::int64_t grains = (row + grain - 1) / grain;
    const std::int64_t begin = rows * grains * thread / threads, end = rows * grains * (thread + 1) / threads;
    if (repeats == 1) return loop.run(std::min(begin * grain, row), std::min(end * grain, row) - std::min(begin * grain, row));
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t at = i % grains * grain, count = std::min(grain, row - at);
      for (std::int64_t repeat = 0; repeat < repeats; ++repeat) loop.run((i / grains * repeats + repeat) * row + at, count);
    }
  }
};

template <class K>
void run_share(const Elementwise& call, const Rectifier<typename K::C>& f, const Walk& walk, int thread, int threads) {
  on_best_isa([&] {
    Loop<K> loop(call, f);
    walk.run_share(loop, thread, threads);
    finish_streams();
  });
}

template <class K>
void run_as(const Elementwise& call) {
  const auto f = rounded<typename K::C>(call.relu);
  const Walk walk = Walk::through(call, sizeof(typename K::T));
  // Not `parallel if`: that makes a team of one, which takes longer than a small call.
  if (call.layout.elements < parallel_from_elements) return run_share<K>(call, f, walk, 0, 1);
#pragma omp parallel
  run_share<K>(call, f, walk, omp_get_thread_num(), omp_get_num_threads());
}

template <class T, template <class> class OpOf, class Set>
void run(const Elementwise& call) {
  constexpr bool has_mask = !OpOf<float>::reads_dy || OpOf<float>::reads_mask;
  if constexpr (has_mask) {
    if (call.mask_bits == 1) return run_as<Kind<T, OpOf, Set, 1>>(call);
    if (call.mask_bits == 2) return run_as<Kind<T, OpOf, Set, 2>>(call);
  }
  if constexpr (!OpOf<float>::reads_mask) run_as<Kind<T, OpOf, Set, 0>>(call);
}

template <class T>
void cpu_forward(const Elementwise& call) {
  with_operand_set(call, [&](auto set) { run<T, ForwardOp, decltype(set)>(call); });
}

/// What a mask leaves to ask for: the scale, and tensors in the place of the function's numbers.
template <class T>
void cpu_backward_from_mask(const Elementwise& call) {
  with_operand_set(call, [&](auto set) {
    using Set = decltype(set);
    constexpr bool has_own_set = std::is_same_v<Set, Plain> || std::is_same_v<Set, WithFunction>;
    run<T, MaskBackwardOp, std::conditional_t<has_own_set, Set, General>>(call);
  });
}

/// All parts, then all sums; both by threads in an order that their number does not change.
template <class K>
void run_with_sums(const Elementwise& call) {
  using C = typename K::C;
  const auto f = rounded<C>(call.relu);
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), cpu_sum_grain<C>);
  const SumOffsets offsets = sum_offsets(call, plan);
  const auto run_share = [&](std::int64_t thread, std::int64_t threads) {
    on_best_isa([&] {
      Loop<K> loop(call, f);
      for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i)
        loop.run_part(plan, offsets, call, i);
      finish_streams();
    });
  };
  if (call.layout.elements < parallel_from_elements) {
    if (call.layout.elements > 0) {
      run_share(0, 1);
      gather_rows<C>(call, plan, 0, 1);
    }
    return finish_sums<C>(call, plan, 0, 1);
  }
#pragma omp parallel
  {
    run_share(omp_get_thread_num(), omp_get_num_threads());
#pragma omp barrier
    gather_rows<C>(call, plan, omp_get_thread_num(), omp_get_num_threads());
#pragma omp barrier
    finish_sums<C>(call, plan, omp_get_thread_num(), omp_get_num_threads());
  }
}

/// The smallest kind of loop that serves. WithScale serves plain and biased calls too: a neutral scale changes no bit.
template <class T>
void cpu_backward_with_sums(const Elementwise& call) {
  const bool function = call.asks(sum_threshold) || call.asks(sum_max_value), alpha = call.asks(sum_alpha),
             scale = call.asks(sum_scale);
  const bool bias_alone = !function && !alpha && !scale, alpha_alone = !function && !scale && !call.asks(sum_bias);
  with_operand_set(call, call.dresidual != nullptr, [&](auto set) {
    using Set = decltype(set);
    constexpr bool numbers = !Set::function && !Set::residual;  // in the place of the function's tensors
    if constexpr (!Set::scale && numbers) {
      if (bias_alone) return run_with_sums<Kind<T, BackwardOp, Set, 0, SumOfBias>>(call);
    }
    if constexpr (std::is_same_v<Set, WithScale>) {
      if (!function && !alpha) return run_with_sums<Kind<T, BackwardOp, Set, 0, SumsOfScale>>(call);
    }
    if constexpr (std::is_same_v<Set, WithFunction> || std::is_same_v<Set, Plain>) {
      if (alpha_alone) return run_with_sums<Kind<T, BackwardOp, WithFunction, 0, SumOfAlpha>>(call);
    }
    run_with_sums<Kind<T, BackwardOp, std::conditional_t<numbers, WithScale, General>, 0, AllSums>>(call);
  });
}

template <class T, int Bits>
void cpu_backward_from_mask_with_sums(const Elementwise& call) {
  const bool bias_alone = !call.asks(sum_threshold) && !call.asks(sum_max_value);
  with_operand_set(call, call.dresidual != nullptr, [&](auto set) {
    if constexpr (std::is_same_v<decltype(set), Plain>) {
      if (bias_alone) return run_with_sums<Kind<T, MaskBackwardOp, Plain, Bits, SumOfBias>>(call);
    }
    run_with_sums<Kind<T, MaskBackwardOp, General, Bits, AllSums>>(call);
  });
}

template <class T>
void cpu_backward(const Elementwise& call) {
  if (!call.has_sums()) {
    if (call.mask != nullptr) return cpu_backward_from_mask<T>(call);
    return with_operand_set(call, [&](auto set) { run<T, BackwardOp, decltype(set)>(call); });
  }
  if (call.mask == nullptr) return cpu_backward_with_sums<T>(call);
  call.mask_bits == 1 ? cpu_backward_from_mask_with_sums<T, 1>(call) : cpu_backward_from_mask_with_sums<T, 2>(call);
}

}  // namespace rectify::detail
