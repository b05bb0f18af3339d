// The CPU backend's sums: parts by threads, then the second pass over the parts (detail/sums.hpp).
#pragma once

#include "cpu_thread.hpp"
#include "isa.hpp"

#include <rectify/detail/operand_set.hpp>
#include <rectify/detail/sums.hpp>

#include <omp.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace rectify::detail {

constexpr std::int64_t parallel_from_elements = 32768;  // below, waking a thread costs more than it saves

/// The first of two steps of the second pass, by columns of the parts' sums: rows of parts become one, each thread in columns of its
/// own.
template <class C>
void gather_rows(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, std::int64_t thread,
                 std::int64_t threads) {
  for (int i = 0; i < sum_slots; ++i) {
    if (call.sums[i].length <= 1) continue;
    const std::int64_t columns = plan.parts / plan.rows_of_parts() * plan.slots;
    const std::int64_t first = columns * thread / threads, last = columns * (thread + 1) / threads;
    halve(static_cast<C*>(call.workspace) + offsets.of[i] + first, plan.rows_of_parts(), columns, last - first);
  }
}

/// The second: what is left of each channel, part by part in their order, and sums of everything. By parts and not by channels: to find
/// a channel's parts takes divisions, and [8, 1024] took twice as long.
template <class C>
void finish_sums(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, std::int64_t thread,
                 std::int64_t threads) {
  for (int i = 0; i < sum_slots; ++i) {
    const Sum& sum = call.sums[i];
    const std::int64_t first = sum.length * thread / threads, last = sum.length * (thread + 1) / threads;
    if (first == last) continue;
    C* const parts = static_cast<C*>(call.workspace) + offsets.of[i];
    C* const totals = static_cast<C*>(sum.data);
    for (std::int64_t channel = first; channel < last; ++channel) totals[channel * sum.stride] = 0;
    if (plan.parts == 0) continue;
    if (sum.length == 1) {
      halve(parts, plan.parts, 1, 1);
      totals[0] = parts[0];
      continue;
    }
    const std::int64_t end = plan.parts_in_a_row(last - 1).last;
    for (std::int64_t part = plan.parts_in_a_row(first).first; part < end; ++part) {
      const std::int64_t met = plan.first_channel(part);
      const C* const of_part = parts + part * plan.slots - met;
      const std::int64_t from = std::max(first, met), to = std::min(last, plan.last_channel(part) + 1);
      for (std::int64_t channel = from; channel < to; ++channel) totals[channel * sum.stride] += of_part[channel];
    }
  }
}

/// All parts, then all sums; both by threads in an order that their number does not change.
template <class K>
void run_with_sums(const Elementwise& call) {
  using C = typename K::C;
  const auto f = rounded<C>(call.relu);
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), cpu_sum_grain<C>);
  const SumOffsets offsets = sum_offsets(call, plan);
  const auto run_share = [&](std::int64_t thread, std::int64_t threads) {
    const auto parts = [&](auto isa) {
      Loop<K, decltype(isa)> loop(call, f, threads);
      for (std::int64_t i = plan.parts * thread / threads; i < plan.parts * (thread + 1) / threads; ++i)
        loop.run_part(plan, offsets, call, i);
      finish_streams();
    };
    constexpr bool waits_for_memory = std::is_same_v<typename K::Sums, SumOfBias> && K::mask_bits == 0;
    if constexpr (waits_for_memory) {
      on_best_isa(parts);
    } else {
      on_widest_isa(parts);
    }
  };
  if (call.layout.elements < parallel_from_elements) {
    if (call.layout.elements > 0) {
      run_share(0, 1);
      gather_rows<C>(call, plan, offsets, 0, 1);
    }
    return finish_sums<C>(call, plan, offsets, 0, 1);
  }
#pragma omp parallel
  {
    run_share(omp_get_thread_num(), omp_get_num_threads());
#pragma omp barrier
    gather_rows<C>(call, plan, offsets, omp_get_thread_num(), omp_get_num_threads());
#pragma omp barrier
    finish_sums<C>(call, plan, offsets, omp_get_thread_num(), omp_get_num_threads());
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

}  // namespace rectify::detail
