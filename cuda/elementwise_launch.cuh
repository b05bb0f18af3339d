// From a call to the kernel that serves it: launch_forward() and launch_backward() choose an instantiation of
// elementwise_kernel.cuh and make its arguments. Called by backend.cu; instantiated in elementwise_*.cu.
// tests/cuda/registers.txt lists all kernels.
#pragma once

#include "elementwise_kernel.cuh"
#include "launch.cuh"

namespace rectify::detail {

/// The operands of a kernel. `in_rows`: the space is Strided, so its packs lie in the rows of views.
template <class T>
Operands<T> make_operands(const Elementwise& call, bool in_rows) {
  const Layout& layout = call.layout;
  const bool packs_begin_at_multiples = in_rows || (misalignment(call) == 0 && layout.channels % Pack<T>::lanes == 0);
  Operands<T> operands{static_cast<const T*>(call.x),
                       static_cast<const T*>(call.dy),
                       static_cast<const T*>(call.residual),
                       static_cast<T*>(call.out),
                       static_cast<T*>(call.dresidual),
                       static_cast<unsigned char*>(call.mask),
                       call.mask_bits,
                       scalars_of<Compute<T>>(call),
                       {}};
  for (int kind = 0; kind < parameter_kinds; ++kind) {
    const Parameter& p = call.parameters[kind];
    const bool contiguous = layout.inner == 1 && p.stride == 1;
    operands.parameters[kind] = {p, contiguous && past_boundary(p.data) == 0 && packs_begin_at_multiples};
  }
  return operands;
}

/// A validated call with at least one element, whose device is current.
struct ElementwiseLaunch {
  const Elementwise& call;
  Gpu gpu;
  cudaStream_t stream;

  template <class Op, class Set, class Mask, class T, class Space>
  cudaError_t launch_over(const Space& space, unsigned blocks, std::int64_t chunks = 1) const {
    return launch_kernel(elementwise_kernel<Op, Set, Mask, T, Space>, dim3(blocks, static_cast<unsigned>(chunks)), stream,
                         make_operands<T>(call, !Space::is_dense), space);
  }

  /// Launches a kernel over a Dense space. Kernels with parameters walk (walk.cuh), except those of General, which have no
  /// registers to keep the parameters of all lanes in.
  template <class Op, class Set, class Mask, class T>
  cudaError_t launch_dense() const {
    using Space = Dense<T>;
    const Space space = make_dense<T>(call, writes_mask<Op, Mask>);
    const int in_flight = in_flight_on<Op, Set, Mask, Space>(gpu.architecture);
    const std::int64_t chunks = (space.repeats + space.chunk - 1) / space.chunk;
    unsigned blocks = blocks_for(space.items(), space.repeats > 1 ? 1 : in_flight);
    if constexpr (has_parameters<Set> && !Set::general) {
      Walked<Space> walked(space);
      if (space.repeats == 1) {
        walked.walk = walk_dense(space, writes_mask<Op, Mask>, in_flight, gpu.multiprocessors);
        blocks = walked.walk.blocks();
      }
      return launch_over<Op, Set, Mask, T>(walked, blocks, chunks);
    } else {
      return launch_over<Op, Set, Mask, T>(space, blocks, chunks);
    }
  }

  /// Launches a kernel over a Strided space: of packs if they can serve the rows, otherwise of single elements.
  template <class Op, class Set, class Mask, class T>
  cudaError_t launch_strided() const {
    if constexpr (!Op::reads_mask) {
      using Item = std::conditional_t<Set::general, SmallPack<T>, Pack<T>>;
      if (packs_serve_rows<Item>(call)) return launch_rows<Op, Set, T>(Strided<T, Item>(call.layout));
    }
    const Strided<T> space(call.layout);
    const std::int64_t elements = call.layout.elements, octets = elements / 8 + (elements % 8 != 0);
    const std::int64_t items = writes_mask<Op, Mask> && call.mask != nullptr ? octets : elements;
    return launch_over<Op, Set, Mask, T>(space, blocks_for(items, in_flight_on<Op, Set, Mask, Strided<T>>(gpu.architecture)));
  }

  /// Launches a kernel over the packs of a Strided space. Those of General walk.
  template <class Op, class Set, class T, class Space>
  cudaError_t launch_rows(const Space& space) const {
    if constexpr (Set::general) {
      Walked<Space> walked(space);
      walked.walk = walk_views(walked, gpu.multiprocessors);
      return launch_over<Op, Set, NoMask, T>(walked, walked.walk.blocks());
    } else {
      return launch_over<Op, Set, NoMask, T>(space,
                                             blocks_for(space.items(), in_flight_on<Op, Set, NoMask, Space>(gpu.architecture)));
    }
  }

  /// Launches a kernel over a Dense space, with a mask if the call has one. Masks of one bit have a kernel for every operand
  /// set. Masks of two bits have one for Plain, and one for General, which serves the other sets.
  template <class Op, class Set, class T>
  cudaError_t launch_dense_with_mask() const {
    if constexpr (!Op::reads_mask) {
      if (call.mask == nullptr) return launch_dense<Op, Set, NoMask, T>();
    }
    if (call.mask_bits == 1) return launch_dense<Op, Set, U1, T>();
    return launch_dense<Op, std::conditional_t<std::is_same_v<Set, Plain>, Plain, General>, U2, T>();
  }
};

/// Returns f(Set{}) with Plain if it serves the call, otherwise with General. Strided kernels, and kernels that read a mask,
/// are compiled for these two operand sets.
template <class F>
cudaError_t with_plain_or_general(const Elementwise& call, F&& f) {
  return with_operand_set(call, [&](auto set) {
    constexpr bool plain = std::is_same_v<decltype(set), Plain>;
    return f(std::conditional_t<plain, Plain, General>{});
  });
}

template <class T>
cudaError_t launch_forward(const ElementwiseLaunch& launch) {
  using Op = ForwardOp<Compute<T>>;
  const bool masked = launch.call.mask != nullptr;
  if (!packs_serve<T>(launch.call, masked)) {
    if (masked) return launch.launch_strided<Op, General, AnyMask, T>();
    return with_plain_or_general(launch.call, [&](auto set) {
      using Set = decltype(set);
      return launch.launch_strided<Op, Set, std::conditional_t<Set::general, AnyMask, NoMask>, T>();
    });
  }
  return with_operand_set(launch.call, [&](auto set) {
    using Set = decltype(set);
    // Besides General, only WithAlpha has kernels that repeat x, in which each repeat has one alpha.
    const Layout& layout = launch.call.layout;
    const bool in_general = !repeats_x<Op, Set> || (layout.channels > 1 && !layout.repeats_are_channels());
    return layout.repeats > 1 && in_general ? launch.launch_dense_with_mask<Op, General, T>()
                                            : launch.launch_dense_with_mask<Op, Set, T>();
  });
}

template <class T>
cudaError_t launch_backward_from_x(const ElementwiseLaunch& launch) {
  using Op = BackwardOp<Compute<T>>;
  if (!packs_serve<T>(launch.call, false))
    return with_plain_or_general(launch.call, [&](auto set) { return launch.launch_strided<Op, decltype(set), NoMask, T>(); });
  return with_operand_set(launch.call, [&](auto set) {
    using Set = decltype(set);
    if (launch.call.layout.repeats > 1 && !repeats_x<Op, Set>) return launch.launch_dense<Op, General, NoMask, T>();
    return launch.launch_dense<Op, Set, NoMask, T>();
  });
}

template <class T>
cudaError_t launch_backward_from_mask(const ElementwiseLaunch& launch) {
  using Op = MaskBackwardOp<Compute<T>>;
  if (!packs_serve<T>(launch.call, false)) return launch.launch_strided<Op, General, AnyMask, T>();
  return with_plain_or_general(launch.call, [&](auto set) { return launch.launch_dense_with_mask<Op, decltype(set), T>(); });
}

template <class T>
cudaError_t launch_backward(const ElementwiseLaunch& launch) {
  return launch.call.mask == nullptr ? launch_backward_from_x<T>(launch) : launch_backward_from_mask<T>(launch);
}

// Each storage type is instantiated in a source file of its own, so that they are compiled in parallel, and ptxas's warning
// about double arithmetic can be an error in all of them but that of f64 (tests/cuda/kernel_gate.sh).
extern template cudaError_t launch_forward<f16>(const ElementwiseLaunch&);
extern template cudaError_t launch_forward<bf16>(const ElementwiseLaunch&);
extern template cudaError_t launch_forward<float>(const ElementwiseLaunch&);
extern template cudaError_t launch_forward<double>(const ElementwiseLaunch&);
extern template cudaError_t launch_backward<f16>(const ElementwiseLaunch&);
extern template cudaError_t launch_backward<bf16>(const ElementwiseLaunch&);
extern template cudaError_t launch_backward<float>(const ElementwiseLaunch&);
extern template cudaError_t launch_backward<double>(const ElementwiseLaunch&);

}  // namespace rectify::detail
