// Where a kernel's elements lie. A space counts items (packs or single elements) and finds the place of each in every tensor.
// Plain data, passed to kernels by value.
#pragma once

#include "launch.cuh"
#include "pack.cuh"

#include "core/backend.hpp"
#include "core/sum_plan.hpp"

#include <cstdint>

namespace rectify::detail {

/// A 64-bit division costs four times one of 32 bits; the branch is the same for all threads of all but the largest calls.
__host__ __device__ inline std::int64_t quotient(std::int64_t n, std::int64_t by) {
  const bool narrow = ((n | by) >> 32) == 0;
  return narrow ? static_cast<std::uint32_t>(n) / static_cast<std::uint32_t>(by) : n / by;
}

/// Division by a number that is the same for a whole call: below 2^31 a multiplication and a shift (Granlund and Montgomery, "Division by
/// invariant integers using multiplication", 1994), a division above.
struct Divisor {
  std::int64_t by = 1;
  std::uint32_t multiplier = 1;
  int shift = 0;

  Divisor() = default;
  explicit Divisor(std::int64_t divisor) : by(divisor) {
    while (shift < 31 && (std::int64_t{1} << shift) < by) ++shift;
    const std::uint64_t power = std::uint64_t{1} << shift, d = static_cast<std::uint64_t>(by);
    multiplier = power < d ? 0 : static_cast<std::uint32_t>(((power - d) << 32) / d + 1);  // 0: all below 2^31 is below d
  }

  __device__ std::int64_t quotient(std::int64_t n) const {
    if (n >> 31 != 0) return n / by;
    const auto low = static_cast<std::uint32_t>(n);
    return (__umulhi(low, multiplier) + low) >> shift;
  }
};

/// An item's first element in each tensor, in elements from its data.
struct Place {
  std::int64_t x, dy, residual, out, dresidual, mask;
  std::int64_t channel;  // of Strided; of Dense where the repeats are the channels

  /// `times` steps of one index along an axis.
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

/// The channel of an element, and how many elements from it on are of the same.
struct Channel {
  std::int64_t index, left;
};

/// Any layout: items are parts of rows along the innermost axis, found by their number. Single elements serve every tensor; packs those
/// whose rows are neighbours and begin on 16-byte boundaries, and what does not fill a pack at the end of a row is left to single ones.
template <class T, class ItemType = Single<T>>
struct Strided {
  using Item = ItemType;
  static constexpr bool is_dense = false, walks = false;

  Layout layout;
  std::int64_t row_items, row_rest;  // along the innermost axis: items, and elements that are left
  std::int64_t rows;
  Divisor by_row_items, by_row_rest;
  Divisor by_extent[max_rank];  // of the other axes
  bool steps = false;  // from each row to the next (of a walk, or of a part of the sums) every tensor is `step` further
  Place step{};

  explicit Strided(const Layout& of) : layout(of) {
    const std::int64_t extent = layout.rank > 0 ? layout.axes[layout.rank - 1].extent : 1;
    row_items = extent / Item::lanes;
    row_rest = extent % Item::lanes;
    rows = layout.elements / extent;
    by_row_items = Divisor(row_items);
    by_row_rest = Divisor(row_rest > 0 ? row_rest : 1);
    for (int axis = 0; axis < layout.rank - 1; ++axis) by_extent[axis] = Divisor(layout.axes[axis].extent);
  }

  /// Rows are those of a part of the sums.
  void set_step(const SumPlan& plan) {
    if (layout.rank == 0) return;
    const Layout::Axis& innermost = layout.axes[layout.rank - 1];
    if (plan.is_long && innermost.extent % plan.inner == 0) {
      steps = true;
      step.add(innermost, plan.row_stride());
    } else if (plan.row_stride() % elements_of_an_index() == 0) {
      set_step(plan.row_stride() / elements_of_an_index());
    }
  }
  /// Rows are `times` indices of the outermost axis apart.
  void set_step(std::int64_t times) {
    steps = true;
    step.add(layout.axes[0], times);
  }
  std::int64_t elements_of_an_index() const { return layout.elements / layout.axes[0].extent; }

  __host__ __device__ std::int64_t elements() const { return layout.elements; }
  __host__ __device__ std::int64_t items() const { return rows * row_items; }
  /// Elements that no item has.
  __device__ std::int64_t edge_elements() const { return rows * row_rest; }
  __device__ Channel channel_of(const Place& place) const { return {place.channel, 1}; }
  /// Channels from a lane of a pack to the next.
  __device__ std::int64_t channels_apart() const { return layout.axes[layout.rank - 1].channel; }
  __device__ Place locate_element(std::int64_t element) const { return locate(element); }
  /// The same position in the next row of a part, where rows are `step` apart.
  __device__ Place next_row(const Place& at) const {
    return {at.x + step.x,       at.dy + step.dy, at.residual + step.residual, at.out + step.out, at.dresidual + step.dresidual,
            at.mask + step.mask, at.channel};
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
    Place at{};
    for (int axis = layout.rank - 1; axis >= 0; --axis) {
      at.add(layout.axes[axis], index);
      if (axis == 0) break;
      const std::int64_t outer = axis == 1 ? 0 : by_extent[axis - 1].quotient(row);
      index = row - outer * layout.axes[axis - 1].extent;
      row = outer;
    }
    return at;
  }
};

/// Every tensor one run of neighbours in one order, all misaligned alike: items from the first 16-byte boundary on, and single
/// elements before and after. x may repeat instead (Layout::repeats); its packs are then the items, blockIdx.y counts chunks of
/// the repeats, and there is no edge.
template <class T, class ItemType = Pack<T>>
struct Dense {
  using Item = ItemType;
  static constexpr bool is_dense = true, walks = false;

  std::int64_t length;  // elements, of x where it repeats
  std::int64_t head;    // before the packs
  std::int64_t body;    // in packs
  std::int64_t packs;   // their number
  std::int64_t channels, inner;
  std::int64_t repeats, repeat_length, chunk;
  bool repeats_are_channels;
  Divisor by_channels, by_inner, by_repeat_length;

  __host__ __device__ std::int64_t items() const { return packs; }
  __host__ __device__ std::int64_t edge_elements() const { return length - body; }

  __device__ Place locate(std::int64_t item) const { return place_of(head + item * Item::lanes); }
  __device__ Place locate_element(std::int64_t element) const { return place_of(element); }
  /// Where x repeats: an item of x under the first repeat of this block's chunk.
  __device__ Place locate_repeated(std::int64_t item) const {
    if (repeats == 1) return locate(item);
    const std::int64_t x = item * Item::lanes, first = blockIdx.y * chunk;
    Place place = place_of(x + (by_repeat_length.quotient(x) * (repeats - 1) + first) * repeat_length);
    place.x = x;
    place.channel = first;
    return place;
  }
  /// The edges count without the packs between them.
  __device__ Place locate_edge(std::int64_t element) const { return place_of(element < head ? element : element + body); }
  __device__ Place next_repeat(const Place& place) const {
    Place next = place_of(place.out + repeat_length);
    next.x = place.x;
    next.channel = place.channel + 1;
    return next;
  }
  __device__ std::int64_t repeats_here() const {
    const std::int64_t left = repeats - blockIdx.y * chunk;
    return left < chunk ? left : chunk;
  }

  __device__ Channel channel_of(const Place& place) const {
    if (channels == 1) return {0, length};
    if (repeats_are_channels) return {place.channel, repeat_length};
    const std::int64_t stretch = inner == 1 ? place.out : by_inner.quotient(place.out);
    return {stretch - by_channels.quotient(stretch) * channels, inner - (place.out - stretch * inner)};
  }
  /// The channel of the element where `at` ends.
  __device__ Channel next_channel(Channel at) const { return {at.index + 1 == channels ? 0 : at.index + 1, inner}; }
  /// The channel `elements` further on.
  __device__ Channel channel_after(Channel at, int elements) const {
    if (inner == 1 && at.index + elements < channels) return {at.index + elements, 1};
    for (; channels > 1 && at.left <= elements; at = next_channel(at)) elements -= static_cast<int>(at.left);
    return {at.index, at.left - elements};
  }

 private:
  __device__ static Place place_of(std::int64_t element) { return {element, element, element, element, element, element, 0}; }
};

/// Half a pack of a 16-bit type: where there are many parameters, those of eight lanes do not fit in the registers.
template <class T>
using SmallPack = Pack<T, sizeof(T) == 2 ? 8 : 16>;

/// Blocks over chunks of the repeats: few enough that x is seldom loaded again, enough that every multiprocessor has some.
constexpr std::int64_t blocks_wanted = 4096;

inline std::uintptr_t past_boundary(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % sizeof(Words<16>); }

/// Bytes from a 16-byte boundary to the tensors' data, where packs_serve: then it is the same for all.
inline std::uintptr_t misalignment(const Elementwise& call) {
  return past_boundary(call.out != nullptr ? call.out : call.dresidual != nullptr ? call.dresidual : call.x);
}

/// True where packs can serve the call: one run of neighbours, and every tensor equally far from a 16-byte boundary. With a mask, or
/// where x repeats, packs begin with element 0, so the tensors must begin on such a boundary. Rows of x are whole packs, or those
/// of whole warps where a mask is written.
template <class T>
bool packs_serve(const Elementwise& call, bool writes_mask) {
  constexpr std::int64_t lanes = Pack<T>::lanes, warp = 32 * lanes;
  const Layout& layout = call.layout;
  bool runs = true;
  for (int slot = 0; slot < slot_count; ++slot)
    runs = runs && (layout.contiguous[slot] || (slot == slot_x && layout.repeats > 1));
  const std::uintptr_t common = misalignment(call);
  bool alike = true;
  for (const void* p :
       {call.x, call.dy, call.residual, static_cast<const void*>(call.out), static_cast<const void*>(call.dresidual)})
    alike = alike && (p == nullptr || past_boundary(p) == common);
  const bool mask_of_pairs = lanes * call.mask_bits == 16;  // bytes, which are read and written as one
  const bool from_a_boundary = common == 0 && (!mask_of_pairs || past_boundary(call.mask) % 2 == 0);
  const bool whole_rows = layout.repeat_length % (writes_mask ? warp : lanes) == 0;
  return runs && alike && ((call.mask == nullptr && layout.repeats == 1) || from_a_boundary) &&
         (layout.repeats == 1 || whole_rows);
}

/// True where packs can serve the rows along the innermost axis of a call without a mask: each a run of a pack at least, that begins on
/// a boundary of a pack in every tensor.
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

template <class T, class Item = Pack<T>>
Dense<T, Item> make_dense(const Elementwise& call, bool writes_mask) {
  constexpr std::int64_t lanes = Item::lanes;
  const Layout& layout = call.layout;
  Dense<T, Item> space{};
  space.length = layout.elements / layout.repeats;
  const auto misaligned = static_cast<std::int64_t>(misalignment(call) / sizeof(T));
  space.head = std::min((lanes - misaligned % lanes) % lanes, space.length);
  const std::int64_t whole = writes_mask ? 32 * lanes : lanes;  // whole warps, which put their bits together
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
