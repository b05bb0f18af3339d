// The CPU backend's load and store policies. Elements are worked on a tile at a time; a policy hands out a pointer to a tile of its
// operand: into the tensor itself where its elements are neighbours there, else into a buffer that it fills or empties.
#pragma once

#include "isa.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/half.hpp>
#include <rectify/relu.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// isa.hpp flattens the loops around these policies; what is seldom on the way, or no matter of vectors, stays a call.
#if defined(__GNUC__)
#define RECTIFY_NOINLINE __attribute__((noinline))
#else
#define RECTIFY_NOINLINE
#endif

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

#if defined(__SSE2__)
inline void stream_line(__m128i* out, const __m128i* in) { _mm_stream_si128(out, _mm_loadu_si128(in)); }

#if defined(RECTIFY_HAS_AVX2_CLONES)
__attribute__((target("avx2"))) inline void stream_line(__m256i* out, const __m256i* in) {
  _mm256_stream_si256(out, _mm256_loadu_si256(in));
}
#endif

template <class Line>
inline void stream_lines(char* out, const char* in, std::int64_t bytes) {
  constexpr std::int64_t line = sizeof(Line);
  const auto misaligned = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(out) % line);
  std::int64_t at = std::min((line - misaligned) % line, bytes);
  std::memcpy(out, in, static_cast<std::size_t>(at));
  for (; at + line <= bytes; at += line) stream_line(reinterpret_cast<Line*>(out + at), reinterpret_cast<const Line*>(in + at));
  std::memcpy(out + at, in + at, static_cast<std::size_t>(bytes - at));
}
#endif

#if defined(RECTIFY_HAS_AVX2_CLONES)
/// Twice as wide: where memory is quick, this copying is what a tile waits for.
__attribute__((noinline, flatten, target("avx2"))) inline void stream_out_avx2(char* to, const char* from, std::int64_t bytes) {
  stream_lines<__m256i>(to, from, bytes);
}
#endif

/// Past the caches, so that the output is not first read: 8 bytes moved per float instead of 12.
RECTIFY_NOINLINE inline void stream_out(void* to, const void* from, std::int64_t bytes) {
  auto* out = static_cast<char*>(to);
  const auto* in = static_cast<const char*>(from);
#if defined(RECTIFY_HAS_AVX2_CLONES)
  if (runs_avx2()) return stream_out_avx2(out, in, bytes);
#endif
#if defined(__SSE2__)
  stream_lines<__m128i>(out, in, bytes);
#else
  std::memcpy(out, in, static_cast<std::size_t>(bytes));
#endif
}

inline void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

/// In the place of an operand that a loop is not compiled for.
template <class T>
struct Absent {
  template <class... Args>
  explicit Absent(const Args&...) {}

  bool is_direct() const { return true; }
  template <class... Args>
  T* at(Args...) const {
    return nullptr;
  }
  void finish(std::int64_t, std::int64_t) const {}
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
  Output(void* data, const Layout& layout, Slot slot, bool streams)
      : data_(static_cast<T*>(data)),
        layout_(layout),
        slot_(slot),
        buffered_(data == nullptr || !layout.run[slot] || streams) {}

  bool is_direct() const { return !buffered_; }
  T* at(std::int64_t first) { return buffered_ ? buffer_ : data_ + first; }

  void finish(std::int64_t first, std::int64_t count) {
    if (data_ == nullptr || !buffered_) return;
    if (layout_.run[slot_]) {
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
  bool buffered_;
  alignas(64) T buffer_[tile_elements<T>];
};

/// A mask's packed bits. Where one is written and is a run, tiles start at whole bytes of it.
template <class T>
class MaskTile {
 public:
  explicit MaskTile(const Elementwise& call)
      : data_(static_cast<unsigned char*>(call.mask)), bits_(call.mask_bits), layout_(call.layout) {}

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
