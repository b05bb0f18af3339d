// How the CPU backend goes through a call of one storage type: its threads, and the loop that serves. cpu_f16.cpp and its like compile
// it for each.
#pragma once

#include "cpu_backend.hpp"
#include "cpu_sums.hpp"
#include "cpu_thread.hpp"
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

constexpr std::int64_t sweep_from_bytes = 256 << 10;  // of a row of x; below, x is still in the cache for the next repeat
constexpr std::int64_t grain = 4096;                  // elements; whole tiles of every type, and whole bytes of every mask

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
  on_best_isa([&](auto isa) {
    Loop<K, decltype(isa)> loop(call, f, threads);
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
