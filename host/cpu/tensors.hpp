// What a thread of the CPU backend reads and writes of tensors and of a mask. A loop wants elements one behind the other in memory, in
// whole groups: where a tensor has them so it gets the tensor itself, else a tile that is put together here, or taken apart.
#pragma once

#include "loop.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// Elements of a tile: the buffer that elements are put together in.
template <class T>
constexpr std::int64_t tile_elements = 1024 / sizeof(Compute<T>);

/// Where a call's elements are in one of its tensors. An absent tensor is a run.
struct ElementOffsets {
  const Layout& layout;
  Slot slot;

  bool is_contiguous() const { return layout.contiguous[slot]; }

  std::int64_t offset_of(std::int64_t element) const {
    if (is_contiguous()) return element;
    std::int64_t place = 0;
    for (int axis = layout.rank - 1; axis >= 0; element /= layout.axes[axis--].extent)
      place += element % layout.axes[axis].extent * layout.axes[axis].stride[slot];
    return place;
  }

  /// f(i, place) for each of the `count` elements from `first` on.
  template <class F>
  [[gnu::noinline]] void for_each(std::int64_t first, std::int64_t count, const F& f) const {
    std::int64_t place = offset_of(first), n = along_the_inner_axis(first, count),
                 left = 0;  // runs in the next axis whose places follow
    for (std::int64_t done = 0;;) {
      const std::int64_t stride = inner_stride();
      for (std::int64_t i = 0; i < n; ++i) f(done + i, place + i * stride);
      if ((done += n) == count) return;
      const Layout::Axis &inner = layout.axes[layout.rank - 1], &next = layout.axes[layout.rank - 2];
      n = std::min(inner.extent, count - done);
      place = left > 0 ? place + next.stride[slot] : offset_of(first + done);
      left = left > 0 ? left - 1 : next.extent - 1 - (first + done) / inner.extent % next.extent;
    }
  }

  /// Of `count` elements from there on, those that are neighbours.
  std::int64_t neighbours(std::int64_t first, std::int64_t count) const {
    return inner_stride() == 1 ? along_the_inner_axis(first, count) : 0;
  }

  std::int64_t inner_stride() const { return is_contiguous() ? 1 : layout.axes[layout.rank - 1].stride[slot]; }
  std::int64_t along_the_inner_axis(std::int64_t first, std::int64_t count) const {
    if (is_contiguous()) return count;
    const std::int64_t extent = layout.axes[layout.rank - 1].extent;
    return std::min(count, extent - first % extent);
  }
};

/// x, dy, residual, y, dx or dresidual; or none. Where a loop can't have a tensor's elements in place it has `buffer_`.
template <class T>
class TiledTensor : ElementOffsets {
 public:
  TiledTensor(const void* data, const Layout& of_call, Slot of_tensor)
      : ElementOffsets{of_call, of_tensor}, data_(static_cast<T*>(const_cast<void*>(data))) {}

  /// Of `count` elements from there on, how many one stretch may have.
  std::int64_t longest(std::int64_t first, std::int64_t count) const {
    return std::min(count, std::max(neighbours(first, count), tile_elements<T>));
  }

  T* to_read(std::int64_t first, std::int64_t count) {
    T* const to = to_write(first, count);
    if (to != buffer_) return to;
    if (count < group) std::fill_n(buffer_, group, T(0.f));
    for_each(first, count, [this](std::int64_t i, std::int64_t place) { buffer_[i] = data_[place]; });
    return buffer_;
  }

  T* to_write(std::int64_t first, std::int64_t count) {
    if (data_ == nullptr) return nullptr;
    return count >= group && neighbours(first, count) == count ? data_ + offset_of(first) : buffer_;
  }

  /// Whether a loop may write there past the caches, in rows so many elements apart. Not in place: there the lines are in them anyway.
  bool streams(const Elementwise& call, const void* to, std::int64_t stride) const {
    const bool in_place = data_ == call.x || data_ == call.dy || data_ == call.residual;
    constexpr std::int64_t from_bytes = 8 << 20, size = sizeof(T);  // less still fits a cache, and is read soon
    return to != nullptr && to != buffer_ && !in_place && call.layout.elements >= from_bytes / size &&
           reinterpret_cast<std::uintptr_t>(to) % stream_bytes == 0 && stride * size % stream_bytes == 0;
  }

  /// After the loop that wrote there.
  void scatter(const void* written, std::int64_t first, std::int64_t count) {
    if (written != buffer_) return;
    for_each(first, count, [this](std::int64_t i, std::int64_t place) { data_[place] = buffer_[i]; });
  }

 private:
  T* data_;
  alignas(line_bytes) T buffer_[tile_elements<T>];
};

/// A mask's packed bits. One that is written is a run, and stretches start at whole bytes of it.
template <class T>
class TiledMask : ElementOffsets {
 public:
  explicit TiledMask(const Elementwise& call)
      : ElementOffsets{call.layout, slot_mask}, data_(static_cast<unsigned char*>(call.mask)), bits_(call.mask_bits) {}

  /// True where the stretch from there on may be of any length; else of a tile.
  bool is_direct(std::int64_t first) const { return is_contiguous() && first * bits_ % 8 == 0; }

  unsigned char* at(std::int64_t first, std::int64_t count) {
    const std::int64_t bit = first * bits_, bits = count * bits_;
    if (data_ == nullptr || (is_direct(first) && count >= group)) return data_ + bit / 8;
    if (is_contiguous()) {
      const unsigned char* const from = data_ + bit / 8;
      const std::int64_t by = bit % 8, last = (by + bits - 1) / 8;  // of the bytes to read
      for (std::int64_t i = 0; i * 8 < bits; ++i)
        buffer_[i] = static_cast<unsigned char>((from[i] | (i < last ? from[i + 1] : 0u) << 8) >> by);
      return buffer_;
    }
    std::memset(buffer_, 0, sizeof buffer_);
    for_each(first, count, [this](std::int64_t i, std::int64_t place) {
      const std::int64_t in = place * bits_, out = i * bits_;
      buffer_[out / 8] |= static_cast<unsigned char>((data_[in / 8] >> in % 8 & (bits_ == 1 ? 1 : 3)) << out % 8);
    });
    return buffer_;
  }

  /// Of a mask that is written, the last elements, less than a group; or of none.
  void store_tail(std::int64_t first, std::int64_t count) {
    const std::int64_t bits = count * bits_;
    if (data_ == nullptr) return;
    if (bits % 8 != 0) buffer_[bits / 8] &= static_cast<unsigned char>((1 << bits % 8) - 1);
    std::copy_n(buffer_, (bits + 7) / 8, data_ + first * bits_ / 8);
  }

 private:
  unsigned char* data_;
  int bits_;
  unsigned char buffer_[tile_elements<T> / 4];
};

}  // namespace rectify::detail
