// The element ops: what happens to one element, in the compute type. Storage type, vector width, layout, masks' bits and streaming
// are policies around them, so the CPU backend and the CUDA kernels run these very functors.
#pragma once

#include <rectify/relu.hpp>

#include <cmath>

namespace rectify::detail {

/// Which optional operands a loop or a kernel is compiled for: those of the input (scale, bias, residual), and tensors in the place of
/// the function's numbers. In General each is asked for at run time, as is each output; the others serve what is common without a
/// question.
template <bool Scale, bool Bias, bool Residual, bool Function, bool All = false>
struct OperandSet {
  static constexpr bool scale = Scale, bias = Bias, residual = Residual, function = Function, general = All;
};
struct Plain : OperandSet<false, false, false, false> {};
struct WithBias : OperandSet<false, true, false, false> {};
struct WithResidual : OperandSet<false, false, true, false> {};
struct WithScale : OperandSet<true, true, false, false> {};      ///< the bias is optional
struct WithFunction : OperandSet<false, false, false, true> {};  ///< alpha, threshold, max_value; each optional
struct General : OperandSet<true, true, true, true, true> {};

/// What stands for an absent operand where it is asked for at run time: the number that changes no bit. fma(x, 1, b) is x + b,
/// fma(x, s, -0) is x * s, z + -0 is z (+0 would make +0 of -0).
template <class C>
struct Neutral {
  static constexpr C scale = 1, bias = C(-0.0), residual = C(-0.0);
};

/// z, before the region is decided.
template <class Set, class C>
RECTIFY_HD C fused_input(C x, C scale, C bias, C residual) {
  C z = x;
  if constexpr (Set::scale) {
    z = std::fma(x, scale, bias);
  } else if constexpr (Set::bias) {
    z = x + bias;
  }
  if constexpr (Set::residual) z = z + residual;
  return z;
}

/// What one element is computed from.
template <class C>
struct Element {
  Rectifier<C> f;
  C z = 0, dy = 0, scale = 1;
  Piece piece = {};  ///< read from a mask
};

/// What an op says of one element: the number to store, the gradient of z (for dresidual), and the piece (for masks).
template <class C>
struct Result {
  C value, dz;
  Piece piece;
};

/// y = value(z)
template <class C>
struct ForwardOp {
  static constexpr bool reads_x = true, reads_dy = false, reads_mask = false;

  RECTIFY_HD Result<C> operator()(const Element<C>& e) const { return {e.f.value(e.z), C(0), e.f.piece(e.z)}; }
};

/// dx = dy * slope(z) * scale. Fed with y and a threshold of 0 it is the backward from y (see host/ops.cpp).
template <class C>
struct BackwardOp {
  static constexpr bool reads_x = true, reads_dy = true, reads_mask = false;

  RECTIFY_HD Result<C> operator()(const Element<C>& e) const {
    const Piece at = e.f.piece(e.z);
    const C dz = e.f.gradient(e.dy, at);
    return {dz * e.scale, dz, at};
  }
};

/// The same with the piece out of a mask.
template <class C>
struct MaskBackwardOp {
  static constexpr bool reads_x = false, reads_dy = true, reads_mask = true;

  RECTIFY_HD Result<C> operator()(const Element<C>& e) const {
    const C dz = e.f.gradient(e.dy, e.piece);
    return {dz * e.scale, dz, e.piece};
  }
};

}  // namespace rectify::detail
