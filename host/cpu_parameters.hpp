// The CPU backend's load policy of parameters: the numbers for a tile's elements, whatever channels they are in.
#pragma once

#include "cpu_tiles.hpp"

#include <rectify/detail/backend.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace rectify::detail {

constexpr std::int64_t long_stretch = 192;  // elements; a tile cut at the end of a shorter one takes longer than filling tiles

template <class C>
constexpr std::int64_t longest_period = 32768 / sizeof(C);  // numbers; five parameters' stay in a second-level cache

/// How a loop finds the numbers of its elements in what ParameterTiles hand out.
struct ParameterWay {
  bool by_stretches;    ///< a tile is of one channel, or else a line, so a line of numbers serves it
  std::int64_t period;  ///< elements until channels come round, at least a line, for every tile. 0: each has its own
  std::int64_t step;    ///< from a line's numbers to those of the next line
  bool in_line;         ///< lines begin a whole number of lines into a row of the elements

  /// `threads`: each lays a period out, which its share of the elements must be worth.
  template <class C>
  static ParameterWay of(const Layout& layout, std::int64_t line, std::int64_t threads, bool in_line) {
    if (layout.channels == 1 || layout.inner >= long_stretch) return {true, 0, 0, in_line};
    const std::int64_t round = layout.channels * layout.inner, period = (std::max(line, round) + round - 1) / round * round;
    return {false, period <= longest_period<C> && period <= layout.elements / threads ? period : 0, line, in_line};
  }
};

/// A parameter in the compute type: the number, or the tensor's value for the channel of each element. Tiles are asked for in order
/// mostly, so the place is kept from one to the next: a division of 64 bits costs as much as a tenth of a tile.
template <class T, int Line>
class ParameterTile {
  using C = Compute<T>;
  static constexpr std::int64_t tile = tile_elements<T>, stride_of_stores = 8,
                                stretch_at = Line;  // in the buffer: the stretch's number, behind a line across two

 public:
  RECTIFY_NOINLINE ParameterTile(const Parameter& parameter, C number, const Layout& layout, const ParameterWay& way)
      : parameter_(parameter), channels_(layout.channels), inner_(layout.inner), way_(way) {
    if (parameter.data == nullptr || parameter.stride == 0) channels_ = 1;
    const std::int64_t served = way_.by_stretches ? Line : way_.period > 0 ? way_.period + Line : tile;
    if (channels_ == 1) {
      std::fill_n(buffer_, std::min(served, layout.elements), parameter.data == nullptr ? number : value(0));
    } else if (way_.period > 0 && !is_table_of_lines(layout)) {
      seek(0);
      fill(std::min(served, layout.elements));
    } else if (way_.period > 0) {
      of_period_ = static_cast<const C*>(parameter.data);
    }
  }

  /// Elements from there on that one `at` serves: all, of a period or of one number; whole lines to the end of a stretch, or the line
  /// across it; whole lines to the end of the tensor, where that is handed out itself; else a tile.
  std::int64_t longest(std::int64_t first) {
    if (way_.period > 0 || (channels_ == 1 && way_.by_stretches)) return std::numeric_limits<std::int64_t>::max();
    if (channels_ == 1 || !(way_.by_stretches || is_table())) return tile;
    go_to(first);
    if (way_.by_stretches) return std::max<std::int64_t>(Line, left_ / Line * Line);
    return std::max(tile, (channels_ - channel_) / Line * Line);
  }

  /// The first element's number, with those behind it; of a period, its beginning, wherever in it the element is.
  const C* at(std::int64_t first, std::int64_t count) {
    if (way_.period > 0) return of_period_;
    if (channels_ == 1) return buffer_;
    go_to(first);
    next_ = first + count;
    if (way_.by_stretches) return stretch(count);
    if (is_table() && channel_ + count <= channels_) {
      const C* const table = static_cast<const C*>(parameter_.data) + channel_;
      channel_ = channel_ + count == channels_ ? 0 : channel_ + count;
      return table;
    }
    fill(count);
    return buffer_;
  }

 private:
  void go_to(std::int64_t element) {
    if (element != next_) seek(element);
    next_ = element;
    if (!way_.by_stretches || left_ > 0) return;
    next_channel();
    fill_stretch();
  }

  /// The line across is filled like any tile; the value of the stretch at hand stands behind it.
  const C* stretch(std::int64_t count) {
    if (count <= left_) {
      left_ -= count;
      return buffer_ + stretch_at;
    }
    fill(count);
    fill_stretch();
    return buffer_;
  }

  void fill_stretch() { std::fill_n(buffer_ + stretch_at, Line, value(channel_)); }

  void next_channel() {
    channel_ = channel_ + 1 == channels_ ? 0 : channel_ + 1;
    left_ = inner_;
  }

  /// Neighbours are channels that lie in memory as they are needed.
  bool is_table() const {
    return inner_ == 1 && parameter_.stride == 1 && (parameter_.in_compute_type || sizeof(T) == sizeof(C));
  }

  /// No line goes beyond its end.
  bool is_table_of_lines(const Layout& layout) const {
    return is_table() && way_.in_line && channels_ % Line == 0 && (layout.repeats == 1 || layout.row % Line == 0);
  }

  C value(std::int64_t channel) const {
    const std::int64_t at = channel * parameter_.stride;
    return parameter_.in_compute_type ? static_cast<const C*>(parameter_.data)[at]
                                      : static_cast<C>(static_cast<const T*>(parameter_.data)[at]);
  }

  void seek(std::int64_t element) {
    channel_ = element / inner_ % channels_;
    left_ = inner_ - element % inner_;
    if (way_.by_stretches) fill_stretch();
  }

  void fill(std::int64_t count) { inner_ == 1 ? fill_with_neighbours(count) : fill_with_stretches(count); }

  RECTIFY_NOINLINE void fill_with_neighbours(std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = std::min(channels_ - channel_, count - done);
      for (std::int64_t i = 0; i < n; ++i) buffer_[done + i] = value(channel_ + i);
      channel_ = channel_ + n == channels_ ? 0 : channel_ + n;
      done += n;
    }
  }

  void fill_with_stretches(std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = std::min(left_, count - done);
      store(done, done + n, value(channel_));
      done += n;
      left_ -= n;
      if (left_ == 0) next_channel();
    }
  }

  /// Whole vectors; what is too much lies before what is stored next, or past the end.
  void store(std::int64_t begin, std::int64_t end, C v) {
    for (; begin < end; begin += stride_of_stores) std::fill_n(buffer_ + begin, stride_of_stores, v);
  }

  Parameter parameter_;
  std::int64_t channels_, inner_;
  ParameterWay way_;
  const C* of_period_ = buffer_;
  std::int64_t next_ = -1, channel_ = 0, left_ = 0;  // the element to be asked for next, its channel, and what is left of that
  static_assert(tile <= longest_period<C> + Line);
  alignas(64) C buffer_[longest_period<C> + Line + stride_of_stores];
};

}  // namespace rectify::detail
