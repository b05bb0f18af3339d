// From load to store: what a thread does with one item, a pack or a single element, of every tensor; and with several in flight.
#pragma once

#include "operands.cuh"

#include <cstdint>
#include <type_traits>

namespace rectify::detail {

template <class Op, class Mask>
constexpr bool writes_mask = Mask::bits != 0 && !Op::reads_mask;

/// What an item needs beside x, which may have been loaded for an earlier repeat.
template <class Op, class Set, class Mask, class T, class Item>
__device__ void load_rest(const Operands<T>& operands, const Place& place, Loaded<Item>& in) {
  if constexpr (Op::reads_dy) in.dy = Item::load(operands.dy + place.dy);
  if constexpr (Op::reads_mask) in.codes = load_codes<Item::lanes, Mask>(operands.mask, operands.mask_bits, place.mask);
  if constexpr (Set::residual && Op::reads_x) {
    if (!Set::general || operands.residual != nullptr) in.residual = Item::load(operands.residual + place.residual);
  }
}

template <class Set>
constexpr bool has_parameters = Set::scale || Set::bias || Set::alpha;

/// The parameters of an item's lanes.
template <class Set, class T, int L>
struct ItemParameters {
  Compute<T> scale[L], bias[L], alpha[L], threshold[L], max_value[L];

  template <class Space>
  __device__ void load(const Operands<T>& operands, const Space& space, Channel channel) {
    if constexpr (Set::bias) load_parameter<T>(operands.bias, Neutral<Compute<T>>::bias, space, channel, bias);
    if constexpr (Set::scale) load_parameter<T>(operands.scale, Neutral<Compute<T>>::scale, space, channel, scale);
    if constexpr (Set::alpha) load_parameter<T>(operands.alpha, operands.f.alpha, space, channel, alpha);
    if constexpr (Set::limits) load_parameter<T>(operands.threshold, operands.f.threshold, space, channel, threshold);
    if constexpr (Set::limits) load_parameter<T>(operands.max_value, operands.f.max_value, space, channel, max_value);
  }

  /// Into what lane l of the item is computed from; its parameters are the k-th.
  __device__ void put(Element<Compute<T>>& e, int k) const {
    if constexpr (Set::scale) e.scale = scale[k];
    if constexpr (Set::alpha) e.f.alpha = alpha[k];
    if constexpr (Set::limits) e.f.threshold = threshold[k];
    if constexpr (Set::limits) e.f.max_value = max_value[k];
  }
};

/// In the place of parameters that are not loaded yet, and an alpha that all lanes of an item have.
struct NotLoaded {};
template <class C>
struct OneAlpha {
  C alpha;

  __device__ void put(Element<C>& e, int) const { e.f.alpha = alpha; }
};

template <class Known, class ItemParameters>
__device__ const Known& known_or(const Known& known, const ItemParameters&) {
  return known;
}
template <class ItemParameters>
__device__ const ItemParameters& known_or(const NotLoaded&, const ItemParameters& loaded) {
  return loaded;
}

/// z of lane l, whose parameters are the k-th.
template <class Set, class T, class Item, class Known>
__device__ Compute<T> z_of_lane(const Operands<T>& operands, const Loaded<Item>& in, const Known& parameters, int l, int k) {
  using C = Compute<T>;
  C scale = Neutral<C>::scale, bias = Neutral<C>::bias, residual = Neutral<C>::residual;
  if constexpr (Set::scale) scale = parameters.scale[k];
  if constexpr (Set::bias) bias = parameters.bias[k];
  if constexpr (Set::residual) {
    if (!Set::general || operands.residual != nullptr) residual = in.residual.lane(l);
  }
  return fused_input<Set>(in.x.lane(l), scale, bias, residual);
}

/// Lanes whose parameters are loaded at once: half of eight, so that they fit in the registers beside each other.
template <class Set, int Lanes>
constexpr int lanes_at_once = Set::general&& Lanes == 8 ? 4 : Lanes;

/// In the place of sums that a kernel is not compiled for.
struct NothingToSum {
  static constexpr bool sums = false;
};

/// Works an item out, stores its numbers, and adds its lanes' terms to their sums; its codes are the caller's to store. `known` are the
/// parameters of its lanes, OneAlpha, or NotLoaded.
template <class Op, class Set, class Mask, class T, class Space, class Item, class Known, class Summed>
__device__ unsigned compute_and_store(const Operands<T>& operands, const Space& space, const Place& place,
                                      const Loaded<Item>& in, const Known& known, Summed&& summed) {
  using C = Compute<T>;
  constexpr bool loads = has_parameters<Set> && std::is_same_v<Known, NotLoaded>;
  constexpr int lanes = Item::lanes, part = loads ? lanes_at_once<Set, lanes> : lanes;
  const int bits = Mask::bits >= 0 ? Mask::bits : operands.mask_bits;
  C value[lanes], dz[lanes];
  unsigned codes = 0;
  Channel channel{};
  if constexpr (loads) channel = space.channel_of(place);
#pragma unroll
  for (int first = 0; first < lanes; first += part) {
    ItemParameters<Set, T, part> loaded{};
    if constexpr (loads) loaded.load(operands, space, channel);
    const auto& parameters = known_or(known, loaded);
#pragma unroll
    for (int l = first; l < first + part; ++l) {
      Element<C> e{operands.f};
      e.gain = operands.gain;
      if constexpr (Op::reads_x) e.z = z_of_lane<Set>(operands, in, parameters, l, l - first);
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
  if (!Set::general || operands.out != nullptr) Item::of(value).store(operands.out + place.out);
  if constexpr (Set::general && Op::reads_dy) {
    if (operands.dresidual != nullptr) Item::of(dz).store(operands.dresidual + place.dresidual);
  }
  return codes;
}

/// Kernels that can repeat x: General's, and the forward of PReLU, for one x under the alphas of many models.
template <class Op, class Set>
constexpr bool repeats_x = Op::reads_x && (Set::general || (Set::alpha && !Op::reads_dy));

/// Works an item of a dense or a strided call out, its codes too.
template <class Op, class Set, class Mask, class T, class Space, class Known, class Summed>
__device__ void process_item(const Operands<T>& operands, const Space& space, const Place& place,
                             const Loaded<typename Space::Item>& in, const Known& known, Summed&& summed) {
  constexpr int lanes = Space::Item::lanes;
  const unsigned codes = compute_and_store<Op, Set, Mask>(operands, space, place, in, known, summed);
  if constexpr (writes_mask<Op, Mask> && Space::is_dense)
    store_codes<lanes * Mask::bits>(operands.mask, place.mask, lanes, codes);
}

/// An item in each of N rows from `row` on, with the parameters that they share. All loads are issued before the first store: that is what
/// keeps the memory busy. (It is also why in place needs no care: an item is read and written by one thread, in this order.)
template <int N, class Op, class Set, class Mask, class T, class Space, class Rows, class Known, class Summed>
__device__ void process_rows(const Operands<T>& operands, const Space& space, Rows& rows, int row, Known&& known,
                             Summed&& summed) {
  using Item = typename Space::Item;
  Place place[N] = {};
  Loaded<Item> in[N] = {};
#pragma unroll
  for (int n = 0; n < N; ++n) {
    place[n] = rows.place(row, n);
    if constexpr (Op::reads_x) in[n].x = Item::load(operands.x + place[n].x);
    load_rest<Op, Set, Mask>(operands, place[n], in[n]);
  }
#pragma unroll
  for (int n = 0; n < N; ++n) {
    if constexpr (Space::walks && Space::is_dense) {
      if (space.walk.reloads) known.load(operands, space, space.channel_of(place[n]));
    }
    process_item<Op, Set, Mask>(operands, space, place[n], in[n], known, summed);
  }
}

}  // namespace rectify::detail
