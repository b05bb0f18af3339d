// Gives a loop the elements of a tensor, or the bits of a mask, as contiguous memory in whole groups. If the tensor itself is
// contiguous there, that is its own memory. Otherwise it is a tile: elements are gathered into it before the loop and scattered
// from it after. SpanRunner (thread.hpp) has one TiledTensor for each tensor of the call.
#pragma once

#include "loop.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// A tile is a buffer of so many elements on a thread's stack, 1 KiB in the compute type.
template <class T>
constexpr std::int64_t tile_elements = 1024 / sizeof(Compute<T>);

/// The offsets, in elements, of a call's elements in one of its tensors. An absent tensor counts as contiguous.
struct ElementOffsets {
  const Layout& layout;
  Slot slot;

  bool is_contiguous() const { return layout.contiguous[slot]; }

  std::int64_t offset_of(std::int64_t element) const {
    if (is_contiguous()) return element;
    std::int64_t offset = 0;
    for (int axis = layout.rank - 1; axis >= 0; element /= layout.axes[axis--].extent)
      offset += element % layout.axes[axis].extent * layout.axes[axis].stride[slot];
    return offset;
  }

  /// f(i, offset_of(element + i)) for i from 0 to count - 1. Along the two innermost axes offsets are found by additions,
  /// because offset_of divides once for each axis.
  template <class F>
  [[gnu::noinline]] void for_each_offset(std::int64_t element, std::int64_t count, const F& f) const {
    std::int64_t offset = offset_of(element), n = left_on_inner_axis(element, count);
    std::int64_t steps = 0;  // along the second innermost axis, before offset_of is needed again
    for (std::int64_t done = 0;;) {
      const std::int64_t stride = inner_stride();
      for (std::int64_t i = 0; i < n; ++i) f(done + i, offset + i * stride);
      if ((done += n) == count) return;
      const Layout::Axis &inner = layout.axes[layout.rank - 1], &next = layout.axes[layout.rank - 2];
      n = std::min(inner.extent, count - done);
      offset = steps > 0 ? offset + next.stride[slot] : offset_of(element + done);
      steps = steps > 0 ? steps - 1 : next.extent - 1 - (element + done) / inner.extent % next.extent;
    }
  }

  /// How many of the `count` elements from `element` on are contiguous; 0 if no two are.
  std::int64_t contiguous_elements(std::int64_t element, std::int64_t count) const {
    return inner_stride() == 1 ? left_on_inner_axis(element, count) : 0;
  }

  std::int64_t inner_stride() const { return is_contiguous() ? 1 : layout.axes[layout.rank - 1].stride[slot]; }
  std::int64_t left_on_inner_axis(std::int64_t element, std::int64_t count) const {
    if (is_contiguous()) return count;
    const std::int64_t extent = layout.axes[layout.rank - 1].extent;
    return std::min(count, extent - element % extent);
  }
};

/// x, dy, residual, y, dx or dresidual; possibly absent.
template <class T>
class TiledTensor : ElementOffsets {
 public:
  TiledTensor(const void* data, const Layout& layout_of_call, Slot slot_of_tensor)
      : ElementOffsets{layout_of_call, slot_of_tensor}, data_(static_cast<T*>(const_cast<void*>(data))) {}

  /// How many of the `count` elements from `element` on one span may have: those that are contiguous, or a tile.
  std::int64_t longest_span(std::int64_t element, std::int64_t count) const {
    return std::min(count, std::max(contiguous_elements(element, count), tile_elements<T>));
  }

  /// What a loop reads for these elements: the tensor, or a tile into which they are gathered; null if the tensor is absent. A
  /// partial group is padded with zeros.
  T* span_input(std::int64_t element, std::int64_t count) {
    T* const memory = span_output(element, count);
    if (memory != tile_) return memory;
    if (count < group) std::fill_n(tile_, group, T(0.f));
    for_each_offset(element, count, [this](std::int64_t i, std::int64_t offset) { tile_[i] = data_[offset]; });
    return tile_;
  }

  /// Where a loop writes these elements: the tensor, or the tile (see scatter); null if the tensor is absent.
  T* span_output(std::int64_t element, std::int64_t count) {
    if (data_ == nullptr) return nullptr;
    return count >= group && contiguous_elements(element, count) == count ? data_ + offset_of(element) : tile_;
  }

  /// True if a loop may store past the caches to `output`, a result of span_output, in rows `row_stride` elements apart. An
  /// output that is also an input uses plain stores, because its lines are in the caches anyway.
  bool may_stream(const Elementwise& call, const void* output, std::int64_t row_stride) const {
    const bool in_place = data_ == call.x || data_ == call.dy || data_ == call.residual;
    constexpr std::int64_t from_bytes = 8 << 20, size = sizeof(T);  // a smaller output still fits a cache, and is read soon
    return output != nullptr && output != tile_ && !in_place && call.layout.elements >= from_bytes / size &&
           reinterpret_cast<std::uintptr_t>(output) % stream_bytes == 0 && row_stride * size % stream_bytes == 0;
  }

  /// To be called after the loop that wrote to `output`, a result of span_output: copies the elements of a tile into the
  /// tensor.
  void scatter(const void* output, std::int64_t element, std::int64_t count) {
    if (output != tile_) return;
    for_each_offset(element, count, [this](std::int64_t i, std::int64_t offset) { data_[offset] = tile_[i]; });
  }

 private:
  T* data_;
  alignas(line_bytes) T tile_[tile_elements<T>];
};

/// The packed bits of a mask, possibly absent. A mask that is written is contiguous, and its spans start at whole bytes.
template <class T>
class TiledMask : ElementOffsets {
 public:
  explicit TiledMask(const Elementwise& call)
      : ElementOffsets{call.layout, slot_mask}, data_(static_cast<unsigned char*>(call.mask)), bits_(call.mask_bits) {}

  /// True if a span that starts at `element` may have any length. Otherwise it has at most a tile's.
  bool is_in_place(std::int64_t element) const { return is_contiguous() && element * bits_ % 8 == 0; }

  /// What a loop reads or writes for these elements: the mask itself, or a tile into which their bits are gathered.
  unsigned char* span_bits(std::int64_t element, std::int64_t count) {
    const std::int64_t bit = element * bits_, bits = count * bits_;
    if (data_ == nullptr || (is_in_place(element) && count >= group)) return data_ + bit / 8;
    if (is_contiguous()) {
      const unsigned char* const from = data_ + bit / 8;
      const std::int64_t shift = bit % 8, last = (shift + bits - 1) / 8;  // the last byte that may be read
      for (std::int64_t i = 0; i * 8 < bits; ++i)
        tile_[i] = static_cast<unsigned char>((from[i] | (i < last ? from[i + 1] : 0u) << 8) >> shift);
      return tile_;
    }
    std::memset(tile_, 0, sizeof tile_);
    for_each_offset(element, count, [this](std::int64_t i, std::int64_t offset) {
      const std::int64_t from = offset * bits_, to = i * bits_;
      tile_[to / 8] |= static_cast<unsigned char>((data_[from / 8] >> from % 8 & (bits_ == 1 ? 1 : 3)) << to % 8);
    });
    return tile_;
  }

  /// Copies the last elements of a mask that is written, fewer than a group, from the tile. Bits past them are 0. Does nothing
  /// for an absent mask.
  void store_tail(std::int64_t element, std::int64_t count) {
    const std::int64_t bits = count * bits_;
    if (data_ == nullptr) return;
    if (bits % 8 != 0) tile_[bits / 8] &= static_cast<unsigned char>((1 << bits % 8) - 1);
    std::copy_n(tile_, (bits + 7) / 8, data_ + element * bits_ / 8);
  }

 private:
  unsigned char* data_;
  int bits_;
  unsigned char tile_[tile_elements<T> / 4];
};

}  // namespace rectify::detail
