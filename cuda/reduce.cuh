// From a call with sums to the kernels that serve it. tests/registers.txt lists them all.
#pragma once

#include "pointwise.cuh"
#include "reduce_kernel.cuh"

namespace rectify::detail {

/// True where packs can serve a call with sums: every row of a part begins on a boundary.
template <class T>
bool packs_serve_sums(const Elementwise& call, const SumPlan& plan) {
  const std::int64_t lanes = Pack<T>::lanes, period = plan.is_long && plan.batch == 1 ? lanes : plan.period;
  return packs_serve<T>(call, false) && call.layout.repeats == 1 && misalignment(call) == 0 && period % lanes == 0;
}

/// One validated call with sums, its device being current.
struct SumLaunch {
  const Launch& launch;
  const SumPlan& plan;
  SumOffsets offsets;

  template <class C>
  C* parts_of(int slot) const {
    const Elementwise& call = launch.call;
    return call.asks(static_cast<SumSlot>(slot)) ? static_cast<C*>(call.workspace) + offsets.of[slot] : nullptr;
  }

  template <class Op, class Set, class Sums, class Mask, class T, class Space>
  cudaError_t in(const Space& space) const {
    using C = Compute<T>;
    PartSums<C> out{};
    for (int slot = 0, k = 0; slot < sum_slots; ++slot) {
      if (!Sums::has[slot]) continue;
      out.of[k] = parts_of<C>(slot);
      out.of_all[k++] = launch.call.sums[slot].length == 1;
    }
    constexpr std::int64_t most = 2147483647;  // blocks in a row of a grid
    const dim3 blocks(static_cast<unsigned>(std::min(plan.parts, most)), static_cast<unsigned>((plan.parts - 1) / most + 1));
    return detail::launch(reduce_kernel<Op, Set, Sums, Mask, T, Space>, blocks, launch.stream, operands<T>(launch.call), space,
                          plan, out);
  }

  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t packs() const {
    return in<Op, Set, Sums, Mask, T>(dense<T>(launch.call, false));
  }

  template <class Op, class Mask, class T>
  cudaError_t singles() const {
    return in<Op, General, AllSums, Mask, T>(Strided<T>{launch.call.layout});
  }

  template <class C>
  cudaError_t finish() const {
    FinalSums<C> sums{};
    std::int64_t blocks = 1;
    for (int slot = 0; slot < sum_slots; ++slot) {
      const Sum& sum = launch.call.sums[slot];
      sums.parts[slot] = parts_of<C>(slot);
      sums.out[slot] = static_cast<C*>(sum.data);
      sums.length[slot] = sum.length;
      sums.stride[slot] = sum.stride;
      const int side = channels_at_once(sum.length);
      blocks = std::max(blocks, (sum.length + side - 1) / side);
    }
    return detail::launch(finish_sums_kernel<C>, dim3(static_cast<unsigned>(blocks), sum_slots), launch.stream, plan, sums);
  }
};

template <class T>
cudaError_t launch_parts_from_x(const SumLaunch& run) {
  using Op = BackwardOp<Compute<T>>;
  const Elementwise& call = run.launch.call;
  const bool function = call.asks(sum_threshold) || call.asks(sum_max_value);
  if (!packs_serve_sums<T>(call, run.plan)) return run.singles<Op, NoMask, T>();
  return with_plain_or_general(call, [&](auto set) {
    constexpr bool plain = std::is_same_v<decltype(set), Plain>;
    const bool biased = plain || with_operand_set(call, [](auto own) { return std::is_same_v<decltype(own), WithBias>; });
    if (biased && !function && !call.asks(sum_scale) && !call.asks(sum_alpha))
      return run.packs<Op, WithBias, SumOfBias, NoMask, T>();
    if (!function && !call.asks(sum_alpha)) return run.packs<Op, General, SumsOfScale, NoMask, T>();
    if (!function && !call.asks(sum_scale) && !call.asks(sum_bias)) return run.packs<Op, General, SumOfAlpha, NoMask, T>();
    return run.packs<Op, General, AllSums, NoMask, T>();
  });
}

template <class T>
cudaError_t launch_parts_from_mask(const SumLaunch& run) {
  using Op = MaskBackwardOp<Compute<T>>;
  const Elementwise& call = run.launch.call;
  const bool bias_alone = !call.asks(sum_threshold) && !call.asks(sum_max_value);
  if (!packs_serve_sums<T>(call, run.plan)) return run.singles<Op, AnyMask, T>();
  return with_plain_or_general(call, [&](auto set) {
    if constexpr (std::is_same_v<decltype(set), Plain>) {
      if (bias_alone)
        return call.mask_bits == 1 ? run.packs<Op, Plain, SumOfBias, U1, T>() : run.packs<Op, Plain, SumOfBias, U2, T>();
    }
    return call.mask_bits == 1 ? run.packs<Op, General, AllSums, U1, T>() : run.packs<Op, General, AllSums, U2, T>();
  });
}

template <class T>
cudaError_t launch_sums(const Launch& launch) {
  const Elementwise& call = launch.call;
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), cuda_sum_grain<T>);
  const SumLaunch run{launch, plan, sum_offsets(call, plan)};
  cudaError_t error = cudaSuccess;
  if (plan.parts > 0) error = call.mask == nullptr ? launch_parts_from_x<T>(run) : launch_parts_from_mask<T>(run);
  return error != cudaSuccess ? error : run.finish<Compute<T>>();
}

extern template cudaError_t launch_sums<f16>(const Launch&);
extern template cudaError_t launch_sums<bf16>(const Launch&);
extern template cudaError_t launch_sums<float>(const Launch&);
extern template cudaError_t launch_sums<double>(const Launch&);

}  // namespace rectify::detail
