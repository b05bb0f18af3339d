// The kernels of the sweep: the library's elementwise kernel body with every combination of packs in flight, threads in a
// block, and kind of store. sweep_f32.cu and sweep_bf16.cu include it for their types. tuning_table (cuda/tuning.cuh) is chosen
// by their times.
#pragma once

#include "gpu/require_cuda.hpp"
#include "gpu/sweep.hpp"

#include "elementwise_kernel.cuh"

#include <stdexcept>

namespace rectify::bench {

template <class T, detail::Store How>
using SweptSpace = detail::Dense<T, detail::Pack<T, 16, How>>;

/// detail::elementwise_kernel without edges, and without the loop for tensors that are larger than a grid.
template <int N, int Threads, detail::Store How, class Op, class Mask, class T>
__global__ void __launch_bounds__(Threads)
    sweep_kernel(const __grid_constant__ detail::Operands<T> operands, const __grid_constant__ SweptSpace<T, How> space) {
  const std::int64_t first = blockIdx.x * std::int64_t{Threads * N};
  detail::process_items<N, Op, detail::Plain, Mask>(operands, space, first + threadIdx.x, Threads);
}

/// The variants of one op.
template <class Op, class Mask, class T>
class Sweep {
 public:
  static std::vector<Variant> variants() {
    std::vector<Variant> all;
    for_packs<1>(all);
    for_packs<2>(all);
    for_packs<4>(all);
    return all;
  }

 private:
  template <int N>
  static void for_packs(std::vector<Variant>& all) {
    for_threads<N, 128>(all);
    for_threads<N, 256>(all);
    for_threads<N, 512>(all);
  }
  template <int N, int Threads>
  static void for_threads(std::vector<Variant>& all) {
    const std::string name = std::to_string(N) + " packs, " + std::to_string(Threads) + " threads, ";
    all.push_back({name + "write_back", call_of<N, Threads, detail::Store::write_back>});
    all.push_back({name + "weak", call_of<N, Threads, detail::Store::weak>});
    all.push_back({name + "streaming", call_of<N, Threads, detail::Store::streaming>});
  }

  static detail::Operands<T> operands_of(const Workload& work) {
    const auto at = [&](const char* name) { return work.view(operand(name)).data(); };
    detail::Operands<T> all{};
    if (Op::reads_x) all.x = static_cast<const T*>(at("x"));
    if (Op::reads_dy) all.dy = static_cast<const T*>(at("dy"));
    all.out = static_cast<T*>(at(work.op().direction == Direction::forward ? "y" : "dx"));
    if (Mask::bits > 0) all.mask = static_cast<unsigned char*>(at("mask"));
    all.mask_bits = Mask::bits;
    all.scalars = {detail::rounded<detail::Compute<T>>(work.relu()), 1};
    return all;
  }

  template <int N, int Threads, detail::Store How>
  static std::function<void(void*)> call_of(const Workload& work) {
    const detail::Operands<T> operands = operands_of(work);
    const TensorView out = work.view(operand(work.op().direction == Direction::forward ? "y" : "dx"));
    SweptSpace<T, How> space{};
    space.length = space.body = out.shape()[0];
    space.packs = space.length / SweptSpace<T, How>::Item::lanes;
    space.channels = space.inner = space.repeats = space.repeat_length = space.chunk = 1;
    if (space.length % SweptSpace<T, How>::Item::lanes != 0 || space.packs % (Threads * N) != 0)
      throw std::invalid_argument("the elements do not fill whole blocks");
    const auto blocks = static_cast<unsigned>(space.packs / (Threads * N));
    return [=](void* stream) {
      sweep_kernel<N, Threads, How, Op, Mask, T><<<blocks, Threads, 0, static_cast<cudaStream_t>(stream)>>>(operands, space);
      RECTIFY_REQUIRE_CUDA(cudaGetLastError());
    };
  }
};

template <class T>
std::vector<Variant> variants_of(const std::string& op) {
  using C = detail::Compute<T>;
  if (op == "forward") return Sweep<detail::ForwardOp<C>, detail::NoMask, T>::variants();
  if (op == "forward_mask") return Sweep<detail::ForwardOp<C>, detail::U1, T>::variants();
  if (op == "backward") return Sweep<detail::BackwardOp<C>, detail::NoMask, T>::variants();
  return Sweep<detail::MaskBackwardOp<C>, detail::U1, T>::variants();
}

}  // namespace rectify::bench
