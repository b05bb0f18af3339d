// Both function objects in thrust::transform, on the host and on Thrust's device system: the GPU, or the host in a build without CUDA.
#include <rectify/rectify.hpp>

#include "reference.hpp"

#include <thrust/device_vector.h>
#include <thrust/execution_policy.h>
#include <thrust/host_vector.h>
#include <thrust/transform.h>

#include <gtest/gtest.h>

namespace rectify {
namespace {

constexpr Relu parameters{0.3, 0.5, 6};

template <class T>
thrust::host_vector<T> ramp(double from, double step) {
  thrust::host_vector<T> all(4001);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<T>(from + step * static_cast<double>(i));
  return all;
}

template <class T>
class Thrust : public testing::Test {
 protected:
  Thrust() : y(x.size()), dx(x.size()), expected_y(x.size()), expected_dx(x.size()) {
    const Shape shape{static_cast<std::int64_t>(x.size())};
    const TensorView x_view(x.data(), shape, Device::cpu()), dy_view(dy.data(), shape, Device::cpu());
    reference::forward(parameters, x_view, TensorView(expected_y.data(), shape, Device::cpu()));
    reference::backward(parameters, dy_view, x_view, TensorView(expected_dx.data(), shape, Device::cpu()));
  }

  thrust::host_vector<T> x = ramp<T>(-10, 0.005), dy = ramp<T>(3, -0.0017), y, dx, expected_y, expected_dx;
};
using Types = testing::Types<float, double>;
TYPED_TEST_SUITE(Thrust, Types);

TYPED_TEST(Thrust, TransformsOnTheHost) {
  thrust::transform(thrust::host, this->x.begin(), this->x.end(), this->y.begin(), ReluForward<TypeParam>(parameters));
  thrust::transform(thrust::host, this->dy.begin(), this->dy.end(), this->x.begin(), this->dx.begin(),
                    ReluBackward<TypeParam>(parameters));
  EXPECT_EQ(this->y, this->expected_y);
  EXPECT_EQ(this->dx, this->expected_dx);
}

TYPED_TEST(Thrust, TransformsOnTheDevice) {
#if THRUST_DEVICE_SYSTEM == THRUST_DEVICE_SYSTEM_CUDA
  if (!cuda_available()) GTEST_SKIP() << "no GPU";
#endif
  const thrust::device_vector<TypeParam> x = this->x, dy = this->dy;
  thrust::device_vector<TypeParam> y(x.size()), dx(x.size());
  thrust::transform(x.begin(), x.end(), y.begin(), ReluForward<TypeParam>(parameters));
  thrust::transform(dy.begin(), dy.end(), x.begin(), dx.begin(), ReluBackward<TypeParam>(parameters));
  EXPECT_EQ(thrust::host_vector<TypeParam>(y), this->expected_y);
  EXPECT_EQ(thrust::host_vector<TypeParam>(dx), this->expected_dx);
}

}  // namespace
}  // namespace rectify
