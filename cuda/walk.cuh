// How a thread goes through items that have the same parameters: rows, each as far from the last as that from the one before, so that
// parameters are found and loaded once. The sums have the rows of their parts, elementwise kernels with parameters rows of their own.
#pragma once

#include "spaces.cuh"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace rectify::detail {

/// The places of rows, each found by its element.
template <class Space>
struct LocatedRows {
  const Space& space;
  std::int64_t first, stride;

  /// Of row + n. Each by a product: with a sum that goes on from row to row some kernels spill.
  __device__ Place place(int row, int n) const { return space.locate_element(first + (row + n) * stride); }
};

/// The same, each found from the one before. Asked for one after another.
template <class Space>
struct SteppedRows {
  const Space& space;
  Place next;

  __device__ Place place(int, int) {
    const Place here = next;
    next = space.next_row(next);
    return here;
  }
};

/// Items `step` apart have the same parameters. A tile is `rows` rows of a block's threads; `columns` tiles lie side by side.
struct Walk {
  std::int64_t step = 1, columns = 1, tiles = 1;
  int rows = 1;
  bool reloads = false;  ///< no: items that are `step` apart have parameters of their own
  Divisor by_columns;

  unsigned blocks() const { return blocks_for(tiles * threads_per_block, 1); }
};

/// A space whose items come in such rows.
template <class Base>
struct Walked : Base {
  static constexpr bool walks = true;
  Walk walk;

  explicit Walked(const Base& base) : Base(base) {}

  /// Rows from an item on.
  __device__ auto rows_from(std::int64_t item) const {
    if constexpr (Base::is_dense) {
      constexpr int lanes = Base::Item::lanes;
      return LocatedRows<Walked>{*this, this->head + item * lanes, walk.step * lanes};
    } else {
      return SteppedRows<Walked>{*this, this->locate(item)};
    }
  }
  /// How many of a tile's rows there are from `item`, of its first.
  __device__ int rows_at(std::int64_t item) const {
    const std::int64_t left = this->items() - item;
    if (left > (walk.rows - 1) * walk.step) return walk.rows;
    return left <= 0 ? 0 : static_cast<int>(quotient(left - 1, walk.step)) + 1;
  }
};

/// Rows of a thread where there are items enough: to find and load parameters costs a sixteenth then. Fewer, so that there are so many
/// blocks for each multiprocessor.
constexpr int most_rows = 16, tiles_wanted = 16;

inline int rows_for(std::int64_t items, int multiprocessors) {
  const std::int64_t wanted = std::int64_t{tiles_wanted} * multiprocessors * threads_per_block;
  int rows = most_rows;
  while (rows > 1 && items < rows * wanted) rows /= 2;
  return rows;
}

/// Over `items`, of which those that are `period` apart have the same parameters. `unit`: a warp's threads go together where that is 32.
/// Rows end within a block, so as many periods are a row as leave few of its threads without work.
inline Walk walk_over(std::int64_t items, std::int64_t period, std::int64_t unit, int rows) {
  Walk walk;
  const std::int64_t least = std::lcm(period, unit);
  walk.step = std::max<std::int64_t>(threads_per_block / least, 1) * least;
  const auto idle = [&] { return (threads_per_block - walk.step % threads_per_block) % threads_per_block; };
  while (idle() * 32 > walk.step) walk.step += least;
  while (rows > 1 && items < rows * walk.step) rows /= 2;
  walk.rows = rows;
  walk.columns = (walk.step - 1) / threads_per_block + 1;
  walk.by_columns = Divisor(walk.columns);
  walk.tiles = ((items - 1) / (rows * walk.step) + 1) * walk.columns;
  return walk;
}

/// Neighbours, whose parameters are not the same.
inline Walk walk_of_neighbours(std::int64_t items, int rows) {
  Walk walk = walk_over(items, threads_per_block, 1, rows);
  walk.reloads = true;
  return walk;
}

/// Through periods of the channels: all of them once, as often as whole packs hold them. `in_flight` neighbours where there are too few.
template <class Space>
Walk walk_dense(const Space& space, bool writes_mask, int in_flight, int multiprocessors) {
  constexpr std::int64_t lanes = Space::Item::lanes;
  const int rows = rows_for(space.items(), multiprocessors);
  if (rows == 1) return walk_of_neighbours(space.items(), in_flight);  // as most calls of small tensors are, before any loop
  const std::int64_t elements = space.channels == 1 ? lanes : space.channels * space.inner;
  const Walk walk = walk_over(space.items(), elements / std::gcd(elements, lanes), writes_mask ? 32 : 1, rows);
  return walk.rows > 1 ? walk : walk_of_neighbours(space.items(), in_flight);
}

/// Along the outermost axis of views, where that is not the channels'.
template <class Space>
Walk walk_views(Space& space, int multiprocessors) {
  const Layout& layout = space.layout;
  const bool goes_on = layout.rank > 1 && layout.axes[0].channel == 0;
  const std::int64_t period = space.items() / (goes_on ? layout.axes[0].extent : 1);
  const Walk walk = walk_over(space.items(), period, 1, rows_for(space.items(), multiprocessors));
  if (walk.rows > 1) space.set_step(walk.step / period);
  return walk;
}

}  // namespace rectify::detail
