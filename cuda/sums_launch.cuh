// From a call with sums to the kernels that serve it. tests/cuda/registers.txt lists them all.
#pragma once

#include "elementwise_launch.cuh"
#include "add_parts_kernel.cuh"

namespace rectify::detail {

/// True where packs can serve a call with sums: every row of a part begins at a multiple of a pack, which must lie on a boundary.
template <class T>
bool packs_serve_sums(const Elementwise& call) {
  return packs_serve<T>(call, false) && call.layout.repeats == 1 && misalignment(call) == 0;
}

/// One validated call with sums, its device being current.
struct SumLaunch {
  const ElementwiseLaunch& elementwise;
  const SumPlan& plan;
  SumOffsets offsets;

  template <class C>
  C* parts_of(int slot) const {
    const Elementwise& call = elementwise.call;
    return call.requests(static_cast<SumKind>(slot)) ? static_cast<C*>(call.workspace) + offsets.of[slot] : nullptr;
  }

  template <class Op, class Set, class Sums, class Mask, class T, class Space>
  cudaError_t launch_first_pass(const Space& space) const {
    using C = Compute<T>;
    PartSums<C> out{};
    for (int slot = 0, k = 0; slot < sum_kinds; ++slot) {
      if ((Sums::bits >> slot & 1) == 0) continue;
      out.of[k] = parts_of<C>(slot);
      out.of_all[k++] = elementwise.call.sums[slot].length == 1;
    }
    constexpr std::int64_t most = 2147483647;  // blocks in a row of a grid
    const dim3 blocks(static_cast<unsigned>(std::min(plan.parts, most)), static_cast<unsigned>((plan.parts - 1) / most + 1));
    return launch_kernel(sums_kernel<Op, Set, Sums, Mask, T, Space>, blocks, elementwise.stream,
                         make_operands<T>(elementwise.call, false), space, plan, out);
  }

  /// Packs where they serve, else single elements.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_packs_or_elements() const {
    return packs_serve_sums<T>(elementwise.call) ? launch_packs<Op, Set, Sums, Mask, T>()
                                                 : launch_elements<Op, Set, Sums, Mask, T>();
  }

  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_packs() const {
    return launch_first_pass<Op, Set, Sums, Mask, T>(make_dense<T, SumPack<Set, Sums, T>>(elementwise.call, false));
  }

  /// Any layout.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_elements() const {
    Strided<T> space(elementwise.call.layout);
    space.set_step(plan);
    return launch_first_pass<Op, Set, Sums, Mask, T>(space);
  }

  template <class C>
  cudaError_t launch_second_pass() const {
    FinalSums<C> sums{};
    sums.accumulate = elementwise.call.accumulate;
    std::int64_t blocks = 1;
    unsigned count = 0;
    for (int slot = 0; slot < sum_kinds; ++slot) {
      const Sum& sum = elementwise.call.sums[slot];
      if (sum.length == 0) continue;
      const int side = channels_at_once(plan, sum.length);
      sums.of[count++] = {parts_of<C>(slot), static_cast<C*>(sum.data), sum.length, sum.stride, side};
      blocks = std::max(blocks, (sum.length + side - 1) / side);
    }
    if (count == 0) return cudaSuccess;
    return launch_kernel(add_parts_kernel<C>, dim3(static_cast<unsigned>(blocks), count), elementwise.stream, plan, sums);
  }
};

template <class T>
cudaError_t launch_parts_from_x(const SumLaunch& sums) {
  using Op = BackwardOp<Compute<T>>;
  const Elementwise& call = sums.elementwise.call;
  const bool function = call.requests(sum_threshold) || call.requests(sum_max_value), alpha = call.requests(sum_alpha);
  const bool scale = call.requests(sum_scale), bias = call.requests(sum_bias);
  return with_operand_set(call, [&](auto own) {
    using Own = decltype(own);
    constexpr bool plain = std::is_same_v<Own, Plain>;
    if constexpr (plain || std::is_same_v<Own, WithBias>) {
      if (!function && !alpha && !scale) return sums.launch_packs_or_elements<Op, WithBias, SumOfBias, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Own, WithBias> || std::is_same_v<Own, WithScale>) {
      if (!function && !alpha) return sums.launch_packs_or_elements<Op, WithScale, SumsOfScale, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Own, WithAlpha>) {
      if (!function && !scale && !bias) return sums.launch_packs_or_elements<Op, WithAlpha, SumOfAlpha, NoMask, T>();
    }
    if (!packs_serve_sums<T>(call)) return sums.launch_elements<Op, General, AllSums, NoMask, T>();
    if (!function && !alpha) return sums.launch_packs<Op, General, SumsOfScale, NoMask, T>();
    return sums.launch_packs<Op, General, AllSums, NoMask, T>();
  });
}

template <class T>
cudaError_t launch_parts_from_mask(const SumLaunch& sums) {
  using Op = MaskBackwardOp<Compute<T>>;
  const Elementwise& call = sums.elementwise.call;
  const bool bias_alone = !call.requests(sum_threshold) && !call.requests(sum_max_value), packs = packs_serve_sums<T>(call);
  return with_plain_or_general(call, [&](auto set) {
    if constexpr (std::is_same_v<decltype(set), Plain>) {
      if (bias_alone && !packs) return sums.launch_elements<Op, Plain, SumOfBias, AnyMask, T>();
      if (bias_alone)
        return call.mask_bits == 1 ? sums.launch_packs<Op, Plain, SumOfBias, U1, T>()
                                   : sums.launch_packs<Op, Plain, SumOfBias, U2, T>();
    }
    if (!packs) return sums.launch_elements<Op, General, AllSums, AnyMask, T>();
    return call.mask_bits == 1 ? sums.launch_packs<Op, General, AllSums, U1, T>()
                               : sums.launch_packs<Op, General, AllSums, U2, T>();
  });
}

template <class T>
cudaError_t launch_sums(const ElementwiseLaunch& launch) {
  const Elementwise& call = launch.call;
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), cuda_sum_grain<T>);
  const SumLaunch sums{launch, plan, sum_offsets(call, plan)};
  cudaError_t error = cudaSuccess;
  if (plan.parts > 0) error = call.mask == nullptr ? launch_parts_from_x<T>(sums) : launch_parts_from_mask<T>(sums);
  return error != cudaSuccess ? error : sums.launch_second_pass<Compute<T>>();
}

extern template cudaError_t launch_sums<f16>(const ElementwiseLaunch&);
extern template cudaError_t launch_sums<bf16>(const ElementwiseLaunch&);
extern template cudaError_t launch_sums<float>(const ElementwiseLaunch&);
extern template cudaError_t launch_sums<double>(const ElementwiseLaunch&);

}  // namespace rectify::detail
