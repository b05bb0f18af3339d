// Uses ReluForward<T> and ReluBackward<T> in Thrust's algorithms, and compares each result with rectify::value and
// rectify::slope. Thrust runs them on the GPU in function_objects.cu, and with OpenMP in function_objects.cpp.
#pragma once

#include <rectify/relu.hpp>

#include <thrust/copy.h>
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/host_vector.h>
#include <thrust/inner_product.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>

#include <cstddef>
#include <cstdio>
#include <vector>

namespace examples {

using rectify::Relu;
using rectify::ReluBackward;
using rectify::ReluForward;
using Vector = thrust::device_vector<float>;

/// The parameters have few bits, so that every sum below is exact in double, in any order of additions. The inputs meet every
/// region.
constexpr Relu relu{0.25, -0.5, 6};
constexpr std::size_t size = 4099;

inline std::vector<float> ramp(double from, double step) {
  std::vector<float> all(size);
  for (std::size_t i = 0; i < size; ++i) all[i] = static_cast<float>(from + step * static_cast<double>(i));
  return all;
}

/// y = value(x)
inline Vector transform_forward(const Vector& x) {
  Vector y(x.size());
  thrust::transform(x.begin(), x.end(), y.begin(), ReluForward<float>(relu));
  return y;
}

/// dx = dy * slope(x), selected
inline Vector transform_backward(const Vector& dy, const Vector& x) {
  Vector dx(x.size());
  thrust::transform(dy.begin(), dy.end(), x.begin(), dx.begin(), ReluBackward<float>(relu));
  return dx;
}

/// The sum of value(x), in double. y is not stored.
inline double sum_of_values(const Vector& x) {
  return thrust::transform_reduce(x.begin(), x.end(), ReluForward<float>(relu), 0.0, thrust::plus<double>());
}

/// The sum of value(x) * w. The iterator computes y for the algorithm, and y is not stored.
inline double dot_of_values(const Vector& x, const Vector& w) {
  const auto y = thrust::make_transform_iterator(x.begin(), ReluForward<float>(relu));
  return thrust::inner_product(y, y + static_cast<std::ptrdiff_t>(x.size()), w.begin(), 0.0, thrust::plus<double>(),
                               thrust::multiplies<double>());
}

/// Prints whether each result equals the expected one, and counts those that do not.
class Report {
 public:
  void equal(const char* use, const std::vector<float>& got, const std::vector<float>& expected) { say(use, got == expected); }
  void equal(const char* use, double got, double expected) { say(use, got == expected); }
  int failures() const { return failures_; }

 private:
  void say(const char* use, bool same) {
    std::printf("%-44s %s\n", use, same ? "equal" : "DIFFERS");
    failures_ += same ? 0 : 1;
  }
  int failures_ = 0;
};

inline std::vector<float> on_host(const Vector& v) {
  std::vector<float> all(v.size());
  thrust::copy(v.begin(), v.end(), all.begin());
  return all;
}

/// The expected results, by rectify::value and rectify::slope.
struct Expected {
  std::vector<float> x = ramp(-16, 0.0078125), dy = ramp(8, -0.0078125), y = x, dx = x;
  double sum = 0, dot = 0;

  Expected() {
    for (std::size_t i = 0; i < size; ++i) {
      y[i] = rectify::value(relu, x[i]);
      dx[i] = dy[i] * rectify::slope(relu, x[i]);  // equal to ReluBackward's selection, because every dy is finite
      sum += static_cast<double>(y[i]);
      dot += static_cast<double>(y[i]) * static_cast<double>(dy[i]);
    }
  }
};

inline void check_thrust(Report& report, const Expected& expected) {
  const Vector x(expected.x.begin(), expected.x.end()), dy(expected.dy.begin(), expected.dy.end());
  report.equal("thrust::transform, forward", on_host(transform_forward(x)), expected.y);
  report.equal("thrust::transform, backward", on_host(transform_backward(dy, x)), expected.dx);
  report.equal("thrust::transform_reduce", sum_of_values(x), expected.sum);
  report.equal("thrust::transform_iterator", dot_of_values(x, dy), expected.dot);
}

}  // namespace examples
