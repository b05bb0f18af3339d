// Means, deviations and a paired test of figures that were measured in pairs.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace rectify::harness {

inline double mean(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

/// Of a sample: divides by n - 1. 0 for a single value.
inline double standard_deviation(const std::vector<double>& values) {
  if (values.size() < 2) return 0;
  const double middle = mean(values);
  double squares = 0;
  for (const double value : values) squares += (value - middle) * (value - middle);
  return std::sqrt(squares / static_cast<double>(values.size() - 1));
}

/// The probability that |t| of Student's distribution is at least this: the finite sums of Abramowitz and Stegun, 26.7.3 and
/// 26.7.4.
inline double student_p(double t, int degrees_of_freedom) {
  const bool odd = degrees_of_freedom % 2 == 1;
  const double angle = std::atan(std::fabs(t) / std::sqrt(degrees_of_freedom)), cosine = std::cos(angle);
  double term = odd ? cosine : 1, sum = degrees_of_freedom == 1 ? 0 : term;
  for (int k = odd ? 3 : 2; k < degrees_of_freedom; k += 2) {
    term *= cosine * cosine * (k - 1) / k;
    sum += term;
  }
  sum *= std::sin(angle);
  if (odd) sum = (angle + sum) * 2 / std::acos(-1.0);
  return std::max(1 - sum, 0.0);
}

struct PairedTest {
  double difference = 0;  ///< mean of a - b
  double t = 0, p = 1;    ///< two-sided; p is 1 if there are fewer than two pairs or the mean of the differences is 0
};

/// Student's paired test with the correction of Nadeau and Bengio (2003): training sets of two folds overlap, so results vary
/// less than independent ones would, and the plain test finds differences that do not exist. `test_share` is the size of a fold
/// relative to its training set.
inline PairedTest paired_test(const std::vector<double>& a, const std::vector<double>& b, double test_share) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < a.size(); ++i) differences.push_back(a[i] - b[i]);
  const double n = static_cast<double>(a.size()), difference = mean(differences);
  if (a.size() < 2 || difference == 0) return {difference, 0, 1};
  // Infinite if all differences are equal.
  const double t = difference / (standard_deviation(differences) * std::sqrt(1 / n + test_share));
  return {difference, t, student_p(t, static_cast<int>(a.size()) - 1)};
}

}  // namespace rectify::harness
