// Each optional operand on every target, with results computed by hand. A fault that fuzz_test.cpp finds is easier to understand here.
#include "floats.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <limits>

namespace rectify::test {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();

class Operands : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override { GetParam().prepare(); }

  Tensor tensor(const Placement& at, const Floats& values) const { return floats(GetParam(), at, values); }
  Tensor output(const Placement& at) const { return Tensor(GetParam().device, DType::f32, at, untouched(DType::f32, at)); }
  Tensor mask(DType dtype, const Shape& shape, const Bytes& bits) const {
    return Tensor(GetParam().device, dtype, Placement(shape), bits);
  }
};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Operands, testing::ValuesIn(targets()), target_name);

/// One bias for each index along an axis, which the comment of each case names.
struct BiasCase {
  Placement at;
  int channel_axis;
  Floats bias, x, y;
};

TEST_P(Operands, AddABiasAlongAnyAxis) {
  const BiasCase cases[] = {
      {Placement({1, 2, 2, 2}), 1, {1, -2}, {-2, -1, 0, 1, 1, 2, 3, 4}, {0, 0, 1, 2, 0, 0, 1, 2}},                // NCHW
      {Placement({1, 2, 2, 2}, {8, 1, 4, 2}), 1, {1, -2}, {-2, 1, -1, 2, 0, 3, 1, 4}, {0, 0, 0, 0, 1, 1, 2, 2}},  // NHWC
      {Placement({2, 3}), -1, {10, 20, 30}, {1, 2, 3, -11, -22, 4}, {11, 22, 33, 0, 0, 34}},                      // rows
      {Placement({2, 2, 2}), 1, {10, 20}, {1, 2, 3, 4, 5, 6, -70, 8}, {11, 12, 23, 24, 15, 16, 0, 28}},           // middle
      {Placement({2, 3}), 0, {10, -2}, {1, 2, 3, 1, 2, 3}, {11, 12, 13, 0, 0, 1}},                                // models
  };
  for (const BiasCase& c : cases) {
    const Tensor x = tensor(c.at, c.x), y = output(c.at),
                 bias = tensor(Placement({static_cast<std::int64_t>(c.bias.size())}), c.bias);
    Forward f;
    f.x = x.view();
    f.bias = bias.view();
    f.y = y.view();
    f.channel_axis = c.channel_axis;
    forward(relu(), f);
    expect(y, c.y);
  }
}

TEST_P(Operands, AddABiasOfOneElementToAll) {
  const Tensor x = tensor({{2, 2}}, {-1, 0, 1, 2}), y = output({{2, 2}}), bias = tensor({Shape{}}, {-1});
  Forward f;
  f.x = x.view();
  f.bias = bias.view();
  f.y = y.view();
  f.channel_axis = 99;
  forward(leaky_relu(0.5), f);
  expect(y, {-1, -0.5f, 0, 1});
}

/// (1 + 2^-12)^2 - 1 is 2^-11 + 2^-24; if the product were rounded first, its last bit would be lost.
TEST_P(Operands, ApplyScaleAndBiasInOneFma) {
  const float a = 1 + 0x1p-12f;
  const Tensor x = tensor({{1}}, {a}), y = output({{1}}), scale = tensor({{1}}, {a}), bias = tensor({{1}}, {-1});
  Forward f;
  f.x = x.view();
  f.scale = scale.view();
  f.bias = bias.view();
  f.y = y.view();
  forward(relu(), f);
  expect(y, {0x1p-11f + 0x1p-24f});
}

/// The residual is added to the rounded result of the fma.
TEST_P(Operands, AddTheResidualAfterScaleAndBias) {
  const Tensor x = tensor({{1, 3}}, {1, 2, 0.5f}), y = output({{1, 3}}), scale = tensor({{1}}, {2}),
               bias = tensor({{3}}, {10, -10, 0x1p24f}), residual = tensor({{1, 3}}, {0.5f, 5, 1});
  Forward f;
  f.x = x.view();
  f.scale = scale.view();
  f.bias = bias.view();
  f.residual = residual.view();
  f.y = y.view();
  forward(leaky_relu(0.25), f);
  expect(y, {12.5f, -0.25f, 0x1p24f});  // 2^24 + 1 is 2^24 in float, twice
}

TEST_P(Operands, AddAResidualInPlace) {
  const Tensor x = tensor({{4}}, {1, -1, 2, -3}), residual = tensor({{4}}, {-2, 2, 3, -4});
  Forward f;
  f.x = x.view();
  f.residual = residual.view();
  f.y = residual.view();
  forward(leaky_relu(0.5), f);
  expect(residual, {-0.5f, 1, 5, -3.5f});
  expect(x, {1, -1, 2, -3});
}

TEST_P(Operands, ApplyASlopePerChannel) {
  const Tensor x = tensor({{2, 3}}, {-2, -2, -2, 3, 3, 3}), y = output({{2, 3}}), alpha = tensor({{3}}, {0.5f, 0, -1}),
               dy = tensor({{2, 3}}, {1, 2, 3, 4, 5, 6}), dx = output({{2, 3}});
  Forward f;
  f.x = x.view();
  f.alpha = alpha.view();
  f.y = y.view();
  forward(relu(), f);
  expect(y, {-1, 0, 2, 3, 3, 3});
  Backward b;
  b.dy = dy.view();
  b.x = x.view();
  b.alpha = alpha.view();
  b.dx = dx.view();
  backward(relu(), b);
  expect(dx, {0.5f, 0, -3, 4, 5, 6});
}

TEST_P(Operands, ApplyThresholdsAndCapsPerChannel) {
  const Tensor x = tensor({{3, 2}}, {-1, 0.5f, 1, 1, 5, 5}), y = output({{3, 2}}), threshold = tensor({{2}}, {0, 1}),
               max_value = tensor({{2}}, {2, inf}), dx = output({{3, 2}});
  Forward f;
  f.x = x.view();
  f.threshold = threshold.view();
  f.max_value = max_value.view();
  f.y = y.view();
  forward(leaky_relu(0.5), f);
  expect(y, {-0.5f, -0.25f, 1, 0, 2, 5});
  Backward b;
  b.dy = b.x = x.view();
  b.threshold = threshold.view();
  b.max_value = max_value.view();
  b.dx = dx.view();
  backward(leaky_relu(0.5), b);
  expect(dx, {-0.5f, 0.25f, 1, 0.5f, 0, 5});
}

TEST_P(Operands, ScaleDxButNotDresidual) {
  const Tensor x = tensor({{3}}, {-1, 3, 0}), dy = tensor({{3}}, {5, 7, inf}), scale = tensor({{1}}, {2}), dx = output({{3}}),
               dresidual = output({{3}});
  Backward b;
  b.dy = dy.view();
  b.x = x.view();
  b.scale = scale.view();
  b.dx = dx.view();
  b.dresidual = dresidual.view();
  backward(relu(), b);
  expect(dx, {0, 14, 0});
  expect(dresidual, {0, 7, 0});
}

/// The region is that of z, not of x: with a bias of 2 and a residual of -1 the kink is at x = -1.
TEST_P(Operands, TakeTheRegionFromZInBackward) {
  const Tensor x = tensor({{4}}, {-2, -1, -0.5f, 4}), residual = tensor({{4}}, {-1, -1, -1, -1}), bias = tensor({{1}}, {2}),
               dy = tensor({{4}}, {1, 2, 3, 4}), dx = output({{4}});
  Backward b;
  b.dy = dy.view();
  b.x = x.view();
  b.bias = bias.view();
  b.residual = residual.view();
  b.dx = dx.view();
  backward(Relu{0.5, 0, 6}, b);
  expect(dx, {0.5f, 1, 3, 4});
  b.dx = {};
  b.dresidual = dx.view();
  backward(Relu{0.5, 0, 5}, b);
  expect(dx, {0.5f, 1, 3, 0});
}

TEST_P(Operands, WriteAndReadAMaskOfOneBit) {
  const Tensor x = tensor({{10}}, {1, -1, 2, 0, -3, 4, 5, -6, 7, -8}), y = output({{10}}),
               bits = mask(DType::u1, {10}, {0xff, 0xff}), dy = tensor({{10}}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  Forward f;
  f.x = x.view();
  f.y = y.view();
  f.mask = bits.view();
  forward(leaky_relu(0.5), f);
  expect(y, {1, -0.5f, 2, 0, -1.5f, 4, 5, -3, 7, -4});
  EXPECT_EQ(bits.contents(), (Bytes{0b01100101, 0b01}));
  Backward b;
  b.dy = dy.view();
  b.mask = bits.view();
  b.dx = dy.view();
  backward(leaky_relu(0.5), b);
  expect(dy, {1, 1, 3, 2, 2.5f, 6, 7, 4, 9, 5});
}

TEST_P(Operands, TellSaturatedFromBelowByAMaskOfTwoBits) {
  const Tensor x = tensor({{5}}, {7, -1, 2, 6, 1}), bits = mask(DType::u2, {5}, {0xff, 0xff}),
               dy = tensor({{5}}, {1, 2, 3, 4, 5}), dx = output({{5}}), scale = tensor({{1}}, {2});
  Forward f;
  f.x = x.view();
  f.mask = bits.view();
  const Relu clipped{0.5, 0, 6};
  forward(clipped, f);
  EXPECT_EQ(bits.contents(), (Bytes{0b10010010, 0b01}));
  Backward b;
  b.dy = dy.view();
  b.mask = bits.view();
  b.scale = scale.view();
  b.dx = dx.view();
  backward(clipped, b);
  expect(dx, {0, 2, 6, 0, 10});
}

/// z = 1 + 2^-13 is above the threshold 1, but is rounded to 1 in f16.
TEST_P(Operands, WriteTheMaskOfZBeforeItIsRounded) {
  const Placement one(Shape{1});
  const Bytes half_one{0x00, 0x3c};
  const Tensor x(GetParam().device, DType::f16, one, half_one), y(GetParam().device, DType::f16, one, Bytes(2)),
      bias = tensor(one, {0x1p-13f}), bits = mask(DType::u1, {1}, {0});
  Forward f;
  f.x = x.view();
  f.bias = bias.view();
  f.y = y.view();
  f.mask = bits.view();
  forward(presets::keras::thresholded_relu(1), f);
  EXPECT_EQ(y.contents(), half_one);
  EXPECT_EQ(bits.contents(), Bytes{1});
}

TEST_P(Operands, ShareOneXAmongSeveralModels) {
  const Tensor x = tensor({{2, 3}, {0, 1}}, {-1, 0, 1}), bias = tensor({{2}}, {0, 2}), y = output({{2, 3}});
  Forward f;
  f.x = x.view();
  f.bias = bias.view();
  f.y = y.view();
  f.channel_axis = 0;
  forward(relu(), f);
  expect(y, {0, 0, 1, 1, 2, 3});
}

}  // namespace
}  // namespace rectify::test
