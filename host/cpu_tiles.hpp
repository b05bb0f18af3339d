// The CPU backend's load policies, of numbers and of masks. Elements are worked on a tile at a time; a policy hands out a pointer to a
// tile of its operand: into the tensor itself where its elements are neighbours there, else into a buffer that it fills.
#pragma once

#include "cpu_streams.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/half.hpp>
#include <rectify/relu.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>

namespace rectify::detail {

template <class T>
constexpr std::int64_t tile_elements = 1024 / sizeof(T);  // larger tiles stream slower: docs/design.md, "CPU stores"

/// f(done, count, index) for each stretch along the innermost axis of the `count` elements from `first` on; `index` holds the
/// coordinates of its first. For layouts of rank 1 and above.
template <class F>
void for_each_stretch(const Layout& layout, std::int64_t first, std::int64_t count, const F& f) {
  std::int64_t index[max_rank];
  const int inner = layout.rank - 1;
  for (int axis = inner; axis >= 0; --axis) {
    index[axis] = first % layout.axes[axis].extent;
    first /= layout.axes[axis].extent;
  }
  for (std::int64_t done = 0; done < count;) {
    const std::int64_t n = std::min(layout.axes[inner].extent - index[inner], count - done);
    f(done, n, index);
    done += n;
    index[inner] += n;
    for (int axis = inner; axis > 0 && index[axis] == layout.axes[axis].extent; --axis) {
      index[axis] = 0;
      ++index[axis - 1];
    }
  }
}

inline std::int64_t offset_of(const Layout& layout, Slot slot, const std::int64_t* index) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < layout.rank; ++axis) offset += index[axis] * layout.axes[axis].stride[slot];
  return offset;
}

/// The rows that a tile has elements of: `count` of those that are walked side by side, from number `first` on, `stride` elements apart.
struct TileRows {
  int first = 0, count = 1;
  std::int64_t stride = 0;
};

/// Where a loop puts the elements of a tile.
template <class T>
struct TileOut {
  T* data;
  std::int64_t stride;  ///< from a row to the next
  bool streams;         ///< past the caches; is_at_store holds of every row
  T* end_of_left;       ///< or, if not null, by stream_on, behind what is left of the elements before
  std::int64_t left_stride;
};

/// In the place of an operand that a loop is not compiled for.
template <class T>
struct Absent {
  template <class... Args>
  explicit Absent(const Args&...) {}

  template <class... Args>
  bool is_direct(Args...) const {
    return true;
  }
  std::int64_t longest(std::int64_t) const { return std::numeric_limits<std::int64_t>::max(); }
  std::int64_t longest(const TileRows&, std::int64_t, std::int64_t count) const { return count; }
  template <class... Args>
  const T* at(Args...) const {
    return nullptr;
  }
  TileOut<T> at(const TileRows&, std::int64_t, std::int64_t) const { return {}; }
  void finish(const TileRows&, const T*, std::int64_t, std::int64_t) const {}
};

/// x, dy or residual.
template <class T>
class Input {
 public:
  /// An absent one reads as `neutral`.
  RECTIFY_NOINLINE Input(const void* data, const Layout& layout, Slot slot, Compute<T> neutral)
      : data_(static_cast<const T*>(data)), layout_(layout), slot_(slot) {
    if (data != nullptr) return;
    std::fill_n(buffer_, std::min(tile_elements<T>, layout.elements), T(neutral));
  }

  /// True where tiles may be of any length.
  bool is_direct() const { return data_ != nullptr && layout_.run[slot_]; }

  const T* at(std::int64_t first, std::int64_t count) {
    if (is_direct()) return data_ + first;
    return data_ == nullptr ? buffer_ : gathered(first, count);
  }

 private:
  RECTIFY_NOINLINE const T* gathered(std::int64_t first, std::int64_t count) {
    const std::int64_t stride = layout_.axes[layout_.rank - 1].stride[slot_];
    const T* tile = buffer_;
    for_each_stretch(layout_, first, count, [&](std::int64_t done, std::int64_t n, const std::int64_t* index) {
      const T* const from = data_ + offset_of(layout_, slot_, index);
      if (n == count && stride == 1) {
        tile = from;
        return;
      }
      for (std::int64_t i = 0; i < n; ++i) buffer_[done + i] = from[i * stride];
    });
    return tile;
  }

  const T* data_;
  const Layout& layout_;
  Slot slot_;
  alignas(64) T buffer_[tile_elements<T>];
};

/// A mask's packed bits. Where one is written and is a run, tiles start at whole bytes of it.
template <class T>
class MaskTile {
 public:
  explicit MaskTile(const Elementwise& call)
      : data_(static_cast<unsigned char*>(call.mask)), bits_(call.mask_bits), layout_(call.layout) {}

  /// True where the tile from there on may be of any length.
  bool is_direct(std::int64_t first) const { return data_ == nullptr || (layout_.run[slot_mask] && first * bits_ % 8 == 0); }

  unsigned char* at(std::int64_t first, std::int64_t count) {
    if (data_ == nullptr) return nullptr;
    if (!layout_.run[slot_mask]) return gathered(first, count);
    return first * bits_ % 8 == 0 ? data_ + first * bits_ / 8 : shifted(first * bits_, count * bits_);
  }

 private:
  RECTIFY_NOINLINE unsigned char* shifted(std::int64_t bit, std::int64_t bits) {
    const unsigned char* const from = data_ + bit / 8;
    const int by = static_cast<int>(bit % 8);
    const std::int64_t bytes = (bits + 7) / 8, last = (by + bits - 1) / 8;  // of those to read
    for (std::int64_t i = 0; i < bytes; ++i) {
      const unsigned next = i < last ? from[i + 1] : 0u;
      buffer_[i] = static_cast<unsigned char>((from[i] | next << 8) >> by);
    }
    return buffer_;
  }

  RECTIFY_NOINLINE unsigned char* gathered(std::int64_t first, std::int64_t count) {
    const std::int64_t stride = layout_.axes[layout_.rank - 1].stride[slot_mask];
    std::memset(buffer_, 0, sizeof buffer_);
    for_each_stretch(layout_, first, count, [&](std::int64_t done, std::int64_t n, const std::int64_t* index) {
      const std::int64_t from = offset_of(layout_, slot_mask, index);
      for (std::int64_t i = 0; i < n; ++i) {
        const std::int64_t in = (from + i * stride) * bits_, out = (done + i) * bits_;
        buffer_[out / 8] |= static_cast<unsigned char>((data_[in / 8] >> in % 8 & (bits_ == 1 ? 1 : 3)) << out % 8);
      }
    });
    return buffer_;
  }

  unsigned char* data_;
  int bits_;
  const Layout& layout_;
  unsigned char buffer_[tile_elements<T> / 4];
};

}  // namespace rectify::detail
