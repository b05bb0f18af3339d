// The bits of an element in a mask: a code that says in which region the element fell, of one bit (u1) or two (u2). The code of
// element i has the bits [i * width, (i + 1) * width) of the mask, counted from the lowest bit of the first byte, as numpy's
// packbits(bitorder='little') does. CUDA stores and loads codes in cuda/operands.cuh, the CPU in host/cpu/loop_body.hpp.
#pragma once

#include <rectify/relu.hpp>

namespace rectify::detail {

/// 0 below, 1 linear, 2 saturated: the two bits of u2. The lower of them is the bit of u1.
RECTIFY_HD constexpr unsigned code_of(Piece piece) { return piece.below ? 0 : piece.saturated ? 2 : 1; }

/// The region that a code means. In u1 a saturated element reads as below. validate.cpp accepts u1 only if that makes no
/// difference: both gradients are 0, or there is no cap.
RECTIFY_HD constexpr Piece piece_of(unsigned code) { return {code == 0, code == 2}; }

}  // namespace rectify::detail
