// The sweep from which tuning_table (cuda/tuning.cuh) is chosen: it runs the library's elementwise kernel body with every
// combination of packs in flight, threads in a block, and kind of store. sweep_f32.cu and sweep_bf16.cu include it for their
// types.
#pragma once

#include "ceilings.hpp"
#include "sweep.hpp"

#include "elementwise_kernel.cuh"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <string>

namespace rectify::gpu_bench {

/// detail::Dense with another kind of store.
template <class T, detail::Store How>
struct SweptSpace : detail::Dense<T> {
  using Item = detail::Pack<T, 16, How>;
};

/// detail::elementwise_kernel without edges, and without the loop for tensors that are larger than a grid.
template <int N, int Threads, detail::Store How, class Op, class Mask, class T>
__global__ void __launch_bounds__(Threads)
    sweep_kernel(const __grid_constant__ detail::Operands<T> at, const __grid_constant__ SweptSpace<T, How> space) {
  const std::int64_t first = blockIdx.x * std::int64_t{Threads * N};
  detail::run_items<N, Op, detail::Plain, Mask>(at, space, first + threadIdx.x, Threads);
}

/// A mask for each rotation, and the library's own results for the first rotation, with which others are compared.
struct SweepTensors {
  const Tensors& tensors;
  std::vector<Buffer> masks;
  Buffer expected, expected_mask;
};

template <class Op, class Mask, class T>
class Sweep {
 public:
  Sweep(const char* op, const char* dtype, SweepTensors& on) : op_(op), dtype_(dtype), on_(on) {}

  void append(std::vector<Contender>& all) {
    for_packs<1>(all);
    for_packs<2>(all);
    for_packs<4>(all);
  }

 private:
  static constexpr bool writes_mask = detail::writes_mask<Op, Mask>;

  template <int N>
  void for_packs(std::vector<Contender>& all) {
    for_threads<N, 128>(all);
    for_threads<N, 256>(all);
    for_threads<N, 512>(all);
  }
  template <int N, int Threads>
  void for_threads(std::vector<Contender>& all) {
    all.push_back(contender<N, Threads, detail::Store::write_back>("write_back"));
    all.push_back(contender<N, Threads, detail::Store::weak>("weak"));
    all.push_back(contender<N, Threads, detail::Store::streaming>("streaming"));
  }

  detail::Operands<T> operands(int rotation) const {
    const auto r = static_cast<std::size_t>(rotation);
    detail::Operands<T> at{};
    if (Op::reads_x) at.x = static_cast<const T*>(on_.tensors.a[r].data());
    if (Op::reads_dy) at.dy = static_cast<const T*>(on_.tensors.b[r].data());
    at.out = static_cast<T*>(on_.tensors.y[r].data());
    if (Mask::bits > 0) at.mask = static_cast<unsigned char*>(on_.masks[r].data());
    at.mask_bits = Mask::bits;
    at.gain = 1;
    at.f = detail::rounded<detail::Compute<T>>(presets::torch::leaky_relu());
    return at;
  }

  template <int N, int Threads, detail::Store How>
  Contender contender(const char* store) {
    const std::int64_t elements = on_.tensors.bytes / static_cast<std::int64_t>(sizeof(T));
    SweptSpace<T, How> space{};
    space.length = space.body = elements;
    space.packs = elements / (16 / static_cast<std::int64_t>(sizeof(T)));
    space.channels = space.inner = space.repeats = space.row = space.chunk = 1;
    const auto blocks = static_cast<unsigned>(space.items() / (Threads * N));
    const std::string who = std::to_string(N) + " packs, " + std::to_string(Threads) + " threads, " + store;
    const double bytes =
        (1.0 + Op::reads_x + Op::reads_dy) * static_cast<double>(on_.tensors.bytes) + elements * Mask::bits / 8.0;
    Contender one{{"sweep", op_, who, dtype_, "flat", on_.tensors.bytes, bytes, Op::reads_x && Op::reads_dy ? "add" : "copy"},
                  [=](cudaStream_t stream, int rotation) {
                    sweep_kernel<N, Threads, How, Op, Mask, T><<<blocks, Threads, 0, stream>>>(operands(rotation), space);
                    RECTIFY_REQUIRE_CUDA(cudaGetLastError());
                  }};
    one.failed = check(one);
    return one;
  }

  /// Compares the result with the library's, for the same inputs.
  std::string check(const Contender& one) {
    Buffer& y = const_cast<Buffer&>(on_.tensors.y[0]);
    y.spoil();
    if (writes_mask) on_.masks[0].spoil();
    one.call(nullptr, 0);
    RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
    const auto bytes = static_cast<std::size_t>(on_.tensors.bytes);
    std::uint64_t wrong = y.differing_words(on_.expected, bytes);
    if (writes_mask) wrong += on_.masks[0].differing_words(on_.expected_mask, bytes / sizeof(T) / 8);
    return wrong == 0 ? "" : std::to_string(wrong) + " words differ from the library's";
  }

  const char *op_, *dtype_;
  SweepTensors& on_;
};

/// Computes the library's own results for the first rotation.
enum class Function { forward, backward };
inline void fill_expected(SweepTensors& on, DType dtype, Function function) {
  const Relu relu = presets::torch::leaky_relu();
  const std::int64_t elements = on.tensors.bytes / (bits_per_element(dtype) / 8);
  const Device device = Device::cuda(0);
  const auto view = [&](const Buffer& buffer, DType type) { return TensorView(buffer.data(), type, {elements}, device); };
  on.expected.spoil();
  if (function == Function::forward) {
    Forward operands;
    operands.x = view(on.tensors.a[0], dtype);
    operands.y = view(on.expected, dtype);
    operands.mask = view(on.expected_mask, DType::u1);
    forward(relu, operands);
  } else {
    backward(relu, view(on.tensors.b[0], dtype), view(on.tensors.a[0], dtype), view(on.expected, dtype));
  }
  RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
}

template <class T>
void sweep(const char* dtype_name, DType dtype, std::int64_t bytes) {
  using C = detail::Compute<T>;
  const Tensors tensors(bytes, rotations_for(bytes), dtype_name);
  const auto mask_bytes = static_cast<std::size_t>(bytes / static_cast<std::int64_t>(sizeof(T)) / 8);
  SweepTensors on{tensors, {}, Buffer(static_cast<std::size_t>(bytes)), Buffer(mask_bytes)};
  const Run run{Mode::cold, tensors.rotations(), 9};
  const auto measured = [&](auto&& sweep) {
    std::vector<Contender> all = ceilings(tensors, true, "sweep");
    sweep.append(all);
    measure(all, run);
  };
  fill_expected(on, dtype, Function::forward);
  for (int r = 0; r < tensors.rotations(); ++r) {  // copies of the first rotation's mask; for a time any bits serve
    on.masks.emplace_back(mask_bytes);
    RECTIFY_REQUIRE_CUDA(cudaMemcpy(on.masks.back().data(), on.expected_mask.data(), mask_bytes, cudaMemcpyDeviceToDevice));
  }
  measured(Sweep<detail::ForwardOp<C>, detail::NoMask, T>("forward", dtype_name, on));
  measured(Sweep<detail::ForwardOp<C>, detail::U1, T>("forward_mask", dtype_name, on));
  RECTIFY_REQUIRE_CUDA(cudaMemcpy(on.masks[0].data(), on.expected_mask.data(), mask_bytes, cudaMemcpyDeviceToDevice));
  fill_expected(on, dtype, Function::backward);
  measured(Sweep<detail::BackwardOp<C>, detail::NoMask, T>("backward", dtype_name, on));
  measured(Sweep<detail::MaskBackwardOp<C>, detail::U1, T>("backward_mask", dtype_name, on));
}

}  // namespace rectify::gpu_bench
