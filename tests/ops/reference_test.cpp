// The reference, with which all other tests compare, against the same formula in long double.
#include "reference.hpp"

#include "cases.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rectify::test {
namespace {

/// One unit in the last place of dtype at v: the distance to the next number away from zero, at least the smallest subnormal.
long double ulp(DType dtype, long double v) {
  const auto [fraction, smallest] = dtype == DType::f16    ? std::pair{10, -14}
                                    : dtype == DType::bf16 ? std::pair{7, -126}
                                    : dtype == DType::f32  ? std::pair{23, -126}
                                                           : std::pair{52, -1022};
  const int exponent = v == 0 ? smallest : std::max(std::ilogb(v), smallest);
  return std::ldexp(1.0L, exponent - fraction);
}

double largest(DType dtype) {
  return dtype == DType::f16    ? 65504
         : dtype == DType::bf16 ? 0x1.fep127
         : dtype == DType::f32  ? static_cast<double>(std::numeric_limits<float>::max())
                                : std::numeric_limits<double>::max();
}

void expect_close(DType dtype, double got, long double exact) {
  if (std::isnan(exact)) {
    ASSERT_TRUE(std::isnan(got));
  } else if (std::isinf(got)) {
    ASSERT_EQ(std::signbit(got), std::signbit(exact));
    ASSERT_GT(std::fabs(exact), static_cast<long double>(largest(dtype)) * (1 - std::numeric_limits<float>::epsilon()));
  } else {
    ASSERT_LE(std::fabs(static_cast<long double>(got) - exact), 2 * ulp(dtype, exact)) << got << " for " << exact;
  }
}

TEST(Reference, IsWithinTwoUlpOfTheExactValue) {
  if (std::numeric_limits<long double>::digits < 64) GTEST_SKIP() << "long double is no wider than double here";
  for (DType dtype : dtypes) {
    for (const Named& set : parameter_sets()) {
      SCOPED_TRACE(name(dtype) + " " + set.name);
      Bytes x = edges(dtype, set.relu);
      const Bytes more = random_patterns(dtype, 20000, 11);
      x.insert(x.end(), more.begin(), more.end());
      const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
      const Placement at(Shape{static_cast<std::int64_t>(x.size() / size)});
      Bytes dy = x, y = x, dx = x;
      std::rotate(dy.begin(), dy.begin() + static_cast<std::ptrdiff_t>(17 * size), dy.end());
      reference::forward(set.relu, host_view(x, dtype, at), host_view(y, dtype, at));
      reference::backward(set.relu, host_view(dy, dtype, at), host_view(x, dtype, at), host_view(dx, dtype, at));
      for (std::size_t i = 0; i < x.size(); i += size) {
        const double x_i = reference::load(dtype, &x[i]), dy_i = reference::load(dtype, &dy[i]);
        expect_close(dtype, reference::load(dtype, &y[i]), reference::exact_value(set.relu, dtype, x_i));
        expect_close(dtype, reference::load(dtype, &dx[i]), reference::exact_gradient(set.relu, dtype, dy_i, x_i));
        ASSERT_FALSE(HasFailure()) << "x " << x_i << ", dy " << dy_i;
      }
    }
  }
}

/// The reference must not share a mistake with the library, so it is compared with numbers computed by hand.
TEST(Reference, GivesNumbersComputedByHand) {
  const Relu all{0.5, 1, 6};
  Bytes x, y;
  const double in[] = {-1, 1, 1.5, 6, 7}, expected[] = {-1, 0, 1.5, 6, 6}, slopes[] = {0.5, 0.5, 1, 0, 0};
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(reference::exact_value(all, DType::f32, in[i]), expected[i]);
    EXPECT_EQ(reference::exact_gradient(all, DType::f32, 1, in[i]), slopes[i]);
  }
}

}  // namespace
}  // namespace rectify::test
