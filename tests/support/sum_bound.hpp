// The error bound of sums.
#pragma once

#include "reference.hpp"
#include "tensor.hpp"

#include <cmath>
#include <limits>

namespace rectify::test {

/// |error| <= 2 (log2(terms) + 8) eps sum |terms| for a sum in f32 or f64, plus the smallest number for each term, as products may
/// underflow. If terms are not finite, the sum must be the same kind of number; if partial sums of finite terms may overflow, any result
/// is accepted.
inline testing::AssertionResult is_sum_of(DType dtype, double got, const reference::ExactSum& exact) {
  const bool wide = dtype == DType::f64;
  const double eps = wide ? std::numeric_limits<double>::epsilon() : std::numeric_limits<float>::epsilon();
  const double largest = wide ? std::numeric_limits<double>::max() : std::numeric_limits<float>::max();
  const double smallest = wide ? std::numeric_limits<double>::denorm_min() : std::numeric_limits<float>::denorm_min();
  bool good;
  if (std::isnan(exact.sum)) {
    good = std::isnan(got);
  } else if (std::isinf(exact.sum)) {
    good = std::isnan(got) || got == static_cast<double>(exact.sum);
  } else if (exact.magnitude > largest / 4) {
    good = true;
  } else {
    const long double terms = static_cast<long double>(std::max<std::int64_t>(exact.terms, 1));
    const long double bound = 2 * (std::log2(terms) + 8) * eps * exact.magnitude + terms * smallest;
    good = std::fabs(got - exact.sum) <= bound;
  }
  if (good) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "got " << got << ", the exact sum is " << static_cast<double>(exact.sum) << " of "
                                     << exact.terms << " terms, |terms| sum up to " << static_cast<double>(exact.magnitude);
}

}  // namespace rectify::test
