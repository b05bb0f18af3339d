// Where a thread of the CPU backend puts what its loops work out: into the tensor where its elements are neighbours there, past the caches
// where it is larger than those; else into a tile, and from there to its places.
#pragma once

#include "inputs.hpp"
#include "stream.hpp"

namespace rectify::detail {

constexpr std::int64_t stream_from_bytes = 8 << 20;  // of output; below, it still fits a cache and is read soon

/// The rows that a stretch has elements of: `count` of those that are walked side by side, from number `first` on, `stride` apart.
struct Rows {
  int first = 0, count = 1;
  std::int64_t stride = 0;
};

/// Where a loop puts the elements of a stretch.
template <class T>
struct Place {
  T* data;
  std::int64_t stride;  ///< from a row to the next
  bool streams;
};

/// y, dx or dresidual. Of y or dx that is not asked for, a tile that is dropped; of dresidual nothing. Streams that do not begin where one
/// may go through a tile, and what a tile leaves of a stream's last piece waits for the next tile of its row: a line of memory that is
/// written past the caches in part, and in part into them, costs as much as several.
template <class T>
class Output {
  static constexpr std::int64_t size = sizeof(T), before = line_bytes / size;

 public:
  /// Not past the caches in place: there the lines are in them anyway.
  Output(void* data, const Elementwise& call, Slot slot)
      : data_(static_cast<T*>(data)),
        layout_(call.layout),
        slot_(slot),
        is_run_(data == nullptr ? slot == slot_dresidual : layout_.run[slot]) {
    const bool in_place = data == call.x || data == call.dy || data == call.residual;
    streams_ = data != nullptr && is_run_ && !in_place && layout_.elements >= stream_from_bytes / size;
  }
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  /// What is left is stored, not streamed.
  ~Output() {
    for (int row = 0; row < bands; ++row) flush(row);
  }

  /// True where any stretch of whole groups is in place.
  bool is_direct() const { return is_run_ && !streams_; }

  /// Of `count` elements from there on, how many a stretch may have. `cuts`: it may end at any, so that the next begins where streams may.
  std::int64_t longest(const Rows& rows, std::int64_t first, std::int64_t count, bool cuts) const {
    if (is_direct() || may_stream(rows, first, count)) return count;
    return streams_ && cuts && count >= group ? bytes_to_stream(data_ + first) / size : std::min(count, tile_elements<T>);
  }

  Place<T> at(const Rows& rows, std::int64_t first, std::int64_t count) {
    if (is_direct() && count >= group) return {data_ == nullptr ? nullptr : data_ + first, rows.stride, false};
    for (int k = 0; k < rows.count; ++k)
      if (rows_[rows.first + k].next != first + k * rows.stride) flush(rows.first + k);
    if (may_stream(rows, first, count)) return {data_ + first, rows.stride, true};
    return {tile(rows.first), sizeof buffer_[0] / size, false};
  }

  /// Empties the tile, if the stretch went there.
  void finish(const Rows& rows, const T* place, std::int64_t first, std::int64_t count) {
    if (place != tile(rows.first) || data_ == nullptr) return;
    for (int row = rows.first; row < rows.first + rows.count; ++row, first += rows.stride) {
      if (streams_) {
        stream_on(row, first, count);
      } else if (is_run_) {
        std::copy_n(tile(row), count, data_ + first);
      } else {
        const std::int64_t stride = inner_stride(layout_, slot_);
        for_each_run(layout_, slot_, first, count, [&](std::int64_t done, std::int64_t n, std::int64_t to) {
          for (std::int64_t i = 0; i < n; ++i) data_[to + i * stride] = tile(row)[done + i];
        });
      }
    }
  }

 private:
  /// The element that comes next in a row, and how many bytes before it are left: they stand before its tile.
  struct Row {
    std::int64_t next = -1, left = 0;
  };

  T* tile(int row) { return buffer_[row] + before; }

  static std::int64_t bytes_to_stream(const void* p) {
    return (stream_bytes - static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(p) % stream_bytes)) % stream_bytes;
  }

  bool may_stream(const Rows& rows, std::int64_t first, std::int64_t count) const {
    bool may = streams_ && count >= group;
    for (int row = rows.first; row < rows.first + rows.count; ++row, first += rows.stride)
      may = may && bytes_to_stream(data_ + first) == 0 && (rows_[row].left == 0 || rows_[row].next != first);
    return may;
  }

  void stream_on(int row, std::int64_t first, std::int64_t count) {
    std::int64_t bytes = rows_[row].left + count * size;
    const char* from = reinterpret_cast<const char*>(tile(row)) - rows_[row].left;
    char* to = reinterpret_cast<char*>(data_ + first) - rows_[row].left;
    const std::int64_t stored = std::min(bytes_to_stream(to), bytes);
    std::copy_n(from, stored, to);
    for (to += stored, from += stored, bytes -= stored; bytes >= stream_bytes;
         to += stream_bytes, from += stream_bytes, bytes -= stream_bytes)
      stream(to, from);
    std::memmove(reinterpret_cast<char*>(tile(row)) - bytes, from, static_cast<std::size_t>(bytes));
    rows_[row] = {first + count, bytes};
  }

  void flush(int row) {
    const std::int64_t left = rows_[row].left;
    if (left > 0)
      std::copy_n(reinterpret_cast<char*>(tile(row)) - left, left, reinterpret_cast<char*>(data_ + rows_[row].next) - left);
    rows_[row] = {};
  }

  T* data_;
  const Layout& layout_;
  Slot slot_;
  bool is_run_, streams_;
  Row rows_[bands];
  alignas(line_bytes) T buffer_[bands][before + tile_elements<T>];
};

}  // namespace rectify::detail
