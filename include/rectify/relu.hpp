// The function itself: its three parameters, its regions, and the function objects that apply it.
// This is the only definition of the arithmetic; both backends and every kernel compose what stands here.
#pragma once

#include <rectify/detail/host_device.hpp>
#include <rectify/error.hpp>

#include <clocale>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <type_traits>

#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wfloat-equal"  // parameters are compared with what they were set to, and x with itself
#endif

/// All of it: the function (Relu, ReluForward, ReluBackward), tensors (TensorView), and the two verbs (forward, backward).
namespace rectify {

/// The rectifier of three parameters (Keras's relu(alpha, max_value, threshold), as its code executes it):
///
///     region(x) = below      if  not (x > threshold)            also x == threshold, and NaN
///                 saturated  if  max_value < inf and x >= max_value
///                 linear     otherwise
///     value(x)  = NaN if x is NaN;  else  alpha * (x - threshold) | max_value | x      below | saturated | linear
///     slope(x)  = alpha | 0 | 1                                                        a kink takes the lower piece
///
/// alpha == 0 gives exactly +0 below, also for x = -inf. max_value caps the positive side only.
/// Valid: alpha and threshold finite, max_value >= threshold, +inf for no cap. Else InvalidArgument where it is used.
struct Relu {
  double alpha = 0;                                            ///< slope below the threshold; negative and above 1 are valid
  double threshold = 0;                                        ///< itself below: the comparison is x > threshold
  double max_value = std::numeric_limits<double>::infinity();  ///< of the linear piece, which +inf does not cap
};

/// Equal parameters are the same function, whatever it was called: relu with alpha 0.3 is leaky_relu with alpha 0.3.
constexpr bool operator==(const Relu& a, const Relu& b) {
  return a.alpha == b.alpha && a.threshold == b.threshold && a.max_value == b.max_value;
}
/// Not ==.
constexpr bool operator!=(const Relu& a, const Relu& b) { return !(a == b); }

/// The piece of the function that x falls on. The numbers are the codes of a two-bit mask.
enum class Region : unsigned char { below = 0, linear = 1, saturated = 2 };

namespace detail {
inline namespace RECTIFY_COPY {

/// The type in which a storage type T is computed: double for double, float for every other floating-point type.
template <class T>
struct ComputeOf {
  static_assert(!std::is_integral_v<T>, "rectify computes on floating-point types; convert integers first");
  static_assert(!std::is_same_v<T, long double>, "rectify computes in double at most");
  using type = float;
};
template <>
struct ComputeOf<double> {
  using type = double;
};
template <class T>
using Compute = typename ComputeOf<T>::type;

/// A variable, because device code may read a constant of the host but not call numeric_limits.
template <class C>
constexpr C no_cap = std::numeric_limits<C>::infinity();

/// The type of a comparison: bool, or a mask of lanes where C is a vector of the CPU backend (host/cpu/vector.hpp).
template <class C>
using Condition = decltype(C{} > C{});

template <class C>
RECTIFY_HD constexpr C select(bool condition, C a, C b) {
  return condition ? a : b;
}

/// A Region as two questions, the second of which counts only where the first says no. Kernels and loops keep to this form:
/// a detour through the enumeration costs branches on a GPU (nvcc 13.0), and vectors have no branches.
template <class B>
struct PieceOf {
  B below, saturated;

  RECTIFY_HD constexpr Region region() const { return below ? Region::below : saturated ? Region::saturated : Region::linear; }
};
using Piece = PieceOf<bool>;

/// What the parameters may be: of those that cannot be, nothing is computed. The CPU backend asks before its loops.
template <bool MayCap, bool MayBeFlat, bool MaySlope, bool MayGain>
struct KnownParameters {
  static constexpr bool may_cap = MayCap;         ///< max_value may be less than +inf
  static constexpr bool may_be_flat = MayBeFlat;  ///< alpha may be 0
  static constexpr bool may_slope = MaySlope;     ///< alpha may be another number
  static constexpr bool may_gain = MayGain;       ///< the gain of a call may be another number than 1
};
using Anything = KnownParameters<true, true, true, true>;

/// The arithmetic, on parameters already rounded to the compute type C, which may be a vector. Both sides of every choice are
/// computed and one is selected, for the same reason. `Known`: of the parameters, when it is compiled.
template <class C, class Known = Anything>
struct Rectifier {
  C alpha, threshold, max_value;

  RECTIFY_HD constexpr Condition<C> is_below(C x) const { return !(x > threshold); }
  RECTIFY_HD constexpr Condition<C> is_saturated(C x) const {
    if constexpr (!Known::may_cap) {
      return Condition<C>{};
    } else if constexpr (std::is_same_v<Condition<C>, bool>) {
      return max_value < no_cap<C> && x >= max_value;  // with & nvcc 13.0 needs more registers
    } else {
      return (C(std::numeric_limits<float>::infinity()) > max_value) & (x >= max_value);
    }
  }
  RECTIFY_HD constexpr PieceOf<Condition<C>> piece(C x) const { return {is_below(x), is_saturated(x)}; }

  /// NaN is below, and alpha * NaN is NaN, also for an alpha of 0.
  RECTIFY_HD constexpr C value(C x) const {
    if constexpr (std::is_same_v<Condition<C>, bool>) {
      if (__builtin_is_constant_evaluated() && x != x) return x;  // in a constant expression nothing may become NaN
    }
    C above = x;
    if constexpr (Known::may_cap) above = select(x >= max_value, max_value, x);  // without a cap, inf is inf
    if constexpr (!Known::may_slope) return select(x == x, select(is_below(x), C(0), above), x);
    const C sloped = needed(is_below(x)) ? alpha * (x - threshold) : C(0);
    if constexpr (!Known::may_be_flat) return select(is_below(x), sloped, above);
    return select(is_below(x), select((alpha != C(0)) | (x != x), sloped, C(0)), above);
  }

  /// dy * slope, selected and never multiplied by a slope of 0 or 1: dy = inf or NaN where the slope is 0 gives 0.
  RECTIFY_HD constexpr C gradient(C dy, PieceOf<Condition<C>> at) const {
    const C above = Known::may_cap ? select(at.saturated, C(0), dy) : dy;
    return with_slope(at.below, needed(at.below) ? alpha * dy : C(0), above);
  }

 private:
  /// In a constant expression a product that is not used must not be formed either (0 * inf is none); everywhere else, always
  /// true.
  RECTIFY_HD constexpr bool needed(Condition<C> below) const {
    if constexpr (std::is_same_v<Condition<C>, bool>) {
      return !__builtin_is_constant_evaluated() || (below && alpha != C(0));
    } else {
      return true;
    }
  }

  /// above, or below the threshold: `sloped`, but exactly 0 for an alpha of 0 (never 0 * inf).
  RECTIFY_HD constexpr C with_slope(Condition<C> below, C sloped, C above) const {
    if constexpr (!Known::may_be_flat) return select(below, sloped, above);
    if constexpr (!Known::may_slope) return select(below, C(0), above);
    const C flat = select(below, C(0), above);
    return select(below & (alpha != C(0)), sloped, flat);
  }
};

/// v rounded to nearest even in C; what C cannot hold becomes an infinity (a plain cast would be undefined there).
template <class C>
constexpr C round_to(double v) {
  if constexpr (std::is_same_v<C, double>) {
    return v;
  } else {
    constexpr auto largest = static_cast<double>((std::numeric_limits<float>::max)());
    constexpr double rounds_to_infinity = 0x1.ffffffp127;  // largest plus half an ulp; the tie goes to the even neighbour
    if (v > largest)
      return v < rounds_to_infinity ? (std::numeric_limits<float>::max)() : std::numeric_limits<float>::infinity();
    if (v < -largest) return -round_to<C>(-v);
    return static_cast<float>(v);
  }
}

/// As many digits as tell the number from all others, with a point whatever the locale.
inline std::string text_of(double v) {
  if (v != v) return "nan";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.9g", v);
  if (std::strtod(digits, nullptr) != v) std::snprintf(digits, sizeof digits, "%.17g", v);
  std::string text = digits;
  const std::string point = std::localeconv()->decimal_point;
  const auto at = text.find(point);
  return at == std::string::npos ? text : text.replace(at, point.size(), ".");
}

[[noreturn]] inline void reject_parameter(const char* name, const std::string& expected, double got) {
  raise(InvalidArgument(name + (": expected " + expected) + ", got " + text_of(got)));
}

template <class C>
constexpr bool is_finite(C v) {
  return v - v == C(0);
}

/// The parameters in the compute type. Throws InvalidArgument where they are not valid as given or after rounding.
template <class C>
constexpr Rectifier<C> rounded(const Relu& relu) {
  if (!is_finite(relu.alpha)) reject_parameter("alpha", "a finite number", relu.alpha);
  if (!is_finite(relu.threshold)) reject_parameter("threshold", "a finite number", relu.threshold);
  if (!(relu.max_value >= relu.threshold))
    reject_parameter("max_value", "a number not below threshold, which is " + text_of(relu.threshold), relu.max_value);
  const Rectifier<C> in_c{round_to<C>(relu.alpha), round_to<C>(relu.threshold), round_to<C>(relu.max_value)};
  if (!is_finite(in_c.alpha)) reject_parameter("alpha", "a number within the range of float", relu.alpha);
  if (!is_finite(in_c.threshold)) reject_parameter("threshold", "a number within the range of float", relu.threshold);
  return in_c;
}

}  // namespace RECTIFY_COPY
}  // namespace detail

inline namespace RECTIFY_COPY {

/// The function at one point, computed as the kernels compute it. Throws InvalidArgument for parameters that are not valid.
template <class T>
constexpr T value(const Relu& relu, T x) {
  using C = detail::Compute<T>;
  return static_cast<T>(detail::rounded<C>(relu).value(static_cast<C>(x)));
}

/// The derivative at one point; at a kink that of the lower piece, at NaN that of below.
template <class T>
constexpr T slope(const Relu& relu, T x) {
  using C = detail::Compute<T>;
  const auto f = detail::rounded<C>(relu);
  const Region at = f.piece(static_cast<C>(x)).region();
  return static_cast<T>(at == Region::below ? f.alpha : at == Region::saturated ? C(0) : C(1));
}

}  // namespace RECTIFY_COPY

/// y = value(x), for Thrust, CUB, CUTLASS and kernels of your own. Host and device.
/// T: double, or any type with static_cast to and from float (float, __half, __nv_bfloat16 unless their conversions are
/// switched off by __CUDA_NO_HALF_CONVERSIONS__ and its like); integers do not compile. Compile without fast math: NaN is part
/// of the definition.
template <class T>
struct ReluForward {
  /// relu(). Host and device, because CUTLASS makes the arguments of an epilogue before it fills them in.
  ReluForward() = default;
  /// Throws InvalidArgument for parameters that are not valid. Host only. The parameters are rounded as the caller's thread rounds.
  [[gnu::always_inline]] explicit ReluForward(const Relu& relu) : f(detail::rounded<detail::Compute<T>>(relu)) {}

  /// value(x), rounded once to T from the compute type.
  RECTIFY_HD T operator()(const T& x) const { return static_cast<T>(f.value(static_cast<detail::Compute<T>>(x))); }

  /// The parameters, rounded to the compute type: not part of the interface.
  detail::Rectifier<detail::Compute<T>> f{0, 0, detail::no_cap<detail::Compute<T>>};
};

/// dx = dy * slope(x), selected. T as in ReluForward.
template <class T>
struct ReluBackward {
  /// The gradient of relu(). Host and device.
  ReluBackward() = default;
  /// Throws InvalidArgument for parameters that are not valid. Host only.
  [[gnu::always_inline]] explicit ReluBackward(const Relu& relu) : f(detail::rounded<detail::Compute<T>>(relu)) {}

  /// dy, alpha * dy or +0, by the piece that x falls on; rounded once to T from the compute type.
  RECTIFY_HD T operator()(const T& dy, const T& x) const {
    using C = detail::Compute<T>;
    return static_cast<T>(f.gradient(static_cast<C>(dy), f.piece(static_cast<C>(x))));
  }

  /// The parameters, rounded to the compute type: not part of the interface.
  detail::Rectifier<detail::Compute<T>> f{0, 0, detail::no_cap<detail::Compute<T>>};
};

}  // namespace rectify

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
