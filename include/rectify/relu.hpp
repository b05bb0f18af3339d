// The function: its three parameters (Relu), its regions, its value and slope, and function objects that apply it. The
// arithmetic is defined here (detail::Rectifier), and both backends compute with it; core/element_ops.hpp calls it. The
// reference that tests compare with (host/reference/) repeats it on purpose, so that an error here shows as a difference.
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
#pragma GCC diagnostic ignored "-Wfloat-equal"  // exact comparisons are intended here, as of x with itself for NaN
#endif

/// The whole library: the function (Relu, ReluForward, ReluBackward), views of tensors (TensorView), and the functions that
/// process tensors (forward, backward).
namespace rectify {

/// The rectifier of three parameters (Keras's relu(alpha, max_value, threshold), as its code executes it):
///
///     region(x) = below      if  not (x > threshold)            also x == threshold, and NaN
///                 saturated  if  max_value < inf and x >= max_value
///                 linear     otherwise
///     value(x)  = NaN if x is NaN;  else  alpha * (x - threshold) | max_value | x      below | saturated | linear
///     slope(x)  = alpha | 0 | 1                                                        below | saturated | linear
///
/// At x == threshold the slope is that of below, at x == max_value it is 0. If alpha is 0, the value below is exactly +0, also
/// for x = -inf. alpha and threshold must be finite, and max_value must be at least threshold; +inf is no cap. Functions that
/// use a Relu throw InvalidArgument if it is not valid.
struct Relu {
  double alpha = 0;                                            ///< slope below the threshold; negative and above 1 are valid
  double threshold = 0;                                        ///< x == threshold is below: the comparison is x > threshold
  double max_value = std::numeric_limits<double>::infinity();  ///< cap of the linear region; +inf for no cap
};

/// True if all parameters are equal. presets::keras::relu(0.3) equals leaky_relu(0.3).
constexpr bool operator==(const Relu& a, const Relu& b) {
  return a.alpha == b.alpha && a.threshold == b.threshold && a.max_value == b.max_value;
}
/// True if a parameter differs.
constexpr bool operator!=(const Relu& a, const Relu& b) { return !(a == b); }

/// The region that x falls in. The enumerators have the values of the codes in a mask of two bits.
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

/// +inf. A variable, because device code may read a host constant but not call numeric_limits.
template <class C>
constexpr C no_cap = std::numeric_limits<C>::infinity();

/// The type of a comparison: bool, or a condition for each lane if C is a vector of the CPU backend (host/cpu/vector.hpp).
template <class C>
using Condition = decltype(C{} > C{});

template <class C>
RECTIFY_HD constexpr C select(bool condition, C a, C b) {
  return condition ? a : b;
}

/// A Region as two conditions; if below is true, saturated has no meaning. Kernels and loops use this form, because nvcc 13.0
/// compiled the enumeration to branches, and vectors have no branches.
template <class B>
struct PieceOf {
  B below, saturated;

  RECTIFY_HD constexpr Region region() const { return below ? Region::below : saturated ? Region::saturated : Region::linear; }
};
using Piece = PieceOf<bool>;

/// What is known of the parameters when code is compiled: operations for values that they cannot have are left out. The CPU
/// backend looks at the parameters before a loop and chooses one that is compiled for them.
template <bool MayCap, bool MayBeFlat, bool MaySlope, bool MayGain>
struct KnownParameters {
  static constexpr bool may_cap = MayCap;         ///< max_value may be less than +inf
  static constexpr bool may_be_flat = MayBeFlat;  ///< alpha may be 0
  static constexpr bool may_slope = MaySlope;     ///< alpha may be other than 0
  static constexpr bool may_gain = MayGain;       ///< the gain of a call may be other than 1
};
using Anything = KnownParameters<true, true, true, true>;

/// The arithmetic, with parameters that are rounded to the compute type C, which may be a vector. All regions are computed and
/// one is selected, because vectors have no branches. `Known` is a KnownParameters.
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

  /// NaN is below. Its value is NaN, also for an alpha of 0.
  RECTIFY_HD constexpr C value(C x) const {
    if constexpr (std::is_same_v<Condition<C>, bool>) {
      if (__builtin_is_constant_evaluated() && x != x) return x;  // a constant expression must not compute a NaN
    }
    C above = x;
    if constexpr (Known::may_cap) above = select(x >= max_value, max_value, x);  // without a cap, inf is inf
    if constexpr (!Known::may_slope) return select(x == x, select(is_below(x), C(0), above), x);
    const C sloped = needed(is_below(x)) ? alpha * (x - threshold) : C(0);
    if constexpr (!Known::may_be_flat) return select(is_below(x), sloped, above);
    return select(is_below(x), select((alpha != C(0)) | (x != x), sloped, C(0)), above);
  }

  /// dy * slope. It is selected, and never multiplied by a slope of 0 or 1, so it is 0 if the slope is 0, even if dy is inf or
  /// NaN.
  RECTIFY_HD constexpr C gradient(C dy, PieceOf<Condition<C>> piece) const {
    const C above = Known::may_cap ? select(piece.saturated, C(0), dy) : dy;
    return with_slope(piece.below, needed(piece.below) ? alpha * dy : C(0), above);
  }

 private:
  /// False only in a constant expression that does not use the product with alpha: it must not compute a product that is not a
  /// constant expression, as 0 * inf is.
  RECTIFY_HD constexpr bool needed(Condition<C> below) const {
    if constexpr (std::is_same_v<Condition<C>, bool>) {
      return !__builtin_is_constant_evaluated() || (below && alpha != C(0));
    } else {
      return true;
    }
  }

  /// Selects `sloped` if below, otherwise `above`. If alpha is 0, it selects exactly 0 instead of `sloped`, which may be 0 *
  /// inf.
  RECTIFY_HD constexpr C with_slope(Condition<C> below, C sloped, C above) const {
    if constexpr (!Known::may_be_flat) return select(below, sloped, above);
    if constexpr (!Known::may_slope) return select(below, C(0), above);
    const C flat = select(below, C(0), above);
    return select(below & (alpha != C(0)), sloped, flat);
  }
};

/// v rounded to C, to nearest even. A v beyond the range of C becomes an infinity; a cast of it would be undefined.
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

/// v in decimal, with as many digits as tell it from all other values of double, and a point in every locale.
inline std::string text_of(double v) {
  if (v != v) return "nan";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.9g", v);
  if (std::strtod(digits, nullptr) != v) std::snprintf(digits, sizeof digits, "%.17g", v);
  std::string text = digits;
  const std::string point = std::localeconv()->decimal_point;
  const auto position = text.find(point);
  return position == std::string::npos ? text : text.replace(position, point.size(), ".");
}

[[noreturn]] inline void reject_parameter(const char* name, const std::string& expected, double got) {
  raise(InvalidArgument(name + (": expected " + expected) + ", got " + text_of(got)));
}

template <class C>
constexpr bool is_finite(C v) {
  return v - v == C(0);
}

/// The parameters, rounded to the compute type. Throws InvalidArgument if they are not valid, before or after rounding.
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

/// The value of the function at x, computed as forward computes it. Throws InvalidArgument for parameters that are not valid.
template <class T>
constexpr T value(const Relu& relu, T x) {
  using C = detail::Compute<T>;
  return static_cast<T>(detail::rounded<C>(relu).value(static_cast<C>(x)));
}

/// The slope of the function at x, as Relu defines it at its kinks; at NaN it is alpha. Throws InvalidArgument for parameters
/// that are not valid.
template <class T>
constexpr T slope(const Relu& relu, T x) {
  using C = detail::Compute<T>;
  const auto f = detail::rounded<C>(relu);
  const Region region = f.piece(static_cast<C>(x)).region();
  return static_cast<T>(region == Region::below ? f.alpha : region == Region::saturated ? C(0) : C(1));
}

}  // namespace RECTIFY_COPY

/// A function object that computes y = value(x), for Thrust, CUB, CUTLASS and kernels of your own, in host and device code. T
/// is double, or a type that static_cast converts to and from float: float, or __half and __nv_bfloat16 unless macros as
/// __CUDA_NO_HALF_CONVERSIONS__ remove their conversions. Integers do not compile. Compile without fast math, because NaN is
/// part of the definition.
template <class T>
struct ReluForward {
  /// Applies relu(). Host and device code, because CUTLASS default-constructs the arguments of an epilogue in both.
  ReluForward() = default;
  /// Applies `relu`. Throws InvalidArgument for parameters that are not valid. Host code only. Parameters are rounded in the
  /// rounding mode of the calling thread.
  [[gnu::always_inline]] explicit ReluForward(const Relu& relu) : f(detail::rounded<detail::Compute<T>>(relu)) {}

  /// Returns value(x), computed in float (double if T is double) and rounded once to T.
  RECTIFY_HD T operator()(const T& x) const { return static_cast<T>(f.value(static_cast<detail::Compute<T>>(x))); }

  /// Not part of the interface: the parameters, rounded to the compute type.
  detail::Rectifier<detail::Compute<T>> f{0, 0, detail::no_cap<detail::Compute<T>>};
};

/// A function object that computes dx = dy * slope(x), selected. T is as in ReluForward.
template <class T>
struct ReluBackward {
  /// Applies the gradient of relu(). Host and device code.
  ReluBackward() = default;
  /// Applies the gradient of `relu`. Throws InvalidArgument for parameters that are not valid. Host code only.
  [[gnu::always_inline]] explicit ReluBackward(const Relu& relu) : f(detail::rounded<detail::Compute<T>>(relu)) {}

  /// Returns dy, alpha * dy or +0, by the region of x; computed in float (double if T is double) and rounded once to T.
  RECTIFY_HD T operator()(const T& dy, const T& x) const {
    using C = detail::Compute<T>;
    return static_cast<T>(f.gradient(static_cast<C>(dy), f.piece(static_cast<C>(x))));
  }

  /// Not part of the interface: the parameters, rounded to the compute type.
  detail::Rectifier<detail::Compute<T>> f{0, 0, detail::no_cap<detail::Compute<T>>};
};

}  // namespace rectify

#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif
