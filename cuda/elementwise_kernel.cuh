// The elementwise kernel and its launcher: one body for every op, operand set, dtype and layout.
#pragma once

#include "launch.cuh"
#include "operands.cuh"
#include "walk.cuh"

#include <rectify/detail/half.hpp>

#include <cstdint>
#include <type_traits>

namespace rectify::detail {

template <class Op, class Mask>
constexpr bool writes_mask = Mask::bits != 0 && !Op::reads_mask;

/// What an item needs beside x, which may have been loaded for an earlier repeat.
template <class Op, class Set, class Mask, class T, class Item>
__device__ void load_rest(const Operands<T>& at, const Place& place, Loaded<Item>& in) {
  if constexpr (Op::reads_dy) in.dy = Item::load(at.dy + place.dy);
  if constexpr (Op::reads_mask) in.codes = load_codes<Item::lanes, Mask>(at.mask, at.mask_bits, place.mask);
  if constexpr (Set::residual && Op::reads_x) {
    if (!Set::general || at.residual != nullptr) in.residual = Item::load(at.residual + place.residual);
  }
}

template <class Set>
constexpr bool has_parameters = Set::scale || Set::bias || Set::alpha;

/// The parameters of an item's lanes.
template <class Set, class T, int L>
struct Parameters {
  Compute<T> scale[L], bias[L], alpha[L], threshold[L], max_value[L];

  template <class Space>
  __device__ void load(const Operands<T>& at, const Space& space, Channel channel) {
    if constexpr (Set::bias) spread<T>(at.bias, Neutral<Compute<T>>::bias, space, channel, bias);
    if constexpr (Set::scale) spread<T>(at.scale, Neutral<Compute<T>>::scale, space, channel, scale);
    if constexpr (Set::alpha) spread<T>(at.alpha, at.f.alpha, space, channel, alpha);
    if constexpr (Set::function) spread<T>(at.threshold, at.f.threshold, space, channel, threshold);
    if constexpr (Set::function) spread<T>(at.max_value, at.f.max_value, space, channel, max_value);
  }

  /// Into what lane l of the item is computed from; its parameters are the k-th.
  __device__ void put(Element<Compute<T>>& e, int k) const {
    if constexpr (Set::scale) e.scale = scale[k];
    if constexpr (Set::alpha) e.f.alpha = alpha[k];
    if constexpr (Set::function) e.f.threshold = threshold[k];
    if constexpr (Set::function) e.f.max_value = max_value[k];
  }
};

/// In the place of parameters that are not loaded yet, and an alpha that all lanes of an item have.
struct NotLoaded {};
template <class C>
struct OneAlpha {
  C alpha;

  __device__ void put(Element<C>& e, int) const { e.f.alpha = alpha; }
};

template <class Known, class Parameters>
__device__ const Known& known_or(const Known& known, const Parameters&) {
  return known;
}
template <class Parameters>
__device__ const Parameters& known_or(const NotLoaded&, const Parameters& loaded) {
  return loaded;
}

/// z of lane l, whose parameters are the k-th.
template <class Set, class T, class Item, class Known>
__device__ Compute<T> input_of(const Operands<T>& at, const Loaded<Item>& in, const Known& parameters, int l, int k) {
  using C = Compute<T>;
  C scale = Neutral<C>::scale, bias = Neutral<C>::bias, residual = Neutral<C>::residual;
  if constexpr (Set::scale) scale = parameters.scale[k];
  if constexpr (Set::bias) bias = parameters.bias[k];
  if constexpr (Set::residual) {
    if (!Set::general || at.residual != nullptr) residual = in.residual.lane(l);
  }
  return fused_input<Set>(in.x.lane(l), scale, bias, residual);
}

/// Lanes whose parameters are loaded at once: half of eight, so that they fit in the registers beside each other.
template <class Set, int Lanes>
constexpr int lanes_at_once = Set::general&& Lanes == 8 ? 4 : Lanes;

/// In the place of sums that a kernel is not compiled for.
struct NothingSummed {
  static constexpr bool sums = false;
};

/// Works an item out, stores its numbers, and adds its lanes' terms to their sums; its codes are the caller's to store. `known` are the
/// parameters of its lanes, OneAlpha, or NotLoaded.
template <class Op, class Set, class Mask, class T, class Space, class Item, class Known, class Summed>
__device__ unsigned finish(const Operands<T>& at, const Space& space, const Place& place, const Loaded<Item>& in,
                           const Known& known, Summed&& summed) {
  using C = Compute<T>;
  constexpr bool loads = has_parameters<Set> && std::is_same_v<Known, NotLoaded>;
  constexpr int lanes = Item::lanes, part = loads ? lanes_at_once<Set, lanes> : lanes;
  const int bits = Mask::bits >= 0 ? Mask::bits : at.mask_bits;
  C value[lanes], dz[lanes];
  unsigned codes = 0;
  Channel channel{};
  if constexpr (loads) channel = space.channel_of(place);
#pragma unroll
  for (int first = 0; first < lanes; first += part) {
    Parameters<Set, T, part> loaded{};
    if constexpr (loads) loaded.load(at, space, channel);
    const auto& parameters = known_or(known, loaded);
#pragma unroll
    for (int l = first; l < first + part; ++l) {
      Element<C> e{at.f};
      e.gain = at.gain;
      if constexpr (Op::reads_x) e.z = input_of<Set>(at, in, parameters, l, l - first);
      if constexpr (Op::reads_dy) e.dy = in.dy.lane(l);
      if constexpr (Op::reads_mask) e.piece = piece_of(in.codes >> (l * bits) & ((1u << bits) - 1));
      parameters.put(e, l - first);
      const Op op;
      const Result<C> result = op(e);
      if constexpr (std::decay_t<Summed>::sums) {
        C x = 0;
        if constexpr (Op::reads_x) x = in.x.lane(l);
        summed.add(l, Terms<C>::of(op, e, result, x));
      }
      value[l] = result.value;
      dz[l] = result.dz;
      if constexpr (writes_mask<Op, Mask>) codes |= (code_of(result.piece) & ((1u << bits) - 1)) << (l * bits);
    }
    if constexpr (part < lanes) {
      channel = space.channel_after(channel, part);
      asm volatile("" ::: "memory");  // the next half's loads stay below, or their registers would come on top
    }
  }
  if (!Set::general || at.out != nullptr) Item::of(value).store(at.out + place.out);
  if constexpr (Set::general && Op::reads_dy) {
    if (at.dresidual != nullptr) Item::of(dz).store(at.dresidual + place.dresidual);
  }
  return codes;
}

/// Kernels that can repeat x: General's, and the forward of PReLU, for one x under the alphas of many models.
template <class Op, class Set>
constexpr bool repeats_x = Op::reads_x && (Set::general || (Set::alpha && !Op::reads_dy));

/// Works an item of a dense or a strided call out, its codes too.
template <class Op, class Set, class Mask, class T, class Space, class Known, class Summed>
__device__ void finish_item(const Operands<T>& at, const Space& space, const Place& place,
                            const Loaded<typename Space::Item>& in, const Known& known, Summed&& summed) {
  constexpr int lanes = Space::Item::lanes;
  const unsigned codes = finish<Op, Set, Mask>(at, space, place, in, known, summed);
  if constexpr (writes_mask<Op, Mask> && Space::is_dense) store_codes<lanes * Mask::bits>(at.mask, place.mask, lanes, codes);
}

/// An item in each of N rows from `row` on, with the parameters that they share. All loads are issued before the first store: that is what
/// keeps the memory busy. (It is also why in place needs no care: an item is read and written by one thread, in this order.)
template <int N, class Op, class Set, class Mask, class T, class Space, class Rows, class Known, class Summed>
__device__ void run_rows(const Operands<T>& at, const Space& space, Rows& rows, int row, Known&& known, Summed&& summed) {
  using Item = typename Space::Item;
  Place place[N] = {};
  Loaded<Item> in[N] = {};
#pragma unroll
  for (int n = 0; n < N; ++n) {
    place[n] = rows.place(row, n);
    if constexpr (Op::reads_x) in[n].x = Item::load(at.x + place[n].x);
    load_rest<Op, Set, Mask>(at, place[n], in[n]);
  }
#pragma unroll
  for (int n = 0; n < N; ++n) {
    if constexpr (Space::walks && Space::is_dense) {
      if (space.walk.reloads) known.load(at, space, space.channel_of(place[n]));
    }
    finish_item<Op, Set, Mask>(at, space, place[n], in[n], known, summed);
  }
}

/// A thread's rows of one tile.
template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void walk_rows(const Operands<T>& at, const Space& space, std::int64_t item) {
  const int count = space.rows_at(item);
  if (count == 0) return;
  Parameters<Set, T, Space::Item::lanes> known{};
  if (!space.walk.reloads) known.load(at, space, space.channel_of(space.locate(item)));
  auto rows = space.rows_from(item);
  int row = 0;
#pragma unroll 1
  for (; row + N <= count; row += N) run_rows<N, Op, Set, Mask>(at, space, rows, row, known, NothingSummed());
  if constexpr (N > 1) {
#pragma unroll 1
    for (; row < count; ++row) run_rows<1, Op, Set, Mask>(at, space, rows, row, known, NothingSummed());
  }
}

template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void walk_tiles(const Operands<T>& at, const Space& space) {
  const Walk& walk = space.walk;
  for (std::int64_t tile = blockIdx.x; tile < walk.tiles; tile += gridDim.x) {
    const std::int64_t band = walk.by_columns.quotient(tile);
    const std::int64_t in_row = (tile - band * walk.columns) * threads_per_block + threadIdx.x;
    if (in_row < walk.step) walk_rows<N, Op, Set, Mask>(at, space, band * walk.rows * walk.step + in_row);
  }
}

/// Items `step` apart, in the place of rows.
template <class Space>
struct ItemsApart {
  const Space& space;
  std::int64_t item, step;

  __device__ Place place(int, int n) const { return space.locate(item + n * step); }
};

/// N items of one thread, `step` apart.
template <int N, class Op, class Set, class Mask, class T, class Space>
__device__ void run_items(const Operands<T>& at, const Space& space, std::int64_t item, std::int64_t step) {
  const ItemsApart<Space> items{space, item, step};
  run_rows<N, Op, Set, Mask>(at, space, items, 0, NotLoaded(), NothingSummed());
}

/// An item of x under each of the repeats of this block's chunk. But for General, each repeat has one alpha.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void run_repeats(const Operands<T>& at, const Space& space, std::int64_t item) {
  using Item = typename Space::Item;
  Place place = space.locate_repeated(item);
  Loaded<Item> in{};
  in.x = Item::load(at.x + place.x);
#pragma unroll 1
  for (std::int64_t left = space.repeats_here(); left > 0; --left) {
    load_rest<Op, Set, Mask>(at, place, in);
    if constexpr (Set::general) {
      finish_item<Op, Set, Mask>(at, space, place, in, NotLoaded(), NothingSummed());
    } else {
      const OneAlpha<Compute<T>> known{parameter_at<T>(at.alpha, place.channel)};
      finish_item<Op, Set, Mask>(at, space, place, in, known, NothingSummed());
    }
    place = space.next_repeat(place);
  }
}

/// One element, for the edges of dense tensors and for strided ones.
template <class Op, class Set, class Mask, class T, class Space>
__device__ unsigned run_single(const Operands<T>& at, const Space& space, const Place& place) {
  Loaded<Single<T>> in{};
  if constexpr (Op::reads_x) in.x = Single<T>::load(at.x + place.x);
  load_rest<Op, Set, Mask>(at, place, in);
  return finish<Op, Set, Mask>(at, space, place, in, NotLoaded(), NothingSummed());
}

/// Eight elements of one thread, because a byte of a mask has one writer. `locate` places the l-th of them.
template <class Op, class Set, class Mask, class T, class Space, class Locate>
__device__ void run_octet(const Operands<T>& at, const Space& space, std::int64_t octet, std::int64_t left,
                          const Locate& locate) {
  const int bits = Mask::bits > 0 ? Mask::bits : at.mask_bits;
  const std::int64_t count = left < 8 ? left : 8;
  unsigned codes = 0;
#pragma unroll 1
  for (int l = 0; l < count; ++l) codes |= run_single<Op, Set, Mask>(at, space, locate(l)) << (l * bits);
  store_octet(at.mask, bits, octet, count, codes);
}

/// What is left of a dense call: fewer than two packs, or than a warp's where a mask is written; so the first block has threads
/// enough.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void run_edge(const Operands<T>& at, const Space& space) {
  if (blockIdx.x > 0 || blockIdx.y > 0) return;
  if constexpr (writes_mask<Op, Mask>) {
    const std::int64_t first = threadIdx.x * 8;
    if (first < space.edge_elements()) {
      run_octet<Op, Set, Mask>(at, space, (space.body + first) / 8, space.edge_elements() - first,
                               [&](int l) { return space.locate_edge(first + l); });
    }
  } else {
    if (threadIdx.x < space.edge_elements()) run_single<Op, Set, Mask>(at, space, space.locate_edge(threadIdx.x));
  }
}

/// What is left of the rows of a strided call.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void run_row_ends(const Operands<T>& at, const Space& space) {
  const std::int64_t step = std::int64_t{threads_per_block} * gridDim.x, count = space.edge_elements();
#pragma unroll 1
  for (std::int64_t i = std::int64_t{threads_per_block} * blockIdx.x + threadIdx.x; i < count; i += step)
    run_single<Op, Set, Mask>(at, space, space.locate_edge(i));
}

/// What items leave over.
template <class Op, class Set, class Mask, class T, class Space>
__device__ void run_rest(const Operands<T>& at, const Space& space) {
  if constexpr (Space::is_dense) {
    run_edge<Op, Set, Mask>(at, space);
  } else if constexpr (Space::Item::lanes > 1) {
    run_row_ends<Op, Set, Mask>(at, space);
  }
}

/// Everything of a strided call, where a mask is written: octets in its order.
template <class Op, class Set, class Mask, class T, class Item>
__device__ void run_octets(const Operands<T>& at, const Strided<T, Item>& space) {
  const std::int64_t step = std::int64_t{threads_per_block} * gridDim.x;
  for (std::int64_t octet = std::int64_t{threads_per_block} * blockIdx.x + threadIdx.x; octet * 8 < space.elements();
       octet += step) {
    run_octet<Op, Set, Mask>(at, space, octet, space.elements() - octet * 8,
                             [&](int l) { return space.locate(octet * 8 + l); });
  }
}

/// Packs, or strided elements, that a thread has in flight from each input. Beside the parameters of its lanes it has registers for two
/// packs. Kernels that write a mask have two: their registers leave room for fewer threads.
template <class Op, class Set, class Mask, class Space>
constexpr int in_flight_on(int architecture) {
  if (Space::Item::lanes == 1) return Set::general ? 1 : strided_in_flight;
  constexpr int inputs = Op::reads_x + Op::reads_dy, parts = 16 / sizeof(typename Space::Item);
  const int packs = has_parameters<Set> ? 2 * parts / inputs : packs_in_flight(architecture, inputs + Set::residual);
  return writes_mask<Op, Mask> && inputs + Set::residual == 1 && packs < 2 ? 2 : packs;
}

/// A variable, because device code may read a constant of the host but not call its functions.
template <class Op, class Set, class Mask, class Space>
constexpr int in_flight_here = in_flight_on<Op, Set, Mask, Space>(code_architecture);

/// A block takes a tile of neighbouring items at a time. The grid normally covers all tiles; where it does not, blocks loop, so
/// the result depends neither on the grid nor on the host's guess of `in_flight`.
template <class Op, class Set, class Mask, class T, class Space>
__global__ void __launch_bounds__(threads_per_block, Set::general          ? 3
                                                     : has_parameters<Set> ? 4
                                                                           : 0)
    elementwise_kernel(const __grid_constant__ Operands<T> at, const __grid_constant__ Space space) {
  if constexpr (!Space::is_dense && writes_mask<Op, Mask>) {
    if (at.mask != nullptr) return run_octets<Op, Set, Mask>(at, space);
  }
  const std::int64_t items = space.items();
  if constexpr (repeats_x<Op, Set> && Space::is_dense) {
    if (space.repeats > 1) {
      constexpr std::int64_t threads = threads_per_block;
      for (std::int64_t first = blockIdx.x * threads; first < items; first += gridDim.x * threads)
        if (items - first > threadIdx.x) run_repeats<Op, Set, Mask>(at, space, first + threadIdx.x);
      return;
    }
  }
  constexpr int in_flight = in_flight_here<Op, Set, Mask, Space>;
  constexpr std::int64_t tile = std::int64_t{threads_per_block} * in_flight;
  if constexpr (Space::walks) {
    walk_tiles<in_flight, Op, Set, Mask>(at, space);
  } else {
    for (std::int64_t first = blockIdx.x * tile; first < items; first += gridDim.x * tile) {
      if constexpr (in_flight == 1) {
        if (items - first > threadIdx.x) run_items<1, Op, Set, Mask>(at, space, first + threadIdx.x, 0);
      } else if (items - first >= tile) {
        run_items<in_flight, Op, Set, Mask>(at, space, first + threadIdx.x, threads_per_block);
      } else {
#pragma unroll 1
        for (std::int64_t item = first + threadIdx.x; item < items; item += threads_per_block)
          run_items<1, Op, Set, Mask>(at, space, item, 0);
      }
    }
  }
  run_rest<Op, Set, Mask>(at, space);
}

}  // namespace rectify::detail
