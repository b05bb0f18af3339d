// Strides are assigned from the innermost axis outwards, so that elements do not overlap except along axes of stride 0.
#include "random_layout.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rectify::test {
namespace {

/// Extents near the sizes of vectors, tiles and blocks.
constexpr int edge_extents[] = {2,   3,   4,    5,    7,    8,    9,    15,   16,   17,   31,   32,  33,  63,
                                64,  65,  96,   127,  128,  129,  200,  255,  256,  257,  384,  511, 512, 513,
                                640, 768, 1023, 1024, 1025, 1280, 2047, 2048, 2049, 4095, 4096, 4097};

int random_extent(Dice& dice, int limit) {
  if (limit < 2 || dice.one_in(8)) return 1;
  if (limit >= 8 && dice.one_in(4)) return 8 * (1 + dice.below(limit / 8));
  if (dice.one_in(2)) return 1 + dice.below(limit);
  const auto* end = std::upper_bound(std::begin(edge_extents), std::end(edge_extents), limit);
  return edge_extents[dice.below(end - std::begin(edge_extents))];
}

/// Size::small has up to 600 elements, sometimes 40 or 6000; rarely one or none.
Shape random_shape(Dice& dice, Size size) {
  const int rank = dice.one_in(40) ? 0 : 1 + dice.below(5);
  const Order order = random_order(dice, rank);
  std::int64_t extents[max_rank];
  int left = dice.any_of({40, 600, 600, 600, 600, 600, 6000});
  if (size == Size::large) left = dice.one_in(12) ? 2200000 : dice.any_of({50000, 100000, 300000});
  for (int i = 0; i < rank; ++i) {
    const int even = static_cast<int>(std::pow(left, 1.0 / (rank - i)) + 1);
    const int extent = random_extent(dice, dice.one_in(2) ? left : std::min(2 * even, left));
    extents[order.axis[i]] = extent;
    left /= extent;
  }
  if (rank > 0 && dice.one_in(80)) extents[dice.below(rank)] = 0;
  return {extents, rank};
}

/// The length of a row: long for some large cases, short for those with thousands of models.
int random_row(Dice& dice, Size size, bool thousands) {
  if (thousands) return dice.any_of({64, 128, 256, 24});
  return size == Size::small ? dice.any_of({128, 256, 384, 512, 640, 5, 96, 100, 127, 130, 200})
                             : dice.any_of({1000, 1024, 33000, 65536, 70001, 131072, 140001});
}

/// The offset of all tensors, 0 for half of the calls; -1 if each has its own. Kernels can use packs if all have the same.
int common_offset(Dice& dice) { return dice.one_in(2) ? 0 : dice.one_in(2) ? 1 + dice.below(8) : -1; }

/// One x for several models, along one axis or two.
Arrangement with_broadcast_x(Dice& dice, Size size) {
  const int before = dice.below(2), repeated = 1 + dice.below(2), rows = 1 + dice.below(2);
  const bool thousands = size == Size::large && dice.one_in(3);
  std::int64_t extents[max_rank];
  int rank = 0;
  for (int i = 0; i < before + repeated; ++i) extents[rank++] = 1 + dice.below(thousands ? 2 : 4);
  if (thousands) extents[before] = 8192 + dice.below(1000);
  if (rows == 2) extents[rank++] = 1 + dice.below(3);
  extents[rank++] = random_row(dice, size, thousands);
  Arrangement arrangement{{}, random_order(dice, rank), common_offset(dice), 0, before, before + repeated};
  if (dice.one_in(2)) arrangement.order = row_major();
  std::int64_t placed[max_rank];
  for (int i = 0; i < rank; ++i) placed[arrangement.order.axis[i]] = extents[i];
  arrangement.shape = {placed, rank};
  return arrangement;
}

/// How strides are assigned: in an order of the axes, with gaps or without, and 0 along the axes in `broadcast`.
struct Steps {
  Order order;
  bool gaps;
  bool broadcast[max_rank] = {};
};

Placement placed(Dice& dice, const Shape& shape, const Steps& steps, int offset) {
  std::int64_t strides[max_rank] = {}, next = steps.gaps ? 1 + dice.below(3) : 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    const int axis = steps.order.axis[i];
    if (shape[axis] == 1) {
      strides[axis] = dice.one_in(3) ? dice.below(9) : next;  // never used
    } else if (!steps.broadcast[axis]) {
      strides[axis] = next;
      next *= std::max<std::int64_t>(shape[axis], 1);
      if (steps.gaps && dice.one_in(2)) next += dice.below(5);
    }
  }
  return Placement(shape, Strides(strides, shape.rank()), offset);
}

int random_offset(Dice& dice, const Arrangement& arrangement) {
  return arrangement.offset >= 0 ? arrangement.offset : dice.below(9);
}

}  // namespace

Order row_major() {
  Order order;
  for (int i = 0; i < max_rank; ++i) order.axis[i] = i;
  return order;
}

Order random_order(Dice& dice, int rank) {
  Order order = row_major();
  for (int i = rank - 1; i > 0; --i) std::swap(order.axis[i], order.axis[dice.below(i + 1)]);
  return order;
}

Arrangement random_arrangement(Dice& dice, Size size) {
  if (dice.one_in(size == Size::small ? 9 : 4)) return with_broadcast_x(dice, size);
  const Shape shape = random_shape(dice, size);
  const Order order = dice.one_in(2) ? row_major() : random_order(dice, shape.rank());
  return {shape, order, common_offset(dice), dice.any_of({0, 0, 0, 4, 1, 1})};
}

Placement random_placement(Dice& dice, const Arrangement& arrangement, Role role) {
  Steps steps{arrangement.order, false};
  const Shape& shape = arrangement.shape;
  if (arrangement.disorder > 0 && dice.one_in(arrangement.disorder)) {
    if (dice.one_in(2)) steps.order = random_order(dice, shape.rank());
    steps.gaps = dice.one_in(2);
    const bool broadcasts = role == Role::input && dice.one_in(3);
    for (int axis = 0; axis < shape.rank(); ++axis) steps.broadcast[axis] = broadcasts && dice.one_in(2);
  }
  return placed(dice, shape, steps, random_offset(dice, arrangement));
}

Placement random_placement_of_x(Dice& dice, const Arrangement& arrangement) {
  if (arrangement.first == arrangement.last) return random_placement(dice, arrangement, Role::input);
  Steps steps{arrangement.order, false};
  for (int i = arrangement.first; i < arrangement.last; ++i) steps.broadcast[arrangement.order.axis[i]] = true;
  return placed(dice, arrangement.shape, steps, random_offset(dice, arrangement));
}

Placement random_placement_of_mask(Dice& dice, const Arrangement& arrangement) {
  Steps steps{arrangement.order, false};
  if (dice.one_in(3)) steps.order = dice.one_in(2) ? row_major() : random_order(dice, arrangement.shape.rank());
  return placed(dice, arrangement.shape, steps, dice.one_in(2) ? 0 : dice.below(4));
}

bool is_writable(const Placement& placement) {
  bool moves = true;
  for (int axis = 0; axis < placement.shape.rank(); ++axis)
    moves = moves && (placement.shape[axis] == 1 || placement.strides[axis] != 0);
  return moves;
}

}  // namespace rectify::test
