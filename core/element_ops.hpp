// The element ops: the arithmetic of one element, in the compute type, and what it adds to each sum. Both backends run these
// functors: C is float or double in the kernels (called by cuda/elementwise_item.cuh), and a vector of them in the CPU's loops
// (called by host/cpu/loop_body.hpp). Loading, storing, rounding to the storage type and the bits of masks are the callers'.
// Calls relu.hpp.
#pragma once

#include "core/backend.hpp"

#include <rectify/relu.hpp>

#include <cmath>

namespace rectify::detail {

/// The optional operands that a loop or a kernel is compiled for: parameters that are tensors (a bit for each ParameterKind) and
/// a residual. Without a tensor of alpha, threshold or max_value, this parameter is the scalar in Relu. General serves every
/// operand, present or absent, and every choice of outputs; the other sets serve common calls. In a set other than General, each
/// operand is present unless its comment says otherwise.
template <unsigned Parameters, bool Residual = false, bool All = false>
struct OperandSet {
  static constexpr unsigned parameters = Parameters;
  static constexpr bool residual = Residual, general = All;
  static constexpr unsigned bits = Parameters | Residual << parameter_kinds;  ///< as Elementwise::operand_bits
  static constexpr bool scale = Parameters >> parameter_scale & 1, bias = Parameters >> parameter_bias & 1,
                        alpha = Parameters >> parameter_alpha & 1;
};
struct Plain : OperandSet<0> {};
struct WithBias : OperandSet<1u << parameter_bias> {};
struct WithResidual : OperandSet<0, true> {};
struct WithScale : OperandSet<1u << parameter_scale | 1u << parameter_bias> {};  ///< the bias may be absent
struct WithAlpha : OperandSet<1u << parameter_alpha> {};                         ///< PReLU
struct General : OperandSet<(1u << parameter_kinds) - 1, true, true> {};

/// The sums that a loop or a kernel is compiled for. Sums of the set that a call does not request are computed and dropped.
template <bool Scale, bool Bias, bool Alpha, bool Limits>
struct SumSet {
  static constexpr bool scale = Scale, bias = Bias, alpha = Alpha, threshold = Limits, max_value = Limits;
  static constexpr int count = Scale + Bias + Alpha + 2 * Limits;
  static constexpr unsigned bits = Scale | Bias << 1 | Alpha << 2 | Limits << 3 | Limits << 4;  ///< bit k is set for SumKind k
};
struct NoSums : SumSet<false, false, false, false> {};
struct SumOfBias : SumSet<false, true, false, false> {};
struct SumOfAlpha : SumSet<false, false, true, false> {};
struct SumsOfScale : SumSet<true, true, false, false> {};  ///< dscale and dbias
struct AllSums : SumSet<true, true, true, true> {};

/// The inputs of an element op that all elements of a call share: its Relu and its gain, in the compute type.
template <class C, class Known = Anything>
struct Scalars {
  Rectifier<C, Known> f;
  C gain = 1;
};

/// The same scalars for ops of another C: a vector with the value in every lane.
template <class To, class Known, class C>
Scalars<To, Known> broadcast(const Scalars<C>& scalars) {
  return {{scalars.f.alpha, scalars.f.threshold, scalars.f.max_value}, scalars.gain};
}

/// The scalars of a call, rounded.
template <class C>
Scalars<C> scalars_of(const Elementwise& call) {
  return {rounded<C>(call.relu), round_to<C>(call.gain)};
}

/// The inputs of an element op. An absent scale or bias has the value that changes no bit of the result: fma(x, 1, b) is x + b,
/// and fma(x, s, -0) is x * s (+0 would turn a product of -0 into +0).
template <class C, class Known = Anything>
struct Element : Scalars<C, Known> {
  C z = 0, dy = 0, scale = 1, bias = C(-0.0);
  PieceOf<Condition<C>> piece = {};  ///< set only for ops that read a mask

  /// A product with 1 changes no bit, so no kernel is compiled without the gain.
  RECTIFY_HD C with_gain(C v) const { return Known::may_gain ? v * this->gain : v; }
  /// The gradient of value(z): y is value(z) * gain.
  RECTIFY_HD C dvalue() const { return with_gain(dy); }
};

/// The member of an element that holds a parameter. Before it is set, it has the value that replaces an absent tensor.
template <ParameterKind Kind, class E>
RECTIFY_HD auto& parameter_of(E& e) {
  if constexpr (Kind == parameter_scale) return e.scale;
  if constexpr (Kind == parameter_bias) return e.bias;
  if constexpr (Kind == parameter_alpha) return e.f.alpha;
  if constexpr (Kind == parameter_threshold) return e.f.threshold;
  if constexpr (Kind == parameter_max_value) return e.f.max_value;
}

template <ParameterKind Kind>
struct ParameterTag {
  static constexpr ParameterKind kind = Kind;
};

/// f(tag) for each parameter of the set.
template <class Set, int Kind = 0, class F>
RECTIFY_HD void for_each_parameter(const F& f) {
  if constexpr (Kind < parameter_kinds) {
    if constexpr ((Set::parameters >> Kind & 1) != 0) f(ParameterTag<ParameterKind{Kind}>{});
    for_each_parameter<Set, Kind + 1>(f);
  }
}

/// The value of an absent residual: z + -0 is z.
template <class C>
constexpr C no_residual = C(-0.0);

/// z: x with scale, bias and residual applied. The region of an element is the region of z.
template <class Set, class C, class Known>
RECTIFY_HD C fused_input(C x, const Element<C, Known>& e, C residual) {
  using std::fma;
  C z = x;
  if constexpr (Set::scale) {
    z = fma(x, e.scale, e.bias);
  } else if constexpr (Set::bias) {
    z = x + e.bias;
  }
  if constexpr (Set::residual) z = z + residual;
  return z;
}

/// The outputs of an element op: the value of y or dx, the gradient of z (which is dresidual), and the piece (for masks).
template <class C>
struct Result {
  C value, dz;
  PieceOf<Condition<C>> piece;
};

/// The terms that one element adds to the sums, in the compute type. With g = dy * gain:
///
///     dscale       dz * x                   dalpha       g * (z - threshold) if below, else 0
///     dbias        dz                       dthreshold   -alpha * g if below, else 0
///                                           dmax_value   g if saturated, else 0
///
/// The term of dthreshold is -dz, so it is 0 for an alpha of 0, even if dy is inf or NaN.
template <class C>
struct Terms {
  C x, dz, alpha, dz_below, max_value;

  /// The op tells the region once more, as is_above and is_saturated: the conditions by which these terms are selected.
  template <class Op, class Known>
  RECTIFY_HD static Terms of(const Op& op, const Element<C, Known>& e, const Result<C>& result, C x) {
    const C alpha_if_below = e.dvalue() * (e.z - e.f.threshold), capped = select(op.is_saturated(e), e.dvalue(), C(0));
    return {x, result.dz, select(op.is_above(e), C(0), alpha_if_below), select(op.is_above(e), C(0), result.dz),
            select(op.is_above(e), capped, C(0))};
  }

  /// Adds the terms to the sums of the set: sum(k) is a reference to the k-th of them.
  template <class Sums, class SumAt>
  RECTIFY_HD void add_to(Sums, const SumAt& sum) const {
    using std::fma;
    int k = 0;
    if constexpr (Sums::scale) {
      C& scale_sum = sum(k++);
      scale_sum = fma(dz, x, scale_sum);
    }
    if constexpr (Sums::bias) sum(k++) += dz;
    if constexpr (Sums::alpha) sum(k++) += alpha;
    if constexpr (Sums::threshold) sum(k++) -= dz_below;
    if constexpr (Sums::max_value) sum(k++) += max_value;
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

/// dz = dy * gain * slope(z), dx = dz * scale. It also serves the backward from y: z is then y, the threshold is 0, and
/// max_value is the cap as y stores it (host/validate.cpp).
template <class C>
struct BackwardOp {
  static constexpr bool reads_x = true, reads_dy = true, reads_mask = false;

  template <class Known>
  RECTIFY_HD Result<C> operator()(const Element<C, Known>& e) const {
    const auto piece = e.f.piece(e.z);
    const C dz = e.f.gradient(e.dvalue(), piece);
    return {dz * e.scale, dz, piece};
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

/// The same, with the piece read from a mask.
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
