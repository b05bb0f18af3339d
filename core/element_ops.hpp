// The element ops: what happens to one element, in the compute type. Storage type, vector width, layout, masks' bits and streaming
// are policies around them, so the CPU backend and the CUDA kernels run these very functors: the kernels with C = float or double, the
// CPU backend with C a vector of them.
#pragma once

#include <rectify/relu.hpp>

#include <cmath>

namespace rectify::detail {

/// Which optional operands a loop or a kernel is compiled for: those of the input (scale, bias, residual), and tensors instead of
/// the function's numbers. General serves all of them, present or absent, and any outputs; the others serve what is common.
template <bool Scale, bool Bias, bool Residual, bool AlphaAndLimits, bool All = false>
struct OperandSet {
  static constexpr bool scale = Scale, bias = Bias, residual = Residual, alpha = AlphaAndLimits, limits = AlphaAndLimits,
                        general = All;
};
struct Plain : OperandSet<false, false, false, false> {};
struct WithBias : OperandSet<false, true, false, false> {};
struct WithResidual : OperandSet<false, false, true, false> {};
struct WithScale : OperandSet<true, true, false, false> {};  ///< the bias is optional
struct WithAlpha : Plain {                                   ///< an alpha tensor and nothing else, as PReLU has
  static constexpr bool alpha = true;
};
struct General : OperandSet<true, true, true, true, true> {};

/// Which sums a loop or a kernel is compiled for; those that are not requested are summed and dropped.
template <bool Scale, bool Bias, bool Alpha, bool Limits>
struct SumSet {
  static constexpr bool scale = Scale, bias = Bias, alpha = Alpha, threshold = Limits, max_value = Limits;
  static constexpr int count = Scale + Bias + Alpha + 2 * Limits;
  static constexpr unsigned bits = Scale | Bias << 1 | Alpha << 2 | Limits << 3 | Limits << 4;  ///< one for each SumKind
};
struct NoSums : SumSet<false, false, false, false> {};
struct SumOfBias : SumSet<false, true, false, false> {};
struct SumOfAlpha : SumSet<false, false, true, false> {};
struct SumsOfScale : SumSet<true, true, false, false> {};  ///< of scale and bias
struct AllSums : SumSet<true, true, true, true> {};

/// What stands for an absent operand where it is requested at run time: the number that changes no bit. fma(x, 1, b) is x + b,
/// fma(x, s, -0) is x * s, z + -0 is z (+0 would make +0 of -0).
template <class C>
struct Neutral {
  static constexpr C scale = 1, bias = C(-0.0), residual = C(-0.0);
};

/// z, before the region is decided.
template <class Set, class C>
RECTIFY_HD C fused_input(C x, C scale, C bias, C residual) {
  using std::fma;
  C z = x;
  if constexpr (Set::scale) {
    z = fma(x, scale, bias);
  } else if constexpr (Set::bias) {
    z = x + bias;
  }
  if constexpr (Set::residual) z = z + residual;
  return z;
}

/// What one element is computed from.
template <class C, class Known = Anything>
struct Element {
  Rectifier<C, Known> f;
  C z = 0, dy = 0, scale = 1, gain = 1;
  PieceOf<Condition<C>> piece = {};  ///< read from a mask

  /// A product with 1 changes no bit, so no kernel is without it.
  RECTIFY_HD C with_gain(C v) const { return Known::may_gain ? v * gain : v; }
  /// The gradient of value(z), of which y is the product with the gain.
  RECTIFY_HD C dvalue() const { return with_gain(dy); }
};

/// What an op says of one element: the number to store, the gradient of z (for dresidual), and the piece (for masks).
template <class C>
struct Result {
  C value, dz;
  PieceOf<Condition<C>> piece;
};

/// What one element adds to the sums, in the compute type (0 where its piece has no part in one). With g = dy * gain, and a number z
/// computed from x: dscale = sum dz x, dbias = sum dz, and, the derivatives of value(z): dalpha = sum of g (z - threshold) below,
/// dthreshold of -alpha g below, dmax_value of g where saturated. Of -alpha g the product is that of dz, so it too is 0 for an alpha of 0.
template <class C>
struct Terms {
  C x, dz, of_alpha, below, saturated;

  /// Where z fell is asked of the op again, in the form that is needed here.
  template <class Op, class Known>
  RECTIFY_HD static Terms of(const Op& op, const Element<C, Known>& e, const Result<C>& result, C x) {
    const C of_slope = e.dvalue() * (e.z - e.f.threshold), capped = select(op.is_saturated(e), e.dvalue(), C(0));
    return {x, result.dz, select(op.is_above(e), C(0), of_slope), select(op.is_above(e), C(0), result.dz),
            select(op.is_above(e), capped, C(0))};
  }

  /// sum(k): the k-th of those that are summed.
  template <class Sums, class SumAt>
  RECTIFY_HD void add_to(Sums, const SumAt& sum) const {
    using std::fma;
    int k = 0;
    if constexpr (Sums::scale) {
      C& of_scale = sum(k++);
      of_scale = fma(dz, x, of_scale);
    }
    if constexpr (Sums::bias) sum(k++) += dz;
    if constexpr (Sums::alpha) sum(k++) += of_alpha;
    if constexpr (Sums::threshold) sum(k++) -= below;
    if constexpr (Sums::max_value) sum(k++) += saturated;
  }
};

/// y = value(z) * gain
template <class C>
struct ForwardOp {
  static constexpr bool reads_x = true, reads_dy = false, reads_mask = false;

  template <class Known>
  RECTIFY_HD Result<C> operator()(const Element<C, Known>& e) const {
    return {e.with_gain(e.f.value(e.z)), C(0), e.f.piece(e.z)};
  }
};

/// dz = dy * gain * slope(z), dx = dz * scale. Fed with y, a threshold of 0 and the cap as it is stored it is the backward from y (see
/// host/validate.cpp).
template <class C>
struct BackwardOp {
  static constexpr bool reads_x = true, reads_dy = true, reads_mask = false;

  template <class Known>
  RECTIFY_HD Result<C> operator()(const Element<C, Known>& e) const {
    const auto at = e.f.piece(e.z);
    const C dz = e.f.gradient(e.dvalue(), at);
    return {dz * e.scale, dz, at};
  }
  template <class Known>
  RECTIFY_HD Condition<C> is_above(const Element<C, Known>& e) const {
    return e.z > e.f.threshold;
  }
  template <class Known>
  RECTIFY_HD Condition<C> is_saturated(const Element<C, Known>& e) const {
    return e.f.is_saturated(e.z);
  }
};

/// The same with the piece out of a mask.
template <class C>
struct MaskBackwardOp {
  static constexpr bool reads_x = false, reads_dy = true, reads_mask = true;

  template <class Known>
  RECTIFY_HD Result<C> operator()(const Element<C, Known>& e) const {
    const C dz = e.f.gradient(e.dvalue(), e.piece);
    return {dz * e.scale, dz, e.piece};
  }
  template <class Known>
  RECTIFY_HD Condition<C> is_above(const Element<C, Known>& e) const {
    return !e.piece.below;
  }
  template <class Known>
  RECTIFY_HD Condition<C> is_saturated(const Element<C, Known>& e) const {
    return e.piece.saturated;
  }
};

}  // namespace rectify::detail
