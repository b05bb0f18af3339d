// A user's file that is compiled with other flags than the library: fast math, and no inlining. It defines copies of the inline functions
// of the public headers and precedes the static library on the link line; the library must still use its own. NaN and infinity, which
// fast math assumes do not occur, are made and compared as bits.
#include <rectify/rectify.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>

namespace {

double number(std::uint64_t bits) {
  double v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

std::uint32_t bits_of(float v) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

int failures = 0;
void expect(bool holds, const char* what) {
  if (!holds) std::printf("failed: %s\n", what);
  failures += !holds;
}

using rectify::Relu;

/// Uses every inline function of the headers that decides or computes something, so that this object file defines it.
volatile float sink;
void use_inline_functions(float x) {
  const Relu f = rectify::leaky_relu(0.1);
  const rectify::ReluForward<float> forward(f);
  const rectify::ReluBackward<double> backward(f);
  sink = rectify::slope(f, x) + rectify::value(f, x) + forward(x) + static_cast<float>(backward(x, x));
  sink = f == rectify::relu() ? 1.0f : 2.0f;
  rectify::Shape shape{2, 3};
  const rectify::Strides strides(&shape[0], 2);
  rectify::ConstTensorView view(nullptr, rectify::DType::f32, shape, rectify::Device::cpu());
  const rectify::TensorView out = rectify::TensorView(&x, shape, rectify::Device::cuda(1)).strided(strides);
  view = view.strided(strides);
  sink = view.present() && view.data() == out.data() && view.dtype() == out.dtype() && view.shape() != out.shape() &&
                 view.strides()[0] == out.strides().rank() && view.device() == out.device()
             ? 1.0f
             : 2.0f;
  rectify::Forward operands;
  rectify::Backward gradients;
  operands.y = out;
  gradients.dx = out;
  sink = static_cast<float>(operands.gain * gradients.gain) + static_cast<float>(rectify::bits_per_element(view.dtype()));
  sink = rectify::Stream().handle == rectify::Stream(nullptr).handle ? 1.0f : 2.0f;
  sink = rectify::mask_bytes(rectify::DType::u1, {3}) == 1 && rectify::Device::cpu() != rectify::Device::cuda(0) ? 1.0f : 2.0f;
}

void expect_rejections() {
  const double inf = number(0x7ff0000000000000u), nan = number(0x7ff8000000000000u);
  float x[4] = {-1, 2, -3, 4}, y[4] = {7, 7, 7, 7};
  const rectify::ConstTensorView all(x, {4}, rectify::Device::cpu());
  const rectify::TensorView out(y, {4}, rectify::Device::cpu());
  for (const Relu& f :
       {Relu{inf}, Relu{nan}, Relu{1e300}, Relu{0, nan}, Relu{0, inf}, Relu{0, -1e300}, Relu{0, 0, nan}, Relu{0, 1, 0.5}}) {
    bool rejected = false;
    try {
      rectify::forward(f, all, out);
    } catch (const rectify::InvalidArgument&) {
      rejected = true;
    }
    expect(rejected && y[0] == 7, "a number that is not valid is rejected, and nothing is written");
  }
}

void expect_results() {
  // NaN, +inf, -inf, -0, a subnormal number and its negative.
  const std::uint32_t special[6] = {0x7fc00000u, 0x7f800000u, 0xff800000u, 0x80000000u, 0x00000123u, 0x80000123u};
  float x[6], y[6], dy[6] = {1, 1, 1, 1, 1, 1}, dx[6];
  std::memcpy(x, special, sizeof x);
  const rectify::TensorView in(x, {6}, rectify::Device::cpu()), out(y, {6}, rectify::Device::cpu()),
      g(dy, {6}, rectify::Device::cpu()), gx(dx, {6}, rectify::Device::cpu());
  rectify::forward(rectify::relu(), in, out);
  expect((bits_of(y[0]) & 0x7fffffffu) > 0x7f800000u, "NaN in, NaN out");
  expect(bits_of(y[1]) == special[1] && bits_of(y[2]) == 0 && bits_of(y[3]) == 0, "+inf, and +0 below");
  expect(bits_of(y[4]) == special[4] && bits_of(y[5]) == 0, "subnormal numbers are kept");
  rectify::forward(rectify::leaky_relu(2), in, out);
  expect(bits_of(y[2]) == special[2] && bits_of(y[3]) == special[3] && bits_of(y[5]) == 0x80000246u, "a slope of 2");
  std::memcpy(dy, &special[1], 4);
  rectify::backward(rectify::relu(), g, in, gx);
  expect(bits_of(dx[0]) == 0, "dy = inf at NaN gives 0");
  expect(bits_of(dx[4]) == 0x3f800000u && bits_of(dx[5]) == 0, "slopes 1 and 0");
  rectify::Forward operands;
  operands.x = in;
  expect(rectify::mask_dtype({0.1, 0, 6}, operands) == rectify::DType::u2, "a cap and a slope need two bits");
  expect(rectify::mask_dtype({0.1}, operands) == rectify::DType::u1, "no cap needs one");
}

}  // namespace

int main() {
  use_inline_functions(-1);
  expect_rejections();
  expect_results();
  return failures == 0 ? 0 : 1;
}
