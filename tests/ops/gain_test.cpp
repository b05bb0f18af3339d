// The gain of forward() and backward(), also with source y, against separate calls and products that round one after the other.
// fuzz_test.cpp combines it with every other operand.
#include "cases.hpp"
#include "checked_call.hpp"
#include "targets.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cmath>
#include <cstring>

namespace rectify::test {
namespace {

class Gain : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Gain, testing::ValuesIn(targets()), target_name);

constexpr double sqrt2 = 1.4142135623730951;
const Relu functions[] = {relu(), leaky_relu(0.2), relu6(), {0.25, 0.5, 3}, {-0.5, -1, 2}};

/// Floats of every kind, including the kinks of `f`.
Bytes any_floats(const Relu& f) {
  Bytes all = edges(DType::f32, f);
  const Bytes more = random_patterns(DType::f32, 3000, 5);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Placement in_a_row(const Bytes& all) { return Placement({static_cast<std::int64_t>(all.size() / 4)}); }

/// The same results as two calls without a gain and two products in float.
TEST_P(Gain, MultipliesAfterTheFunctionAndBeforeItsGradient) {
  GetParam().prepare();
  const Device device = GetParam().device;
  for (const Relu& f : functions) {
    const Bytes of_x = any_floats(f), of_dy = random_patterns(DType::f32, static_cast<std::int64_t>(of_x.size() / 4), 6);
    const Placement at = in_a_row(of_x);
    const Tensor x(device, DType::f32, at, of_x), dy(device, DType::f32, at, of_dy),
        y(device, DType::f32, at, untouched(DType::f32, at)), dx(device, DType::f32, at, untouched(DType::f32, at));
    for (const double gain : {sqrt2, -0.3, 3.0}) {
      SCOPED_TRACE(gain);
      const auto times = [gain](std::vector<float> v) {
        for (float& each : v) each *= static_cast<float>(gain);
        return bytes_of(v);
      };
      forward(f, x.view(), y.view());
      const Bytes expected_y = times(values_in<float>(y.contents()));
      const Tensor g(device, DType::f32, at, times(values_in<float>(of_dy)));
      backward(f, g.view(), x.view(), dx.view());
      const Bytes expected_dx = dx.contents();
      Forward forwards;
      forwards.x = x.view();
      forwards.y = y.view();
      forwards.gain = gain;
      forward(f, forwards);
      Backward backwards;
      backwards.dy = dy.view();
      backwards.x = x.view();
      backwards.dx = dx.view();
      backwards.gain = gain;
      backward(f, backwards);
      EXPECT_TRUE(same_numbers(DType::f32, y.contents(), expected_y));
      EXPECT_TRUE(same_numbers(DType::f32, dx.contents(), expected_dx));
    }
  }
}

/// A layer of StyleGAN: bias, leaky_relu(0.2), gain sqrt 2. Training keeps its output alone.
struct Layer {
  Layer(const Target& target, DType dtype_, const Relu& f_, double gain_, const Bytes& x_, const Bytes& bias_)
      : dtype(dtype_),
        f(f_),
        gain(gain_),
        at({static_cast<std::int64_t>(x_.size()) / (3 * bytes_per_element(dtype_)), 3}),
        device(target.device),
        x(device, dtype, at, x_),
        bias(device, dtype, Placement({3}), bias_),
        y(device, dtype, at, untouched(dtype, at)),
        mask(device, DType::u2, at, untouched(DType::u2, at)) {
    Forward all;
    all.x = x.view();
    all.bias = bias.view();
    all.y = y.view();
    all.mask = mask.view();
    all.gain = gain;
    forward(f, all);
  }

  Bytes dx_from(ConstTensorView Backward::*source, const Tensor& from, const Tensor& dy) const {
    const Tensor dx(device, dtype, at, untouched(dtype, at));
    Backward all;
    all.dy = dy.view();
    all.*source = from.view();
    if (source == &Backward::x) all.bias = bias.view();
    all.dx = dx.view();
    all.gain = gain;
    backward(f, all);
    return dx.contents();
  }

  DType dtype;
  Relu f;
  double gain;
  Placement at;
  Device device;
  Tensor x, bias, y, mask;
};

/// For every number of f16 and bf16, also with biases that cancel it: dx from y is dx from x, unless z is in the linear region and y was
/// rounded to 0 or to the cap.
TEST_P(Gain, HidesTheRegionFromYOnlyByRounding) {
  GetParam().prepare();
  constexpr int linear = 1;
  for (const DType dtype : {DType::f16, DType::bf16}) {
    const std::int64_t one_in = GetParam().one_in;
    Bytes x, bias(6), dy;
    for (std::int64_t pattern = 0; pattern < 65536; pattern += one_in) {
      for (int i = 0; i < 3; ++i) {
        x.push_back(static_cast<unsigned char>(pattern));
        x.push_back(static_cast<unsigned char>(pattern >> 8));
        dy.push_back(0x12), dy.push_back(0x34);
      }
    }
    const double biases[] = {0, -1.5, 0.1};
    for (int i = 0; i < 3; ++i) reference::store(dtype, &bias[static_cast<std::size_t>(2 * i)], biases[i]);
    for (const double gain : {1.0, sqrt2, 0x1p-12}) {
      for (const Relu& f : {leaky_relu(0.2), relu6(), Relu{0.25, 0.5, 3}}) {
        SCOPED_TRACE(name(dtype) + ", gain " + std::to_string(gain) + ", max_value " + std::to_string(f.max_value));
        const Layer layer(GetParam(), dtype, f, gain, x, bias);
        const Tensor upstream(layer.device, dtype, layer.at, dy);
        const Bytes from_x = layer.dx_from(&Backward::x, layer.x, upstream),
                    from_y = layer.dx_from(&Backward::y, layer.y, upstream);
        EXPECT_TRUE(same_numbers(dtype, layer.dx_from(&Backward::mask, layer.mask, upstream), from_x));
        const Bytes y = layer.y.contents(), mask = layer.mask.contents();
        int hidden = 0;
        for (std::size_t i = 0; i < y.size() / 2; ++i) {
          const double stored = reference::load(dtype, &y[2 * i]);
          const bool is_linear = (mask[i / 4] >> (i % 4 * 2) & 3) == linear;
          const bool is_hidden = is_linear && is_rounded_away(f, dtype, gain, stored);
          const bool differs = std::memcmp(&from_x[2 * i], &from_y[2 * i], 2) != 0;
          ASSERT_EQ(differs, is_hidden) << "x " << reference::load(dtype, &x[2 * i]) << ", y " << stored;
          hidden += is_hidden;
        }
        EXPECT_TRUE(hidden > 0 || gain != 0x1p-12 || f.threshold > 0 || one_in > 1);
      }
    }
  }
}

/// The mask holds the regions of z, before the gain.
TEST_P(Gain, DoesNotChangeTheMask) {
  GetParam().prepare();
  const Bytes of_x = any_floats(relu6());
  const Placement at = in_a_row(of_x);
  const Tensor x(GetParam().device, DType::f32, at, of_x);
  Bytes masks[2];
  for (int i = 0; i < 2; ++i) {
    const Tensor mask(GetParam().device, DType::u2, at, untouched(DType::u2, at));
    Forward f;
    f.x = x.view();
    f.mask = mask.view();
    f.gain = i == 0 ? 1 : -1e30;
    forward(relu6(), f);
    masks[i] = mask.contents();
  }
  EXPECT_EQ(masks[0], masks[1]);
}

}  // namespace
}  // namespace rectify::test
