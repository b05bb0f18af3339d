// Random shapes, and where the tensors of one call lie: dense in one order often, with gaps, broadcasts and offsets at times.
#pragma once

#include "dice.hpp"
#include "tensor.hpp"

namespace rectify::test {

/// Axes from the outermost in memory to the innermost.
struct Order {
  int axis[max_rank] = {};
};
Order row_major();
Order random_order(Dice& dice, int rank);

/// What the tensors of a call have in common.
struct Arrangement {
  Shape shape;
  Order order;
  int offset;               ///< of every tensor from an aligned address, in elements; -1 where each has its own
  int disorder;             ///< of how many tensors one lies as it likes; 0 for none
  int first = 0, last = 0;  ///< x is broadcast along the axes [first, last) of `order`, and everything else is dense
};
/// Large: threads share the work of a processor, outputs stream past its caches, rows that repeat fill them.
enum class Size { small, large };
Arrangement random_arrangement(Dice& dice, Size size);

enum class Role { input, output };
Placement random_placement(Dice& dice, const Arrangement& arrangement, Role role);
/// As any input, or broadcast as the arrangement says.
Placement random_placement_of_x(Dice& dice, const Arrangement& arrangement);
/// Dense, mostly in the order of the call.
Placement random_placement_of_mask(Dice& dice, const Arrangement& arrangement);

/// No two elements share an address, which suits an output.
bool is_writable(const Placement& placement);

}  // namespace rectify::test
