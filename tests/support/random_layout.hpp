// Random shapes and placements of the tensors of a call: often dense in one order, sometimes with gaps, broadcasts and offsets.
#pragma once

#include "dice.hpp"
#include "tensor.hpp"

namespace rectify::test {

/// The axes from the outermost in memory to the innermost.
struct Order {
  int axis[max_rank] = {};
};
Order row_major();
Order random_order(Dice& dice, int rank);

/// Properties that the tensors of a call share.
struct Arrangement {
  Shape shape;
  Order order;
  int offset;               ///< of every tensor from an aligned address, in elements; -1 if each has its own
  int disorder;             ///< one in so many tensors has a random layout; 0 for none
  int first = 0, last = 0;  ///< x is broadcast along the axes [first, last) of `order`, other tensors are dense
};
/// Size::large is enough for several CPU threads, outputs that stream past the caches, and repeated rows that fill the caches.
enum class Size { small, large };
Arrangement random_arrangement(Dice& dice, Size size);

enum class Role { input, output };
Placement random_placement(Dice& dice, const Arrangement& arrangement, Role role);
/// Like any input, or broadcast if the arrangement says so.
Placement random_placement_of_x(Dice& dice, const Arrangement& arrangement);
/// Dense, usually in the order of the other tensors.
Placement random_placement_of_mask(Dice& dice, const Arrangement& arrangement);

/// No two elements share an address, as an output requires.
bool is_writable(const Placement& placement);

}  // namespace rectify::test
