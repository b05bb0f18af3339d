// From a call with sums to the kernels that serve it. tests/registers.txt lists them all.
#pragma once

#include "pointwise.cuh"
#include "reduce_kernel.cuh"

namespace rectify::detail {

/// True where packs can serve a call with sums: every row of a part begins at a multiple of a pack, which must lie on a boundary.
template <class T>
bool packs_serve_sums(const Elementwise& call) {
  return packs_serve<T>(call, false) && call.layout.repeats == 1 && misalignment(call) == 0;
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
      if ((Sums::bits >> slot & 1) == 0) continue;
      out.of[k] = parts_of<C>(slot);
      out.of_all[k++] = launch.call.sums[slot].length == 1;
    }
    constexpr std::int64_t most = 2147483647;  // blocks in a row of a grid
    const dim3 blocks(static_cast<unsigned>(std::min(plan.parts, most)), static_cast<unsigned>((plan.parts - 1) / most + 1));
    return detail::launch(reduce_kernel<Op, Set, Sums, Mask, T, Space>, blocks, launch.stream, operands<T>(launch.call, false),
                          space, plan, out);
  }

  /// Packs where they serve, else single elements.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t any() const {
    return packs_serve_sums<T>(launch.call) ? packs<Op, Set, Sums, Mask, T>() : singles<Op, Set, Sums, Mask, T>();
  }

  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t packs() const {
    return in<Op, Set, Sums, Mask, T>(detail::dense<T, SumPack<Set, Sums, T>>(launch.call, false));
  }

  /// Any layout.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t singles() const {
    Strided<T> space(launch.call.layout);
    space.set_step(plan);
    return in<Op, Set, Sums, Mask, T>(space);
  }

  template <class C>
  cudaError_t finish() const {
    FinalSums<C> sums{};
    sums.accumulate = launch.call.accumulate;
    std::int64_t blocks = 1;
    unsigned count = 0;
    for (int slot = 0; slot < sum_slots; ++slot) {
      const Sum& sum = launch.call.sums[slot];
      if (sum.length == 0) continue;
      const int side = channels_at_once(plan, sum.length);
      sums.of[count++] = {parts_of<C>(slot), static_cast<C*>(sum.data), sum.length, sum.stride, side};
      blocks = std::max(blocks, (sum.length + side - 1) / side);
    }
    if (count == 0) return cudaSuccess;
    return detail::launch(finish_sums_kernel<C>, dim3(static_cast<unsigned>(blocks), count), launch.stream, plan, sums);
  }
};

template <class T>
cudaError_t launch_parts_from_x(const SumLaunch& run) {
  using Op = BackwardOp<Compute<T>>;
  const Elementwise& call = run.launch.call;
  const bool function = call.asks(sum_threshold) || call.asks(sum_max_value), alpha = call.asks(sum_alpha);
  const bool scale = call.asks(sum_scale), bias = call.asks(sum_bias);
  return with_operand_set(call, [&](auto own) {
    using Own = decltype(own);
    constexpr bool plain = std::is_same_v<Own, Plain>;
    if constexpr (plain || std::is_same_v<Own, WithBias>) {
      if (!function && !alpha && !scale) return run.any<Op, WithBias, SumOfBias, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Own, WithBias> || std::is_same_v<Own, WithScale>) {
      if (!function && !alpha) return run.any<Op, WithScale, SumsOfScale, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Own, WithAlpha>) {
      if (!function && !scale && !bias) return run.any<Op, WithAlpha, SumOfAlpha, NoMask, T>();
    }
    if (!packs_serve_sums<T>(call)) return run.singles<Op, General, AllSums, NoMask, T>();
    if (!function && !alpha) return run.packs<Op, General, SumsOfScale, NoMask, T>();
    return run.packs<Op, General, AllSums, NoMask, T>();
  });
}

template <class T>
cudaError_t launch_parts_from_mask(const SumLaunch& run) {
  using Op = MaskBackwardOp<Compute<T>>;
  const Elementwise& call = run.launch.call;
  const bool bias_alone = !call.asks(sum_threshold) && !call.asks(sum_max_value), packs = packs_serve_sums<T>(call);
  return with_plain_or_general(call, [&](auto set) {
    if constexpr (std::is_same_v<decltype(set), Plain>) {
      if (bias_alone && !packs) return run.singles<Op, Plain, SumOfBias, AnyMask, T>();
      if (bias_alone)
        return call.mask_bits == 1 ? run.packs<Op, Plain, SumOfBias, U1, T>() : run.packs<Op, Plain, SumOfBias, U2, T>();
    }
    if (!packs) return run.singles<Op, General, AllSums, AnyMask, T>();
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
