// Spaces: a space counts the items of a call (packs or single elements) and finds the place of each, its offset in every
// tensor. Dense serves contiguous tensors, Strided any layout. A space is plain data that elementwise_launch.cuh and
// sums_launch.cuh make on the host and pass to a kernel by value. packs_serve() and
// packs_serve_rows() tell which calls packs can serve.
#pragma once

#include "divisor.cuh"
#include "launch.cuh"
#include "pack.cuh"

#include "core/backend.hpp"
#include "core/sum_plan.hpp"

#include <cstdint>

namespace rectify::detail {

/// The place of an item: the offset of its first element in each tensor, in elements (of the mask too).
struct Place {
  std::int64_t x, dy, residual, out, dresidual, mask;
  std::int64_t channel;  // set by Strided, and by Dense if the repeats are the channels

  /// Moves the place by `times` indices along an axis.
  __host__ __device__ void add(const Layout::Axis& axis, std::int64_t times) {
    x += times * axis.stride[slot_x];
    dy += times * axis.stride[slot_dy];
    residual += times * axis.stride[slot_residual];
    out += times * axis.stride[slot_out];
    dresidual += times * axis.stride[slot_dresidual];
    mask += times * axis.stride[slot_mask];
    channel += times * axis.channel;
  }
};

/// The channel of an element, and how many elements of its run remain, itself included.
struct Channel {
  std::int64_t index, remaining;
};

/// The space of any layout. Here a row is the elements along the innermost axis, and items are taken from each row. Items that
/// are single elements serve every tensor. Items that are packs need packs_serve_rows(); the last elements of a row, if they do
/// not fill a pack, are edge elements, which kernels process one by one.
template <class T, class ItemType = Single<T>>
struct Strided {
  using Item = ItemType;
  static constexpr bool is_dense = false, walks = false;

  Layout layout;
  std::int64_t row_items, row_rest;  // of a row: items, and edge elements
  std::int64_t rows;
  Divisor by_row_items, by_row_rest;
  Divisor by_extent[max_rank];  // of the outer axes
  /// True if a place moves by the same offsets, `row_step`, from every row of a walk (walk.cuh) or of a part of the sums to the
  /// next row. If false, each place is located by itself.
  bool has_row_step = false;
  Place row_step{};

  explicit Strided(const Layout& call_layout) : layout(call_layout) {
    const std::int64_t extent = layout.rank > 0 ? layout.axes[layout.rank - 1].extent : 1;
    row_items = extent / Item::lanes;
    row_rest = extent % Item::lanes;
    rows = layout.elements / extent;
    by_row_items = Divisor(row_items);
    by_row_rest = Divisor(row_rest > 0 ? row_rest : 1);
    for (int axis = 0; axis < layout.rank - 1; ++axis) by_extent[axis] = Divisor(layout.axes[axis].extent);
  }

  /// Sets the step between the rows of a part of the sums, if there is one.
  void set_row_step(const SumPlan& plan) {
    if (layout.rank == 0) return;
    const Layout::Axis& innermost = layout.axes[layout.rank - 1];
    if (plan.is_long && innermost.extent % plan.inner == 0) {
      has_row_step = true;
      row_step.add(innermost, plan.row_stride());
    } else if (plan.row_stride() % elements_of_an_index() == 0) {
      set_row_step(plan.row_stride() / elements_of_an_index());
    }
  }
  /// Sets a step of `times` indices along the outermost axis.
  void set_row_step(std::int64_t times) {
    has_row_step = true;
    row_step.add(layout.axes[0], times);
  }
  /// Elements under one index of the outermost axis.
  std::int64_t elements_of_an_index() const { return layout.elements / layout.axes[0].extent; }

  __host__ __device__ std::int64_t elements() const { return layout.elements; }
  __host__ __device__ std::int64_t items() const { return rows * row_items; }
  /// Elements that are in no item.
  __device__ std::int64_t edge_elements() const { return rows * row_rest; }
  __device__ Channel channel_of(const Place& place) const { return {place.channel, 1}; }
  /// Channels from one lane of a pack to the next: 0 or 1.
  __device__ std::int64_t channels_apart() const { return layout.axes[layout.rank - 1].channel; }
  __device__ Place locate_element(std::int64_t element) const { return locate(element); }
  /// The place of the same position in the next row, if there is a row step. The channel is the same.
  __device__ Place next_row(const Place& place) const {
    return {place.x + row_step.x,
            place.dy + row_step.dy,
            place.residual + row_step.residual,
            place.out + row_step.out,
            place.dresidual + row_step.dresidual,
            place.mask + row_step.mask,
            place.channel};
  }

  __device__ Place locate(std::int64_t item) const {
    const std::int64_t row = by_row_items.quotient(item);
    return locate_in_row(row, (item - row * row_items) * Item::lanes);
  }
  __device__ Place locate_edge(std::int64_t element) const {
    const std::int64_t row = by_row_rest.quotient(element);
    return locate_in_row(row, row_items * Item::lanes + element - row * row_rest);
  }

 private:
  __device__ Place locate_in_row(std::int64_t row, std::int64_t index) const {
    Place place{};
    for (int axis = layout.rank - 1; axis >= 0; --axis) {
      place.add(layout.axes[axis], index);
      if (axis == 0) break;
      const std::int64_t outer = axis == 1 ? 0 : by_extent[axis - 1].quotient(row);
      index = row - outer * layout.axes[axis - 1].extent;
      row = outer;
    }
    return place;
  }
};

/// The space of contiguous tensors that are equally far from a 16-byte boundary (packs_serve()). Items are the packs from the
/// first boundary on; the elements before and after them are edge elements, which kernels process one by one. If x is repeated
/// (Layout::repeats), the items are the packs of x alone, and a thread processes an item under several repeats. The repeats are
/// divided into chunks, which blockIdx.y counts, and there are no edge elements.
template <class T, class ItemType = Pack<T>>
struct Dense {
  using Item = ItemType;
  static constexpr bool is_dense = true, walks = false;

  std::int64_t length;           // elements of the call; of x, if it is repeated
  std::int64_t head;             // elements before the packs
  std::int64_t body;             // elements in packs
  std::int64_t packs;            // number of packs
  std::int64_t channels, inner;  // as in Layout
  std::int64_t repeats, repeat_length;
  std::int64_t chunk;  // repeats that a block takes
  bool repeats_are_channels;
  Divisor by_channels, by_inner, by_repeat_length;

  __host__ __device__ std::int64_t items() const { return packs; }
  __host__ __device__ std::int64_t edge_elements() const { return length - body; }

  __device__ Place locate(std::int64_t item) const { return place_of(head + item * Item::lanes); }
  __device__ Place locate_element(std::int64_t element) const { return place_of(element); }
  /// The place of an item of x under the first repeat of this block's chunk.
  __device__ Place locate_repeated(std::int64_t item) const {
    if (repeats == 1) return locate(item);
    const std::int64_t x = item * Item::lanes, first = blockIdx.y * chunk;
    Place place = place_of(x + (by_repeat_length.quotient(x) * (repeats - 1) + first) * repeat_length);
    place.x = x;
    place.channel = first;
    return place;
  }
  /// The place of an edge element. Edge elements are numbered as if no packs were between them.
  __device__ Place locate_edge(std::int64_t element) const { return place_of(element < head ? element : element + body); }
  __device__ Place next_repeat(const Place& place) const {
    Place next = place_of(place.out + repeat_length);
    next.x = place.x;
    next.channel = place.channel + 1;
    return next;
  }
  /// Repeats in this block's chunk.
  __device__ std::int64_t repeats_here() const {
    const std::int64_t remaining = repeats - blockIdx.y * chunk;
    return remaining < chunk ? remaining : chunk;
  }

  __device__ Channel channel_of(const Place& place) const {
    if (channels == 1) return {0, length};
    if (repeats_are_channels) return {place.channel, repeat_length};
    const std::int64_t run = inner == 1 ? place.out : by_inner.quotient(place.out);
    return {run - by_channels.quotient(run) * channels, inner - (place.out - run * inner)};
  }
  /// The channel of the next run.
  __device__ Channel next_channel(Channel channel) const {
    return {channel.index + 1 == channels ? 0 : channel.index + 1, inner};
  }
  /// The channel of the element that is `elements` further on.
  __device__ Channel channel_after(Channel channel, int elements) const {
    if (inner == 1 && channel.index + elements < channels) return {channel.index + elements, 1};
    for (; channels > 1 && channel.remaining <= elements; channel = next_channel(channel))
      elements -= static_cast<int>(channel.remaining);
    return {channel.index, channel.remaining - elements};
  }

 private:
  __device__ static Place place_of(std::int64_t element) { return {element, element, element, element, element, element, 0}; }
};

/// The pack of kernels with many parameters or sums: half a pack of a 16-bit type, because the parameters of eight lanes do not
/// fit in the registers.
template <class T>
using SmallPack = Pack<T, sizeof(T) == 2 ? 8 : 16>;

/// The blocks that a call with repeats is divided into, by chunks of the repeats: enough to keep every multiprocessor at work;
/// more would load x more often.
constexpr std::int64_t blocks_wanted = 4096;

/// Bytes from the last 16-byte boundary to an address.
inline std::uintptr_t past_boundary(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % sizeof(Words<16>); }

/// Bytes from the last 16-byte boundary to the data of the tensors, which are the same for all tensors of a call that
/// packs_serve() accepts.
inline std::uintptr_t misalignment(const Elementwise& call) {
  return past_boundary(call.out != nullptr ? call.out : call.dresidual != nullptr ? call.dresidual : call.x);
}

/// True if packs can serve a call in a Dense space: every tensor is contiguous, and all are equally far from a 16-byte
/// boundary. With a mask, or if x is repeated, packs begin with element 0, so the tensors must begin on such a boundary. A
/// repeated x must have whole packs in each repeat, or the packs of whole warps if a mask is written.
template <class T>
bool packs_serve(const Elementwise& call, bool writes_mask) {
  constexpr std::int64_t lanes = Pack<T>::lanes, warp = 32 * lanes;
  const Layout& layout = call.layout;
  bool contiguous = true;
  for (int slot = 0; slot < slot_count; ++slot)
    contiguous = contiguous && (layout.contiguous[slot] || (slot == slot_x && layout.repeats > 1));
  const std::uintptr_t common = misalignment(call);
  bool equally_misaligned = true;
  for (const void* p :
       {call.x, call.dy, call.residual, static_cast<const void*>(call.out), static_cast<const void*>(call.dresidual)})
    equally_misaligned = equally_misaligned && (p == nullptr || past_boundary(p) == common);
  const bool mask_of_pairs =
      lanes * call.mask_bits == 16;  // a pack has two bytes of it, which are read and written as one word
  const bool from_a_boundary = common == 0 && (!mask_of_pairs || past_boundary(call.mask) % 2 == 0);
  const bool whole_packs = layout.repeat_length % (writes_mask ? warp : lanes) == 0;
  return contiguous && equally_misaligned && ((call.mask == nullptr && layout.repeats == 1) || from_a_boundary) &&
         (layout.repeats == 1 || whole_packs);
}

/// True if packs can serve the rows of a Strided space: there is no mask, and in every tensor each row is contiguous, has at
/// least one pack, and begins on a boundary of a pack.
template <class Item>
bool packs_serve_rows(const Elementwise& call) {
  constexpr std::int64_t lanes = Item::lanes;
  const Layout& layout = call.layout;
  if (call.mask != nullptr || layout.rank == 0 || layout.axes[layout.rank - 1].extent < lanes) return false;
  const void* const data[] = {call.x, call.dy, call.residual, call.out, call.dresidual};
  for (int slot = 0; slot < slot_mask; ++slot) {
    if (data[slot] == nullptr) continue;
    if (reinterpret_cast<std::uintptr_t>(data[slot]) % sizeof(Item) != 0 || layout.axes[layout.rank - 1].stride[slot] != 1)
      return false;
    for (int axis = 0; axis < layout.rank - 1; ++axis) {
      if (layout.axes[axis].stride[slot] % lanes != 0) return false;
    }
  }
  return true;
}

/// The space of a call that packs_serve() accepts.
template <class T, class Item = Pack<T>>
Dense<T, Item> make_dense(const Elementwise& call, bool writes_mask) {
  constexpr std::int64_t lanes = Item::lanes;
  const Layout& layout = call.layout;
  Dense<T, Item> space{};
  space.length = layout.elements / layout.repeats;
  const auto misaligned = static_cast<std::int64_t>(misalignment(call) / sizeof(T));
  space.head = std::min((lanes - misaligned % lanes) % lanes, space.length);
  const std::int64_t whole = writes_mask ? 32 * lanes : lanes;  // store_codes() takes a whole warp
  space.body = (space.length - space.head) / whole * whole;
  space.packs = space.body / lanes;
  space.channels = layout.channels;
  space.inner = layout.inner;
  space.repeats = layout.repeats;
  space.repeat_length = layout.repeat_length;
  space.repeats_are_channels = layout.repeats_are_channels();
  if (layout.channels > 1) {
    space.by_channels = Divisor(layout.channels);
    space.by_inner = Divisor(layout.inner);
  }
  if (layout.repeats > 1) space.by_repeat_length = Divisor(layout.repeat_length);
  const std::int64_t blocks = blocks_for(space.items(), 1);
  space.chunk =
      std::clamp<std::int64_t>(quotient(layout.repeats * std::min(blocks, blocks_wanted), blocks_wanted), 1, layout.repeats);
  return space;
}

}  // namespace rectify::detail
