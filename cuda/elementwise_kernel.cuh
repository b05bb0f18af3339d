// elementwise_kernel: the one kernel for every op, operand set, dtype and layout. It distributes the items of a space over
// threads. Launched by elementwise_launch.cuh; calls elementwise_item.cuh.
#pragma once

#include "elementwise_item.cuh"
#include "walk.cuh"

#include <cstdint>

namespace rectify::detail {

/// Processes a thread's items in the rows of one tile (walk.cuh), the first of which is `item`.
template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void walk_rows(const Operands<T>& operands, const Space& space, std::int64_t item) {
  const int count = space.rows_at(item);
  if (count == 0) return;
  ItemParameters<Set, T, Space::Item::lanes> parameters{};
  if (!space.walk.reloads) parameters.load(operands, space, space.channel_of(space.locate(item)));
  auto rows = space.rows_from(item);
  int row = 0;
#pragma unroll 1
  for (; row + N <= count; row += N) process_rows<N, Op, Set, Mask>(operands, space, rows, row, parameters, NothingToSum());
  if constexpr (N > 1) {
#pragma unroll 1
    for (; row < count; ++row) process_rows<1, Op, Set, Mask>(operands, space, rows, row, parameters, NothingToSum());
  }
}

template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void walk_tiles(const Operands<T>& operands, const Space& space) {
  const Walk& walk = space.walk;
  for (std::int64_t tile = blockIdx.x; tile < walk.tiles; tile += gridDim.x) {
    const std::int64_t row_of_tiles = walk.by_columns.quotient(tile);
    const std::int64_t column = (tile - row_of_tiles * walk.columns) * threads_per_block + threadIdx.x;
    if (column < walk.step) walk_rows<N, Op, Set, Mask>(operands, space, row_of_tiles * walk.rows * walk.step + column);
  }
}

/// The places of items that are `step` apart, for a space that does not walk: process_rows() takes each as a row.
template <class Space>
struct ItemsApart {
  const Space& space;
  std::int64_t item, step;

  __device__ Place place(int, int n) const { return space.locate(item + n * step); }
};

/// Processes N items of one thread, which are `step` apart.
template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void process_items(const Operands<T>& operands, const Space& space, std::int64_t item, std::int64_t step) {
  const ItemsApart<Space> items{space, item, step};
  process_rows<N, Op, Set, Mask>(operands, space, items, 0, NotLoaded(), NothingToSum());
}

/// Processes an item of x under each repeat of this block's chunk. In sets other than General, a repeat has one alpha
/// (repeats_x).
template <class Op, class Set, class Mask, class T, class Space>
__device__ void process_repeats(const Operands<T>& operands, const Space& space, std::int64_t item) {
  using Item = typename Space::Item;
  Place place = space.locate_repeated(item);
  Loaded<Item> in{};
  in.x = Item::load(operands.x + place.x);
#pragma unroll 1
  for (std::int64_t remaining = space.repeats_here(); remaining > 0; --remaining) {
    load_rest<Op, Set, Mask>(operands, place, in);
    if constexpr (Set::general) {
      process_item<Op, Set, Mask>(operands, space, place, in, NotLoaded(), NothingToSum());
    } else {
      const OneAlpha<Compute<T>> alpha{parameter_at<T>(operands.parameters[parameter_alpha], place.channel)};
      process_item<Op, Set, Mask>(operands, space, place, in, alpha, NothingToSum());
    }
    place = space.next_repeat(place);
  }
}

/// Processes one element: an edge element, or an element of an octet. Returns its code.
template <class Op, class Set, class Mask, class T, class Space>
__device__ unsigned process_element(const Operands<T>& operands, const Space& space, const Place& place) {
  Loaded<Single<T>> in{};
  if constexpr (Op::reads_x) in.x = Single<T>::load(operands.x + place.x);
  load_rest<Op, Set, Mask>(operands, place, in);
  return compute_and_store<Op, Set, Mask>(operands, space, place, in, NotLoaded(), NothingToSum());
}

/// Processes eight elements in one thread, so that each byte of a mask has one writer. `remaining` of the call's elements are
/// left, and locate(l) is the place of the l-th of the eight.
template <class Op, class Set, class Mask, class T, class Space, class Locate>
__device__ void process_octet(const Operands<T>& operands, const Space& space, std::int64_t octet, std::int64_t remaining,
                              const Locate& locate) {
  const int bits = Mask::bits > 0 ? Mask::bits : operands.mask_bits;
  const std::int64_t count = remaining < 8 ? remaining : 8;
  unsigned codes = 0;
#pragma unroll 1
  for (int l = 0; l < count; ++l) codes |= process_element<Op, Set, Mask>(operands, space, locate(l)) << (l * bits);
  store_octet(operands.mask, bits, octet, count, codes);
}

/// Processes the edge elements of a Dense space in the first block. It has enough threads for them: they are fewer than those
/// of two packs or, if a mask is written, than those of the packs of a warp.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void process_edge(const Operands<T>& operands, const Space& space) {
  if (blockIdx.x > 0 || blockIdx.y > 0) return;
  if constexpr (writes_mask<Op, Mask>) {
    const std::int64_t first = threadIdx.x * 8;
    if (first < space.edge_elements()) {
      process_octet<Op, Set, Mask>(operands, space, (space.body + first) / 8, space.edge_elements() - first,
                                   [&](int l) { return space.locate_edge(first + l); });
    }
  } else {
    if (threadIdx.x < space.edge_elements()) process_element<Op, Set, Mask>(operands, space, space.locate_edge(threadIdx.x));
  }
}

/// Processes the edge elements of a Strided space, the ends of its rows, in all blocks.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void process_row_ends(const Operands<T>& operands, const Space& space) {
  const std::int64_t step = std::int64_t{threads_per_block} * gridDim.x, count = space.edge_elements();
#pragma unroll 1
  for (std::int64_t i = std::int64_t{threads_per_block} * blockIdx.x + threadIdx.x; i < count; i += step)
    process_element<Op, Set, Mask>(operands, space, space.locate_edge(i));
}

/// Processes the elements that are in no item.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void process_edges(const Operands<T>& operands, const Space& space) {
  if constexpr (Space::is_dense) {
    process_edge<Op, Set, Mask>(operands, space);
  } else if constexpr (Space::Item::lanes > 1) {
    process_row_ends<Op, Set, Mask>(operands, space);
  }
}

/// Processes all elements of a Strided space if a mask is written: eight elements a thread, in the order of the mask.
template <class Op, class Set, class Mask, class T, class Item>
__device__ void process_octets(const Operands<T>& operands, const Strided<T, Item>& space) {
  const std::int64_t step = std::int64_t{threads_per_block} * gridDim.x;
  for (std::int64_t octet = std::int64_t{threads_per_block} * blockIdx.x + threadIdx.x; octet * 8 < space.elements();
       octet += step) {
    process_octet<Op, Set, Mask>(operands, space, octet, space.elements() - octet * 8,
                                 [&](int l) { return space.locate(octet * 8 + l); });
  }
}

/// Items that a thread has in flight from each input. Kernels with parameters have registers for 32 bytes of all inputs
/// together. Kernels of one input that write a mask have two packs, because the registers of these kernels leave room for fewer
/// threads.
template <class Op, class Set, class Mask, class Space>
constexpr int in_flight_on(int architecture) {
  if (Space::Item::lanes == 1) return Set::general ? 1 : strided_in_flight;
  constexpr int inputs = Op::reads_x + Op::reads_dy, items_of_16_bytes = 16 / sizeof(typename Space::Item);
  const int packs =
      has_parameters<Set> ? 2 * items_of_16_bytes / inputs : packs_in_flight(architecture, inputs + Set::residual);
  return writes_mask<Op, Mask> && inputs + Set::residual == 1 && packs < 2 ? 2 : packs;
}

/// in_flight_on() for the architecture of the device code. A variable, because device code may read a host constant but not
/// call a host function.
template <class Op, class Set, class Mask, class Space>
constexpr int in_flight_here = in_flight_on<Op, Set, Mask, Space>(code_architecture);

/// A block takes a tile of neighbouring items at a time, and loops if the grid does not cover all tiles. So no result depends
/// on the size of the grid, which the host chooses by an architecture that may differ from that of the code (tuning.cuh).
template <class Op, class Set, class Mask, class T, class Space>
__global__ void __launch_bounds__(threads_per_block, Set::general          ? 3
                                                     : has_parameters<Set> ? 4
                                                                           : 0)
    elementwise_kernel(const __grid_constant__ Operands<T> operands, const __grid_constant__ Space space) {
  if constexpr (!Space::is_dense && writes_mask<Op, Mask>) {
    if (operands.mask != nullptr) return process_octets<Op, Set, Mask>(operands, space);
  }
  const std::int64_t items = space.items();
  if constexpr (repeats_x<Op, Set> && Space::is_dense) {
    if (space.repeats > 1) {
      constexpr std::int64_t threads = threads_per_block;
      for (std::int64_t first = blockIdx.x * threads; first < items; first += gridDim.x * threads)
        if (items - first > threadIdx.x) process_repeats<Op, Set, Mask>(operands, space, first + threadIdx.x);
      return;
    }
  }
  constexpr int in_flight = in_flight_here<Op, Set, Mask, Space>;
  constexpr std::int64_t tile = std::int64_t{threads_per_block} * in_flight;
  if constexpr (Space::walks) {
    walk_tiles<in_flight, Op, Set, Mask>(operands, space);
  } else {
    for (std::int64_t first = blockIdx.x * tile; first < items; first += gridDim.x * tile) {
      if constexpr (in_flight == 1) {
        if (items - first > threadIdx.x) process_items<1, Op, Set, Mask>(operands, space, first + threadIdx.x, 0);
      } else if (items - first >= tile) {
        process_items<in_flight, Op, Set, Mask>(operands, space, first + threadIdx.x, threads_per_block);
      } else {
#pragma unroll 1
        for (std::int64_t item = first + threadIdx.x; item < items; item += threads_per_block)
          process_items<1, Op, Set, Mask>(operands, space, item, 0);
      }
    }
  }
  process_edges<Op, Set, Mask>(operands, space);
}

}  // namespace rectify::detail
