// From load to store: what a thread does with an item (a pack or a single element) of every tensor, and with several items in
// flight. Called by elementwise_kernel.cuh and sums_kernel.cuh; loads by operands.cuh, computes by core/element_ops.hpp.
#pragma once

#include "operands.cuh"

#include <cstdint>
#include <type_traits>

namespace rectify::detail {

template <class Op, class Mask>
constexpr bool writes_mask = Mask::bits != 0 && !Op::reads_mask;

/// Loads the operands of an item other than x. (x is loaded apart, once for all repeats.)
template <class Op, class Set, class Mask, class T, class Item>
__device__ void load_rest(const Operands<T>& operands, const Place& place, Loaded<Item>& in) {
  if constexpr (Op::reads_dy) in.dy = Item::load(operands.dy + place.dy);
  if constexpr (Op::reads_mask) in.codes = load_codes<Item::lanes, Mask>(operands.mask, operands.mask_bits, place.mask);
  if constexpr (Set::residual && Op::reads_x) {
    if (!Set::general || operands.residual != nullptr) in.residual = Item::load(operands.residual + place.residual);
  }
}

/// Whether a kernel loads parameter tensors.
template <class Set>
constexpr bool has_parameters = Set::parameters != 0;

/// The parameters of an item's lanes: those of the set.
template <class Set, class T, int L>
struct ItemParameters {
  Compute<T> values[parameter_kinds][L];

  template <class Space>
  __device__ void load(const Operands<T>& operands, const Space& space, Channel channel) {
    const Element<Compute<T>> absent{operands.scalars};
    for_each_parameter<Set>([&](auto tag) {
      constexpr ParameterKind kind = decltype(tag)::kind;
      load_parameter<T>(operands.parameters[kind], parameter_of<kind>(absent), space, channel, values[kind]);
    });
  }

  /// Copies the k-th parameters into the inputs of an element.
  __device__ void copy_to(Element<Compute<T>>& e, int k) const {
    for_each_parameter<Set>([&](auto tag) {
      constexpr ParameterKind kind = decltype(tag)::kind;
      parameter_of<kind>(e) = values[kind][k];
    });
  }
};

/// One alpha for all lanes of an item, instead of ItemParameters.
template <class C>
struct OneAlpha {
  C alpha;

  __device__ void copy_to(Element<C>& e, int) const { e.f.alpha = alpha; }
};

/// Passed instead of parameters if the caller has not loaded any: the item then loads its own.
struct NotLoaded {};

/// The caller's parameters, if there are any, otherwise those that the item has loaded.
template <class Parameters, class ItemParameters>
__device__ const Parameters& callers_or_own(const Parameters& callers, const ItemParameters&) {
  return callers;
}
template <class ItemParameters>
__device__ const ItemParameters& callers_or_own(const NotLoaded&, const ItemParameters& own) {
  return own;
}

/// z of lane l, whose parameters are set.
template <class Set, class T, class Item>
__device__ Compute<T> z_of_lane(const Operands<T>& operands, const Loaded<Item>& in, const Element<Compute<T>>& e, int l) {
  Compute<T> residual = no_residual<Compute<T>>;
  if constexpr (Set::residual) {
    if (!Set::general || operands.residual != nullptr) residual = in.residual.lane(l);
  }
  return fused_input<Set>(in.x.lane(l), e, residual);
}

/// Lanes whose parameters are loaded at once. In General kernels the parameters of eight lanes do not fit in the registers, so
/// they are loaded in two halves.
template <class Set, int Lanes>
constexpr int lanes_at_once = Set::general&& Lanes == 8 ? 4 : Lanes;

/// Passed instead of LaneSums (sums_kernel.cuh) by kernels without sums.
struct NothingToSum {
  static constexpr bool sums = false;
};

/// Computes an item, stores its outputs and adds the terms of its lanes to `lane_sums`. Returns the codes of its lanes, which
/// the caller stores if a mask is written. `callers` are ItemParameters, OneAlpha or NotLoaded.
template <class Op, class Set, class Mask, class T, class Space, class Item, class Parameters, class LaneSums>
__device__ unsigned compute_and_store(const Operands<T>& operands, const Space& space, const Place& place,
                                      const Loaded<Item>& in, const Parameters& callers, LaneSums&& lane_sums) {
  using C = Compute<T>;
  constexpr bool loads = has_parameters<Set> && std::is_same_v<Parameters, NotLoaded>;
  constexpr int lanes = Item::lanes, at_once = loads ? lanes_at_once<Set, lanes> : lanes;
  const int bits = Mask::bits >= 0 ? Mask::bits : operands.mask_bits;
  C value[lanes], dz[lanes];
  unsigned codes = 0;
  Channel channel{};
  if constexpr (loads) channel = space.channel_of(place);
#pragma unroll
  for (int first = 0; first < lanes; first += at_once) {
    ItemParameters<Set, T, at_once> own{};
    if constexpr (loads) own.load(operands, space, channel);
    const auto& parameters = callers_or_own(callers, own);
#pragma unroll
    for (int l = first; l < first + at_once; ++l) {
      Element<C> e{operands.scalars};
      if constexpr (Op::reads_dy) e.dy = in.dy.lane(l);
      if constexpr (Op::reads_mask) e.piece = piece_of(in.codes >> (l * bits) & ((1u << bits) - 1));
      parameters.copy_to(e, l - first);
      if constexpr (Op::reads_x) e.z = z_of_lane<Set>(operands, in, e, l);
      const Op op;
      const Result<C> result = op(e);
      if constexpr (std::decay_t<LaneSums>::sums) {
        C x = 0;
        if constexpr (Op::reads_x) x = in.x.lane(l);
        lane_sums.add(l, Terms<C>::of(op, e, result, x));
      }
      value[l] = result.value;
      dz[l] = result.dz;
      if constexpr (writes_mask<Op, Mask>) codes |= (code_of(result.piece) & ((1u << bits) - 1)) << (l * bits);
    }
    if constexpr (at_once < lanes) {
      channel = space.channel_after(channel, at_once);
      // The compiler must not move the loads of the next lanes up, where they would need more registers.
      asm volatile("" ::: "memory");
    }
  }
  if (!Set::general || operands.out != nullptr) Item::from_lanes(value).store(operands.out + place.out);
  if constexpr (Set::general && Op::reads_dy) {
    if (operands.dresidual != nullptr) Item::from_lanes(dz).store(operands.dresidual + place.dresidual);
  }
  return codes;
}

/// Whether a kernel is compiled for a repeated x (Layout::repeats): those of General, and forward with an alpha tensor, for one
/// x under the alphas of many models.
template <class Op, class Set>
constexpr bool repeats_x = Op::reads_x && (Set::general || (Set::alpha && !Op::reads_dy));

/// Computes an item and stores its outputs; in a Dense space also its codes in a mask. (A Strided space with a mask is
/// processed in octets.)
template <class Op, class Set, class Mask, class T, class Space, class Parameters, class LaneSums>
__device__ void process_item(const Operands<T>& operands, const Space& space, const Place& place,
                             const Loaded<typename Space::Item>& in, const Parameters& parameters, LaneSums&& lane_sums) {
  constexpr int lanes = Space::Item::lanes;
  const unsigned codes = compute_and_store<Op, Set, Mask>(operands, space, place, in, parameters, lane_sums);
  if constexpr (writes_mask<Op, Mask> && Space::is_dense)
    store_codes<lanes * Mask::bits>(operands.mask, place.mask, lanes, codes);
}

/// Processes an item in each of N rows from `row` on, with the parameters that they share. All N items are loaded before the
/// first is stored, which keeps more loads in flight. An output may be the same view as an input, because one thread reads and
/// then writes an item.
template <int N, class Op, class Set, class Mask, class T, class Space, class Rows, class Parameters, class LaneSums>
__device__ void process_rows(const Operands<T>& operands, const Space& space, Rows& rows, int row, Parameters&& parameters,
                             LaneSums&& lane_sums) {
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
      if (space.walk.reloads) parameters.load(operands, space, space.channel_of(place[n]));
    }
    process_item<Op, Set, Mask>(operands, space, place[n], in[n], parameters, lane_sums);
  }
}

}  // namespace rectify::detail
