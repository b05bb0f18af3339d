// The formats f16 and bf16 as they are defined, for the reference: values are computed arithmetically, without operations on
// the bits of a float.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace rectify::reference {

/// A binary format of 16 bits: a sign, an exponent, and `fraction` bits of fraction. `smallest` is the exponent of the smallest
/// normal value.
struct Half {
  int fraction, smallest;
  std::uint16_t infinity;
};
constexpr Half f16{10, -14, 0x7c00};
constexpr Half bf16{7, -126, 0x7f80};

inline double decode(Half format, std::uint16_t bits) {
  const int magnitude = bits & 0x7fff, exponent = magnitude >> format.fraction,
            fraction = magnitude & ((1 << format.fraction) - 1);
  double v;
  if (magnitude > format.infinity) return std::numeric_limits<double>::quiet_NaN();
  if (magnitude == format.infinity) {
    v = std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    v = std::ldexp(fraction, format.smallest - format.fraction);
  } else {
    v = std::ldexp(fraction + (1 << format.fraction), exponent - 1 + format.smallest - format.fraction);
  }
  return bits & 0x8000 ? -v : v;
}

/// The values of all bit patterns, in order.
inline std::vector<double> every(Half format) {
  std::vector<double> all;
  for (unsigned bits = 0; bits < 65536; ++bits) all.push_back(decode(format, static_cast<std::uint16_t>(bits)));
  return all;
}

inline std::uint16_t encode(Half format, float v) {
  const int sign = std::signbit(v) ? 0x8000 : 0;
  if (std::isnan(v)) return static_cast<std::uint16_t>(format.infinity + 1);
  if (std::isinf(v)) return static_cast<std::uint16_t>(sign | format.infinity);
  const double magnitude = std::fabs(static_cast<double>(v));
  const int exponent = magnitude == 0 ? format.smallest : std::max(std::ilogb(magnitude), format.smallest);
  const double steps =
      std::nearbyint(std::ldexp(magnitude, format.fraction - exponent));  // exact up to the rounding, which is to even
  // A carry into the exponent gives the next larger value, and infinity after the largest.
  const double bits = steps + std::ldexp(exponent - format.smallest, format.fraction);
  return static_cast<std::uint16_t>(sign | static_cast<int>(std::fmin(bits, format.infinity)));
}

}  // namespace rectify::reference
