// The CPU backend's store policy of numbers: into the tensor where its elements are neighbours there, past the caches where it is larger
// than those; else from a buffer.
#pragma once

#include "cpu_streams.hpp"
#include "cpu_tiles.hpp"

#include <rectify/detail/backend.hpp>

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// y, dx or dresidual of a kind of loop, in rows that are walked side by side; where absent, tiles are worked out and dropped. Streams go
/// in whole vectors: what a tile leaves of one waits for the next tile of its row. A line of memory that is written past the caches in
/// part, and in part into them, costs as much as several.
template <class K, int MostRows>
class Output {
  using T = typename K::T;
  static constexpr std::int64_t before = line_bytes / sizeof(T), size = static_cast<std::int64_t>(sizeof(T));
  static constexpr std::int64_t buffer_stride = before + tile_elements<T>;  // of a row: what is left, then a tile

 public:
  /// `by_loop`: the loop itself streams, where it can.
  Output(void* data, const Layout& layout, Slot slot, bool streams, bool by_loop)
      : data_(static_cast<T*>(data)),
        layout_(layout),
        slot_(slot),
        is_run_(data != nullptr && layout.run[slot]),
        streams_(is_run_ && streams),
        by_loop_(by_loop) {}
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// May follow finish_streams(): what is left is stored, not streamed.
  ~Output() {
    for (int row = 0; row < MostRows; ++row) flush(row);
  }

  /// True where any tile is in place and needs no finish().
  bool is_direct() const { return is_run_ && !streams_; }

  /// Of `count` elements from there on, how many a tile may have: whole lines, where the loop streams them.
  std::int64_t longest(const TileRows& rows, std::int64_t first, std::int64_t count) const {
    if (is_direct()) return count;
    if (!streams_ || !by_loop_ || count < K::line) return std::min(count, tile_elements<T>);
    if (goes_on(rows, first)) return count / K::line * K::line;
    return K::cuts_anywhere ? elements_to_store(data_ + first) : K::line;
  }

  /// For a tile that may be so long. finish() is to follow: it empties the buffer, if the tile is there.
  TileOut<T> at(const TileRows& rows, std::int64_t first, std::int64_t count) {
    if (is_direct()) return {data_ + first, rows.stride, false, nullptr, 0};
    for (int k = 0; k < rows.count; ++k) {
      if (rows_[rows.first + k].next != first + k * rows.stride) flush(rows.first + k);
    }
    T* const buffer = buffer_[rows.first] + before;
    if (!streams_ || !by_loop_ || count % K::line != 0 || !goes_on(rows, first))
      return {buffer, buffer_stride, false, nullptr, 0};
    bool any_left = false;
    for (int k = 0; k < rows.count; ++k) {
      Row& row = rows_[rows.first + k];
      any_left = any_left || row.left > 0;
      row.next = first + k * rows.stride + count;
    }
    return {data_ + first, rows.stride, !any_left, any_left ? buffer : nullptr, buffer_stride};
  }

  void finish(const TileRows& rows, const T* tile, std::int64_t first, std::int64_t count) {
    if (data_ == nullptr || tile != buffer_[rows.first] + before) return;
    for (int k = 0; k < rows.count; ++k, first += rows.stride)
      is_run_ ? stream(rows.first + k, first, count) : scatter(rows.first + k, first, count);
  }

 private:
  /// The element that comes next in a row, and how many bytes before it are left: they stand before its tile.
  struct Row {
    std::int64_t next = -1, left = 0;
  };

  /// Whether the loop can stream all of the rows from there on: from a whole vector on, or from what is left, where it looks for that.
  bool goes_on(const TileRows& rows, std::int64_t first) const {
    bool goes = true;
    for (int k = rows.first; k < rows.first + rows.count; ++k, first += rows.stride)
      goes = goes && (is_at_store(data_ + first) || (!K::cuts_anywhere && rows_[k].next == first && rows_[k].left > 0));
    return goes;
  }

  static std::int64_t elements_to_store(const T* p) {
    const auto beyond = reinterpret_cast<std::uintptr_t>(p) % store_bytes;
    return static_cast<std::int64_t>((store_bytes - beyond) / sizeof(T));
  }

  void stream(int row, std::int64_t first, std::int64_t count) {
    char* const tile = reinterpret_cast<char*>(buffer_[row] + before);
    const std::int64_t old = rows_[row].left, bytes = old + count * size;
    const std::int64_t done = stream_tile(reinterpret_cast<char*>(data_ + first) - old, tile - old, bytes), left = bytes - done;
    std::memmove(tile - left, tile - old + done, static_cast<std::size_t>(left));
    rows_[row] = {first + count, left};
  }

  void flush(int row) {
    const std::int64_t left = rows_[row].left;
    if (left > 0) {
      std::memcpy(reinterpret_cast<char*>(data_ + rows_[row].next) - left,
                  reinterpret_cast<const char*>(buffer_[row] + before) - left, static_cast<std::size_t>(left));
    }
    rows_[row] = {};
  }

  RECTIFY_NOINLINE void scatter(int row, std::int64_t first, std::int64_t count) {
    const std::int64_t stride = layout_.axes[layout_.rank - 1].stride[slot_];
    for_each_stretch(layout_, first, count, [&](std::int64_t done, std::int64_t n, const std::int64_t* index) {
      T* const to = data_ + offset_of(layout_, slot_, index);
      for (std::int64_t i = 0; i < n; ++i) to[i * stride] = buffer_[row][before + done + i];
    });
  }

  T* data_;
  const Layout& layout_;
  Slot slot_;
  bool is_run_, streams_, by_loop_;
  Row rows_[MostRows];
  alignas(line_bytes) T buffer_[MostRows][buffer_stride];
};

}  // namespace rectify::detail
