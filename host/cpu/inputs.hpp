// What a thread of the CPU backend reads. A loop wants whole groups of elements, one behind the other in memory: where a tensor has them
// so it gets the tensor itself, else a tile of them that is put together here.
#pragma once

#include "loop.hpp"

#include <rectify/detail/backend.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// Of every buffer that elements are put together in. Larger tiles stream slower: docs/design.md, "CPU stores".
template <class T>
constexpr std::int64_t tile_elements = 1024 / sizeof(Compute<T>);

/// f(done, n, place) for each run along the innermost axis of the `count` elements from `first` on: `n` of them, the first of them `place`
/// elements into the tensor. For layouts of rank 1 and above.
template <class F>
void for_each_run(const Layout& layout, Slot slot, std::int64_t first, std::int64_t count, const F& f) {
  std::int64_t index[max_rank], place = 0;
  const int inner = layout.rank - 1;
  for (int axis = inner; axis >= 0; first /= layout.axes[axis--].extent) {
    index[axis] = first % layout.axes[axis].extent;
    place += index[axis] * layout.axes[axis].stride[slot];
  }
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t n = std::min(layout.axes[inner].extent - index[inner], count - done);
    f(done, n, place);
    done += n;
    index[inner] += n;
    place += n * layout.axes[inner].stride[slot];
    for (int axis = inner; axis > 0 && index[axis] == layout.axes[axis].extent; --axis) {
      place += layout.axes[axis - 1].stride[slot] - index[axis] * layout.axes[axis].stride[slot];
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

inline std::int64_t inner_stride(const Layout& layout, Slot slot) { return layout.axes[layout.rank - 1].stride[slot]; }

/// x, dy or residual; or none, of which nothing is asked.
template <class T>
class Input {
 public:
  Input(const void* data, const Layout& layout, Slot slot) : data_(static_cast<const T*>(data)), layout_(layout), slot_(slot) {}

  /// True where a stretch may be of any length; else of a tile.
  bool is_direct() const { return data_ == nullptr || layout_.run[slot_]; }

  /// Of `count` elements from there on, how many a stretch may have: those that are neighbours, or a tile.
  std::int64_t longest(std::int64_t first, std::int64_t count) const {
    if (is_direct()) return count;
    const std::int64_t extent = layout_.axes[layout_.rank - 1].extent;
    const std::int64_t neighbours =
        inner_stride(layout_, slot_) == 1 && extent > tile_elements<T> ? extent - first % extent : 0;
    return std::min(count, std::max(neighbours, tile_elements<T>));
  }

  const T* at(std::int64_t first, std::int64_t count) {
    if (data_ == nullptr) return nullptr;
    if (is_direct() && count >= group) return data_ + first;
    if (count < group) std::fill_n(buffer_, group, T(0.f));
    const T* tile = buffer_;
    if (is_direct()) {
      std::copy_n(data_ + first, count, buffer_);
    } else {
      const std::int64_t stride = inner_stride(layout_, slot_);
      for_each_run(layout_, slot_, first, count, [&](std::int64_t done, std::int64_t n, std::int64_t place) {
        if (n == count && stride == 1 && count >= group) {
          tile = data_ + place;
        } else {
          for (std::int64_t i = 0; i < n; ++i) buffer_[done + i] = data_[place + i * stride];
        }
      });
    }
    return tile;
  }

 private:
  const T* data_;
  const Layout& layout_;
  Slot slot_;
  alignas(line_bytes) T buffer_[tile_elements<T>];
};

/// A mask's packed bits. One that is written is a run, and stretches start at whole bytes of it.
template <class T>
class MaskBits {
 public:
  explicit MaskBits(const Elementwise& call)
      : data_(static_cast<unsigned char*>(call.mask)), bits_(call.mask_bits), layout_(call.layout) {}

  /// True where the stretch from there on may be of any length.
  bool is_direct(std::int64_t first) const { return data_ == nullptr || (layout_.run[slot_mask] && first * bits_ % 8 == 0); }

  unsigned char* at(std::int64_t first, std::int64_t count) {
    if (data_ == nullptr) return nullptr;
    if (is_direct(first) && count >= group) return data_ + first * bits_ / 8;
    layout_.run[slot_mask] ? shift(first * bits_, count * bits_) : gather(first, count);
    return buffer_;
  }

  /// Of a mask that is written, the last elements: less than a group.
  void finish_rest(std::int64_t first, std::int64_t count) {
    const std::int64_t bits = count * bits_;
    if (bits % 8 != 0) buffer_[bits / 8] &= static_cast<unsigned char>((1 << bits % 8) - 1);
    std::copy_n(buffer_, (bits + 7) / 8, data_ + first * bits_ / 8);
  }

 private:
  void shift(std::int64_t bit, std::int64_t bits) {
    const unsigned char* const from = data_ + bit / 8;
    const int by = static_cast<int>(bit % 8);
    const std::int64_t last = (by + bits - 1) / 8;  // of the bytes to read
    for (std::int64_t i = 0; i * 8 < bits; ++i)
      buffer_[i] = static_cast<unsigned char>((from[i] | (i < last ? from[i + 1] : 0u) << 8) >> by);
  }

  void gather(std::int64_t first, std::int64_t count) {
    const std::int64_t stride = inner_stride(layout_, slot_mask);
    std::memset(buffer_, 0, sizeof buffer_);
    for_each_run(layout_, slot_mask, first, count, [&](std::int64_t done, std::int64_t n, std::int64_t place) {
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t in = (place + i * stride) * bits_, out = (done + i) * bits_;
        buffer_[out / 8] |= static_cast<unsigned char>((data_[in / 8] >> in % 8 & (bits_ == 1 ? 1 : 3)) << out % 8);
      }
    });
  }

  unsigned char* data_;
  int bits_;
  const Layout& layout_;
  unsigned char buffer_[tile_elements<T> / 4];
};

}  // namespace rectify::detail
