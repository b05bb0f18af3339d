// The element ops: what happens to one element, in the compute type. Storage type, vector width, layout and streaming are
// policies around them, so the CPU backend and the CUDA kernels run these very functors.
#pragma once

#include <rectify/relu.hpp>

namespace rectify::detail {

/// What an op says of one element: the number to store, and the piece of the function it came from (for masks).
template <class C>
struct Result {
  C value;
  Piece piece;
};

/// y = value(x)
template <class C>
struct ForwardOp {
  using Scalar = C;
  static constexpr int inputs = 1;
  Rectifier<C> f;

  RECTIFY_HD Result<C> operator()(C x) const { return {f.value(x), f.piece(x)}; }
};

/// dx = dy * slope(x). Fed with y and a threshold of 0 it is the backward from y (see host/ops.cpp).
template <class C>
struct BackwardOp {
  using Scalar = C;
  static constexpr int inputs = 2;
  Rectifier<C> f;

  RECTIFY_HD Result<C> operator()(C dy, C x) const {
    const Piece at = f.piece(x);
    return {f.gradient(dy, at), at};
  }
};

}  // namespace rectify::detail
