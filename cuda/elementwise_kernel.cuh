// The elementwise kernel and its launcher: one body for every op, dtype and layout.
#pragma once

#include "access.cuh"
#include "launch.cuh"

#include <rectify/detail/element_ops.hpp>
#include <rectify/detail/half.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace rectify::detail {

template <class Op, class Item, std::size_t... K>
__device__ Item apply(const Op& op, const Item (&in)[Op::inputs], std::index_sequence<K...>) {
  typename Op::Scalar out[Item::lanes];
#pragma unroll
  for (int l = 0; l < Item::lanes; ++l) out[l] = op(in[K].lane(l)...).value;
  return Item::of(out);
}

/// N items of one thread, `step` apart. All loads are issued before the first store: that is what keeps the memory busy.
/// (It is also why in place needs no care: an item is read and written by one thread, in this order.)
template <int N, class Op, class Space>
__device__ void run_items(const Op& op, const Space& space, std::int64_t item, std::int64_t step) {
  typename Space::Place place[N];
  typename Space::Item in[N][Op::inputs];
#pragma unroll
  for (int n = 0; n < N; ++n) {
    place[n] = space.locate(item + n * step);
    space.load(place[n], in[n]);
  }
#pragma unroll
  for (int n = 0; n < N; ++n) space.store(place[n], apply(op, in[n], std::make_index_sequence<Op::inputs>{}));
}

template <class Op, class T, int Inputs>
__device__ void run_edge(const Op& op, const Dense<T, Inputs>& space) {
  // Fewer than two packs, so the first block has threads enough.
  if (blockIdx.x == 0 && threadIdx.x < space.edge.items()) run_items<1>(op, space.edge, threadIdx.x, 0);
}

template <class Op, class T, int Inputs>
__device__ void run_edge(const Op&, const Strided<T, Inputs>&) {}

/// A block takes a tile of neighbouring items at a time. The grid normally covers all tiles; where it does not, blocks loop, so
/// the result depends neither on the grid nor on the host's guess of `in_flight`.
template <class Op, class Space>
__global__ void __launch_bounds__(threads_per_block)
    elementwise_kernel(const __grid_constant__ Op op, const __grid_constant__ Space space) {
  constexpr int in_flight = Space::in_flight;
  constexpr std::int64_t tile = std::int64_t{threads_per_block} * in_flight;
  const std::int64_t items = space.items();
  for (std::int64_t first = blockIdx.x * tile; first < items; first += gridDim.x * tile) {
    if (items - first >= tile) {
      run_items<in_flight>(op, space, first + threadIdx.x, threads_per_block);
    } else {
#pragma unroll 1
      for (std::int64_t item = first + threadIdx.x; item < items; item += threads_per_block) run_items<1>(op, space, item, 0);
    }
  }
  run_edge(op, space);
}

template <class Op, class Space>
cudaError_t launch_in(const Op& op, const Space& space, int architecture, cudaStream_t stream) {
  const unsigned blocks = blocks_for(space.items(), Space::in_flight_on(architecture));
  return launch(elementwise_kernel<Op, Space>, blocks, stream, op, space);
}

/// out = op(in...) for a validated call with at least one element, its device being current.
template <class T, template <class> class OpOf>
cudaError_t launch_elementwise(const Elementwise& call, int architecture, cudaStream_t stream) {
  using Op = OpOf<Compute<T>>;
  const Op op{rounded<Compute<T>>(call.relu)};
  if (packs_serve<T, Op::inputs>(call)) return launch_in(op, dense<T, Op::inputs>(call), architecture, stream);
  return launch_in(op, strided<T, Op::inputs>(call), architecture, stream);
}

}  // namespace rectify::detail
