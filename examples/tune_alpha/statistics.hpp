// Means, deviations and a paired test, for figures of the same runs under two alphas.
#pragma once

#include <vector>

namespace tune {

double mean(const std::vector<double>& values);
/// Of a sample: with n - 1; 0 for a single value.
double standard_deviation(const std::vector<double>& values);

struct PairedTest {
  double difference = 0;  ///< mean of a - b
  double t = 0, p = 1;    ///< two-sided; p is 1 where there are fewer than two pairs or all differences are 0
};

/// Student's paired test with the correction of Nadeau and Bengio (2003): folds share most of what they are trained on, so their
/// results vary less than independent ones would, and the plain test finds differences that are not there. `test_share` is the size
/// of a fold relative to what is trained on.
PairedTest paired_test(const std::vector<double>& a, const std::vector<double>& b, double test_share);

/// The probability that |t| of Student's distribution is at least this.
double student_p(double t, double degrees_of_freedom);

}  // namespace tune
