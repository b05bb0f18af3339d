// The mask's code of an element: which piece it fell on, in one bit or two. Element i has bits [i * width, (i + 1) * width) of the mask,
// counted from the lowest bit of the first byte, as numpy's packbits(bitorder='little') does.
#pragma once

#include <rectify/relu.hpp>

namespace rectify::detail {

/// 0 below, 1 linear, 2 saturated: the element's two bits in u2, and its lowest bit is the one in u1.
RECTIFY_HD constexpr unsigned code_of(Piece at) { return at.below ? 0 : at.saturated ? 2 : 1; }

/// What is known of an element by its code. A cleared bit of u1 says "below", also of a saturated element: u1 serves only where
/// both have the gradient 0, or there is no cap.
RECTIFY_HD constexpr Piece piece_of(unsigned code) { return {code == 0, code == 2}; }

}  // namespace rectify::detail
