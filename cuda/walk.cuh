// Walks: a thread processes one item in each of several rows. The rows are equally far apart, and the thread's items have the
// same parameters, which it finds and loads once. Kernels of sums walk through the rows of their parts (sums_kernel.cuh);
// elementwise kernels with parameters have the rows of a Walk, which elementwise_launch.cuh makes and elementwise_kernel.cuh
// follows.
#pragma once

#include "spaces.cuh"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace rectify::detail {

/// The place of an item in each row, located by its element: element `first`, `stride` elements further in each row.
template <class Space>
struct LocatedRows {
  const Space& space;
  std::int64_t first, stride;

  /// The place in row + n. It is computed by a product, because some kernels spilled with a sum that is carried from row to
  /// row.
  __device__ Place place(int row, int n) const { return space.locate_element(first + (row + n) * stride); }
};

/// The place of an item in each row, found from that in the row before. So calls of place() must follow the order of the rows.
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

/// The rows of an elementwise kernel: items that are `step` apart have the same parameters, so a row is `step` items. A block
/// takes tiles: a tile is `rows` rows of as many items as a block has threads, and `columns` tiles lie side by side in a row.
struct Walk {
  std::int64_t step = 1, columns = 1, tiles = 1;
  int rows = 1;
  bool reloads = false;  ///< items that are `step` apart do not have the same parameters, so each loads its own
  Divisor by_columns;

  unsigned blocks() const { return blocks_for(tiles * threads_per_block, 1); }
};

/// A space whose kernel walks.
template <class Base>
struct Walked : Base {
  static constexpr bool walks = true;
  Walk walk;

  explicit Walked(const Base& base) : Base(base) {}

  /// The places of an item of a tile's first row, and of the items in the rows below it.
  __device__ auto rows_from(std::int64_t item) const {
    if constexpr (Base::is_dense) {
      constexpr int lanes = Base::Item::lanes;
      return LocatedRows<Walked>{*this, this->head + item * lanes, walk.step * lanes};
    } else {
      return SteppedRows<Walked>{*this, this->locate(item)};
    }
  }
  /// How many rows of a tile exist in the column of `item`, which is in the tile's first row.
  __device__ int rows_at(std::int64_t item) const {
    const std::int64_t remaining = this->items() - item;
    if (remaining > (walk.rows - 1) * walk.step) return walk.rows;
    return remaining <= 0 ? 0 : static_cast<int>(quotient(remaining - 1, walk.step)) + 1;
  }
};

/// A thread has max_rows rows, so that an item costs a sixteenth of the work of finding and loading parameters. Calls with
/// fewer items have fewer rows, so that there are wanted_tiles blocks for each multiprocessor.
constexpr int max_rows = 16, wanted_tiles = 16;

inline int rows_for(std::int64_t items, int multiprocessors) {
  const std::int64_t wanted = std::int64_t{wanted_tiles} * multiprocessors * threads_per_block;
  int rows = max_rows;
  while (rows > 1 && items < rows * wanted) rows /= 2;
  return rows;
}

/// A walk over `items`, of which those that are `period` apart have the same parameters. A row is a multiple of `unit` items:
/// 32 if all threads of a warp must work together, otherwise 1. The last block of a row has threads without work, so a row has
/// as many periods as keep these below a thirty-second of the row.
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

/// A walk over neighbouring items, whose parameters differ.
inline Walk walk_of_neighbours(std::int64_t items, int rows) {
  Walk walk = walk_over(items, threads_per_block, 1, rows);
  walk.reloads = true;
  return walk;
}

/// The walk of a Dense space. A period is the runs of all channels, as often as it takes to fill whole packs. If there are too
/// few items for two rows, a thread has `in_flight` neighbouring items instead.
template <class Space>
Walk walk_dense(const Space& space, bool writes_mask, int in_flight, int multiprocessors) {
  constexpr std::int64_t lanes = Space::Item::lanes;
  const int rows = rows_for(space.items(), multiprocessors);
  if (rows == 1) return walk_of_neighbours(space.items(), in_flight);  // small calls return here, before any loop
  const std::int64_t elements = space.channels == 1 ? lanes : space.channels * space.inner;
  const Walk walk = walk_over(space.items(), elements / std::gcd(elements, lanes), writes_mask ? 32 : 1, rows);
  return walk.rows > 1 ? walk : walk_of_neighbours(space.items(), in_flight);
}

/// The walk of a Strided space, along the outermost axis, unless that is the channel axis.
template <class Space>
Walk walk_views(Space& space, int multiprocessors) {
  const Layout& layout = space.layout;
  const bool repeats_parameters = layout.rank > 1 && layout.axes[0].channel == 0;
  const std::int64_t period = space.items() / (repeats_parameters ? layout.axes[0].extent : 1);
  const Walk walk = walk_over(space.items(), period, 1, rows_for(space.items(), multiprocessors));
  if (walk.rows > 1) space.set_row_step(walk.step / period);
  return walk;
}

}  // namespace rectify::detail
