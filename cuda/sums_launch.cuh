// From a call with sums to the kernels that serve it: launch_sums() chooses an instantiation of sums_kernel.cuh, and launches
// it and then add_parts_kernel.cuh. Called by backend.cu; instantiated in sums_*.cu. tests/cuda/registers.txt lists all
// kernels.
#pragma once

#include "elementwise_launch.cuh"
#include "add_parts_kernel.cuh"

namespace rectify::detail {

/// True if packs can serve a call with sums: every row of a part begins at a multiple of a pack, which must be on a 16-byte
/// boundary.
template <class T>
bool packs_serve_sums(const Elementwise& call) {
  return packs_serve<T>(call, false) && call.layout.repeats == 1 && misalignment(call) == 0;
}

/// A validated call with sums, whose device is current.
struct SumLaunch {
  const ElementwiseLaunch& elementwise;
  const SumPlan& plan;
  SumOffsets offsets;

  /// The sums of the parts in the workspace, or null if a kind of sum is not requested.
  template <class C>
  C* part_sums(int kind) const {
    const Elementwise& call = elementwise.call;
    return call.requests(static_cast<SumKind>(kind)) ? static_cast<C*>(call.workspace) + offsets.first[kind] : nullptr;
  }

  template <class Op, class Set, class Sums, class Mask, class T, class Space>
  cudaError_t launch_first_pass(const Space& space) const {
    using C = Compute<T>;
    PartSums<C> out{};
    for (int kind = 0, k = 0; kind < sum_kinds; ++kind) {
      if ((Sums::bits >> kind & 1) == 0) continue;
      out.data[k] = part_sums<C>(kind);
      out.over_everything[k++] = elementwise.call.sums[kind].length == 1;
    }
    constexpr std::int64_t max_x = 2147483647;  // of a grid
    const dim3 blocks(static_cast<unsigned>(std::min(plan.parts, max_x)), static_cast<unsigned>((plan.parts - 1) / max_x + 1));
    return launch_kernel(sums_kernel<Op, Set, Sums, Mask, T, Space>, blocks, elementwise.stream,
                         make_operands<T>(elementwise.call, false), space, plan, out);
  }

  /// Launches a kernel of packs if they can serve the call, otherwise one of single elements.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_packs_or_elements() const {
    return packs_serve_sums<T>(elementwise.call) ? launch_packs<Op, Set, Sums, Mask, T>()
                                                 : launch_elements<Op, Set, Sums, Mask, T>();
  }

  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_packs() const {
    return launch_first_pass<Op, Set, Sums, Mask, T>(make_dense<T, SumPack<Set, Sums, T>>(elementwise.call, false));
  }

  /// Launches a kernel of single elements, which serves any layout.
  template <class Op, class Set, class Sums, class Mask, class T>
  cudaError_t launch_elements() const {
    Strided<T> space(elementwise.call.layout);
    space.set_row_step(plan);
    return launch_first_pass<Op, Set, Sums, Mask, T>(space);
  }

  template <class C>
  cudaError_t launch_second_pass() const {
    FinalSums<C> sums{};
    sums.accumulate = elementwise.call.accumulate;
    std::int64_t blocks = 1;
    unsigned count = 0;
    for (int kind = 0; kind < sum_kinds; ++kind) {
      const Sum& sum = elementwise.call.sums[kind];
      if (sum.length == 0) continue;
      const int channels = channels_of_a_block(plan, sum.length);
      sums.outputs[count++] = {part_sums<C>(kind), static_cast<C*>(sum.data), sum.length, sum.stride, channels};
      blocks = std::max(blocks, (sum.length + channels - 1) / channels);
    }
    if (count == 0) return cudaSuccess;
    return launch_kernel(add_parts_kernel<C>, dim3(static_cast<unsigned>(blocks), count), elementwise.stream, plan, sums);
  }
};

/// The first pass of a backward from x. The set of sums is the smallest that serves; with the sums of a set come the operands
/// whose gradients they are, as WithBias for dbias.
template <class T>
cudaError_t launch_parts_from_x(const SumLaunch& sums) {
  using Op = BackwardOp<Compute<T>>;
  const Elementwise& call = sums.elementwise.call;
  const bool limits = call.requests(sum_threshold) || call.requests(sum_max_value), alpha = call.requests(sum_alpha);
  const bool scale = call.requests(sum_scale), bias = call.requests(sum_bias);
  return with_operand_set(call, [&](auto set) {
    using Set = decltype(set);
    constexpr bool plain = std::is_same_v<Set, Plain>;
    if constexpr (plain || std::is_same_v<Set, WithBias>) {
      if (!limits && !alpha && !scale) return sums.launch_packs_or_elements<Op, WithBias, SumOfBias, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Set, WithBias> || std::is_same_v<Set, WithScale>) {
      if (!limits && !alpha) return sums.launch_packs_or_elements<Op, WithScale, SumsOfScale, NoMask, T>();
    }
    if constexpr (plain || std::is_same_v<Set, WithAlpha>) {
      if (!limits && !scale && !bias) return sums.launch_packs_or_elements<Op, WithAlpha, SumOfAlpha, NoMask, T>();
    }
    if (!packs_serve_sums<T>(call)) return sums.launch_elements<Op, General, AllSums, NoMask, T>();
    if (!limits && !alpha) return sums.launch_packs<Op, General, SumsOfScale, NoMask, T>();
    return sums.launch_packs<Op, General, AllSums, NoMask, T>();
  });
}

/// The first pass of a backward from a mask, which has no dscale and no dalpha.
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

/// Launches both passes. A call without elements has no parts, and the second pass stores zeros.
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
