// The CPU backend's load and store policies. Elements are worked on a tile at a time; a policy hands out a pointer to a tile of its
// operand: into the tensor itself where its elements are neighbours there, else into a buffer that it fills or empties.
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
  template <class... Args>
  T* at(Args...) const {
    return nullptr;
  }
  void finish(const T*, std::int64_t, std::int64_t) const {}
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

/// y, dx or dresidual; where absent, the tile is worked out and dropped.
template <class T>
class Output {
 public:
  /// `by_loop`: the loop itself streams, where is_at_store holds of a tile.
  Output(void* data, const Layout& layout, Slot slot, bool streams, bool by_loop)
      : data_(static_cast<T*>(data)),
        layout_(layout),
        slot_(slot),
        is_run_(data != nullptr && layout.run[slot]),
        streams_(is_run_ && streams),
        by_loop_(by_loop) {}

  /// True where the tile from there on may be of any length.
  bool is_direct(std::int64_t first) const { return is_run_ && (!streams_ || (by_loop_ && is_at_store(data_ + first))); }
  /// Whether the loop is to stream what at() gave.
  bool streams(const T* tile) const { return streams_ && tile != buffer_; }
  T* at(std::int64_t first) { return is_direct(first) ? data_ + first : buffer_; }

  void finish(const T* from, std::int64_t first, std::int64_t count) {
    if (data_ == nullptr || from != buffer_) return;
    if (is_run_) {
      stream_out(data_ + first, buffer_, count * static_cast<std::int64_t>(sizeof(T)));
    } else {
      scatter(first, count);
    }
  }

 private:
  RECTIFY_NOINLINE void scatter(std::int64_t first, std::int64_t count) {
    const std::int64_t stride = layout_.axes[layout_.rank - 1].stride[slot_];
    for_each_stretch(layout_, first, count, [&](std::int64_t done, std::int64_t n, const std::int64_t* index) {
      T* const to = data_ + offset_of(layout_, slot_, index);
      for (std::int64_t i = 0; i < n; ++i) to[i * stride] = buffer_[done + i];
    });
  }

  T* data_;
  const Layout& layout_;
  Slot slot_;
  bool is_run_, streams_, by_loop_;
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
