// The function at single points: its definition, its presets, and the statements of docs/semantics.md.
#include <rectify/presets.hpp>
#include <rectify/relu.hpp>
#include <rectify/tensor_view.hpp>

#include "core/half.hpp"

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <limits>
#include <string>

namespace rectify {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

/// An x, and the expected value and slope.
struct Point {
  float x, value, slope;
};

void expect_points(const Relu& relu, std::initializer_list<Point> points) {
  for (const Point& p : points) {
    const float got = value(relu, p.x);
    EXPECT_TRUE(got == p.value || (std::isnan(got) && std::isnan(p.value)))
        << "x " << p.x << ": value " << got << ", expected " << p.value;
    EXPECT_TRUE(std::isnan(got) || std::signbit(got) == std::signbit(p.value)) << "x " << p.x;
    EXPECT_EQ(slope(relu, p.x), p.slope) << "x " << p.x;
  }
}

TEST(Relu, FollowsItsDefinition) {
  expect_points(relu(), {{-1, 0, 0}, {0, 0, 0}, {-0.0f, 0, 0}, {2, 2, 1}, {-inf, 0, 0}, {inf, inf, 1}, {nan, nan, 0}});
  expect_points(relu6(), {{-1, 0, 0}, {0, 0, 0}, {3, 3, 1}, {6, 6, 0}, {7, 6, 0}, {inf, 6, 0}, {-inf, 0, 0}, {nan, nan, 0}});
  expect_points(leaky_relu(0.5),
                {{-2, -1, 0.5}, {0, 0, 0.5}, {-0.0f, -0.0f, 0.5}, {-inf, -inf, 0.5}, {nan, nan, 0.5}, {3, 3, 1}});
  expect_points({0.5, 1, 6}, {{-1, -1, 0.5}, {1, 0, 0.5}, {1.5, 1.5, 1}, {6, 6, 0}, {7, 6, 0}});
  expect_points({0, 1}, {{1, 0, 0}, {-2, 0, 0}, {3, 3, 1}, {-inf, 0, 0}, {nan, nan, 0}, {-0.0f, 0, 0}});
  expect_points({0.5, 1, 1}, {{0, -0.5, 0.5}, {1, 0, 0.5}, {2, 1, 0}});
}

TEST(Relu, CapsThePositiveSideOnly) {
  expect_points({-1, 0, 1}, {{-5, 5, -1}});
  expect_points({-0.5, 0, 6}, {{-100, 50, -0.5}, {-inf, inf, -0.5}});
}

TEST(Relu, GivesPlusZeroBelowIfAlphaIsZero) {
  for (double alpha : {0.0, -0.0, 1e-60}) expect_points({alpha}, {{-1, 0, 0}, {-inf, 0, 0}, {-0.0f, 0, 0}});
}

TEST(Relu, IsAConstantExpression) {
  static_assert(value(leaky_relu(0.5), -2.0f) == -1.0f);
  static_assert(value(relu(), inf) == inf && value(relu(), -inf) == 0 && value(relu6(), inf) == 6);
  static_assert(value(leaky_relu(2), std::numeric_limits<float>::max()) == std::numeric_limits<float>::max());
  static_assert(slope(relu6(), 6.0) == 0.0);
  static_assert(value(Relu{0.5, 0, 1e300}, inf) == inf, "a cap beyond float is no cap");
  static_assert(presets::keras::relu(0.3) == leaky_relu(0.3));
}

TEST(Presets, HaveTheDefaultsOfTheirSystems) {
  EXPECT_EQ(presets::torch::leaky_relu(), leaky_relu(0.01));
  EXPECT_EQ(presets::jax::leaky_relu(), leaky_relu(0.01));
  EXPECT_EQ(presets::onnx::leaky_relu(), leaky_relu(0.01));
  EXPECT_EQ(presets::tf::leaky_relu(), leaky_relu(0.2));
  EXPECT_EQ(presets::keras::leaky_relu(), leaky_relu(0.3));
  EXPECT_EQ(presets::keras::relu(0.1, 6, 1), (Relu{0.1, 1, 6}));
  EXPECT_EQ(presets::keras::relu(), relu());
  EXPECT_EQ(presets::keras::thresholded_relu(), (Relu{0, 1}));
  EXPECT_EQ(presets::onnx::thresholded_relu(), (Relu{0, 1}));
  EXPECT_EQ(presets::torch::relu6(), relu6());
  EXPECT_NE(leaky_relu(0.3), leaky_relu(0.2));
}

// Statements of docs/semantics.md for users of other systems.
TEST(Semantics, KeepXAboveANegativeThresholdWithACap) { expect_points({0, -1, 1}, {{-0.5f, -0.5f, 1}}); }
TEST(Semantics, UseAlphaAsTheSlopeAtAKinkWithACapOrAThreshold) {
  expect_points({0.5, 0, 6}, {{0, 0, 0.5}, {6, 6, 0}});
  expect_points({0.5, 1}, {{1, 0, 0.5}});
}
TEST(Semantics, UseAlphaAsTheLeakySlopeAtZero) { EXPECT_EQ(slope(presets::jax::leaky_relu(), 0.0f), 0.01f); }
TEST(Semantics, JumpAtAThreshold) {
  const Relu keras{0.1, 1, 6};
  EXPECT_FLOAT_EQ(value(keras, -2.0f), -0.3f);
  EXPECT_FLOAT_EQ(value(keras, 0.0f), -0.1f);
  expect_points(keras, {{1, 0, 0.1f}, {1.5f, 1.5f, 1}, {7, 6, 0}});
}
TEST(Semantics, KeepAlphaAndThresholdInFloatForHalves) {
  const auto at = [](const Relu& relu, auto x) { return static_cast<float>(value(relu, x)); };
  using detail::bf16;
  using detail::f16;
  EXPECT_EQ(at(leaky_relu(0.3), bf16(-3.0f)), -0.8984375f);
  EXPECT_EQ(at(leaky_relu(0.3), bf16(-100.0f)), -30.0f);
  EXPECT_EQ(at(leaky_relu(0.2), f16(-3.0f)), -0.60009765625f);
  EXPECT_EQ(at({0.1, 64}, f16(-65504.0f)), -6556.0f);
  EXPECT_EQ(at({0, 0.1}, bf16(0.10009765625f)), 0.10009765625f);
}
TEST(Semantics, SelectInBackwardInsteadOfMultiplying) {
  const ReluBackward<float> relu_dx(relu()), capped_dx(relu6()), leaky_dx(leaky_relu(0.5));
  EXPECT_EQ(relu_dx(inf, -1), 0);
  EXPECT_EQ(relu_dx(nan, -1), 0);
  EXPECT_EQ(relu_dx(1, nan), 0);
  EXPECT_EQ(capped_dx(inf, 8), 0);
  EXPECT_EQ(leaky_dx(inf, -1), inf);
  EXPECT_EQ(leaky_dx(1, nan), 0.5f);
}

TEST(ReluFunctors, ApplyPlainReluByDefault) {
  const ReluForward<double> y;
  const ReluBackward<double> dx;
  EXPECT_EQ(y(-2), 0);
  EXPECT_EQ(y(1e300), 1e300);
  EXPECT_EQ(y(std::numeric_limits<double>::infinity()), std::numeric_limits<double>::infinity());
  EXPECT_EQ(dx(3, 0), 0);
  EXPECT_EQ(dx(3, 7), 3);
}

template <class F>
std::string rejection(F&& f) {
  try {
    f();
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "none";
}

TEST(ReluFunctors, RejectInvalidParametersByName) {
  EXPECT_EQ(rejection([] { ReluForward<float>(Relu{static_cast<double>(nan)}); }), "alpha: expected a finite number, got nan");
  EXPECT_EQ(rejection([] { ReluForward<float>(Relu{static_cast<double>(inf)}); }), "alpha: expected a finite number, got inf");
  EXPECT_EQ(rejection([] { ReluForward<float>(Relu{1e300}); }),
            "alpha: expected a number within the range of float, got 1e+300");
  EXPECT_EQ(rejection([] {
              ReluForward<float>(Relu{0, -1e300});
            }),
            "threshold: expected a number within the range of float, got -1e+300");
  EXPECT_EQ(rejection([] {
              ReluBackward<float>(Relu{0, static_cast<double>(nan)});
            }),
            "threshold: expected a finite number, got nan");
  EXPECT_EQ(rejection([] {
              ReluBackward<float>(Relu{0, -static_cast<double>(inf), 1});
            }),
            "threshold: expected a finite number, got -inf");
  EXPECT_EQ(rejection([] {
              ReluForward<double>(Relu{0, 0, static_cast<double>(nan)});
            }),
            "max_value: expected a number not below threshold, which is 0, got nan");
  EXPECT_EQ(rejection([] {
              ReluForward<double>(Relu{0, 2, 1});
            }),
            "max_value: expected a number not below threshold, which is 2, got 1");
  EXPECT_EQ(rejection([] {
              value(Relu{0, 0, -1}, 1.0f);
            }),
            "max_value: expected a number not below threshold, which is 0, got -1");
  EXPECT_EQ(rejection([] {
              ReluForward<double>(Relu{0, 1, 0.9999999999});
            }),
            "max_value: expected a number not below threshold, which is 1, got 0.99999999989999999");
  EXPECT_EQ(rejection([] { ReluForward<double>(Relu{1e300, -1e300}); }), "none");
  EXPECT_EQ(rejection([] { ReluForward<float>(Relu{0, 0, 1e300}); }), "none");
}

/// A program may have set a locale with a decimal comma.
TEST(ReluFunctors, UseADecimalPointInEveryLocale) {
  const std::string before = std::setlocale(LC_NUMERIC, nullptr);
  if (std::setlocale(LC_NUMERIC, "de_DE.UTF-8") == nullptr) GTEST_SKIP() << "no locale of German";
  const std::string text = rejection([] { ReluForward<double>(Relu{0, 1.5, 0.25}); });
  std::setlocale(LC_NUMERIC, before.c_str());
  EXPECT_EQ(text, "max_value: expected a number not below threshold, which is 1.5, got 0.25");
}

}  // namespace
}  // namespace rectify
