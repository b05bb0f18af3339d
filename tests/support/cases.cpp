// Checked calls run on the target and on the reference, with copies of the same operands.
#include "cases.hpp"

#include "reference.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cmath>
#include <cstring>
#include <limits>

namespace rectify::test {
namespace {

void expect_untouched(const Tensor& tensor, const Bytes& before, const char* operand) {
  EXPECT_EQ(tensor.contents(), before) << operand << " was written";
  EXPECT_TRUE(tensor.guards_intact()) << "bytes around " << operand << " were written";
}

template <class T>
void append_neighbours(std::vector<double>& values, double v) {
  const T rounded = static_cast<T>(v);
  constexpr T inf = std::numeric_limits<T>::infinity();
  for (T near : {std::nextafter(rounded, -inf), rounded, std::nextafter(rounded, inf)})
    values.push_back(static_cast<double>(near));
}

template <class T>
std::vector<double> edge_values(const Relu& relu) {
  using limits = std::numeric_limits<T>;
  std::vector<double> values{0.0,
                             1.0,
                             0.5,
                             3.0,
                             100.0,
                             limits::denorm_min(),
                             limits::min() - limits::denorm_min(),
                             limits::min(),
                             limits::epsilon(),
                             limits::max(),
                             limits::max() / 2,
                             limits::infinity(),
                             limits::quiet_NaN()};
  for (std::size_t i = values.size(); i-- > 0;) values.push_back(-values[i]);
  append_neighbours<T>(values, relu.threshold);
  append_neighbours<T>(values, std::fmin(relu.max_value, static_cast<double>(limits::max())));
  return values;
}

}  // namespace

const std::vector<Named>& parameter_sets() {
  static const std::vector<Named> all{
      {"relu", relu()},
      {"relu6", relu6()},
      {"leaky_0.01", presets::torch::leaky_relu()},
      {"leaky_0.2", presets::tf::leaky_relu()},
      {"leaky_0.3", presets::keras::relu(0.3)},
      {"alpha_minus_0", {-0.0, 0.5}},
      {"alpha_underflows", {1e-60, 0.5}},
      {"alpha_negative", {-0.5, 0, 6}},
      {"alpha_2", {2}},
      {"threshold_1", presets::keras::thresholded_relu(1)},
      {"threshold_minus_1", {0.25, -1}},
      {"threshold_minus_1_capped", {0, -1, 1}},
      {"threshold_0.1", {0.1, 0.1}},
      {"threshold_is_max_value", {0.3, 1, 1}},
      {"negative_max_value", {-1, -3, -2}},
      {"keras_all_three", presets::keras::relu(0.3, 6, 1)},
      {"cap_beyond_float", {0.01, 0, 1e300}},
      {"cap_inexact", {0.01, 0, 0.1}},
  };
  return all;
}

Bytes every_half() {
  Bytes all(2 * 65536);
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    std::memcpy(&all[2 * bits], &half, 2);
  }
  return all;
}

Bytes edges(DType dtype, const Relu& relu) {
  if (bytes_per_element(dtype) == 2) return every_half();
  const std::vector<double> values = dtype == DType::f64 ? edge_values<double>(relu) : edge_values<float>(relu);
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  Bytes all(values.size() * size);
  for (std::size_t i = 0; i < values.size(); ++i) reference::store(dtype, &all[i * size], values[i]);
  return all;
}

void check_forward(const Target& target, const Relu& relu, DType dtype, const Bytes& x, const Placement& at_x,
                   const Placement* at_y) {
  target.prepare();
  const Placement& at_out = at_y != nullptr ? *at_y : at_x;
  Bytes expected = at_y != nullptr ? untouched(dtype, *at_y) : x, x_copy = x;
  reference::forward(relu, host_view(x_copy, dtype, at_x), host_view(expected, dtype, at_out));
  const Tensor input(target.device, dtype, at_x, x);
  if (at_y == nullptr) {
    forward(relu, input.view(), input.view());
    EXPECT_TRUE(same_numbers(dtype, input.contents(), expected));
    EXPECT_TRUE(input.guards_intact());
    return;
  }
  const Tensor output(target.device, dtype, *at_y, untouched(dtype, *at_y));
  forward(relu, input.view(), output.view());
  EXPECT_TRUE(same_numbers(dtype, output.contents(), expected));
  EXPECT_TRUE(output.guards_intact());
  expect_untouched(input, x, "x");
}

void check_backward(const Target& target, const Relu& relu, DType dtype, const Bytes& dy, const Bytes& x,
                    const BackwardPlacement& at, InPlace in_place, Source source) {
  target.prepare();
  Bytes dy_copy = dy, x_copy = x, y = untouched(dtype, at.source);
  reference::forward(relu, host_view(x_copy, dtype, at.source), host_view(y, dtype, at.source));
  Bytes expected = in_place == InPlace::no ? untouched(dtype, at.dx) : in_place == InPlace::as_dy ? dy : x;
  reference::backward(relu, host_view(dy_copy, dtype, at.dy), host_view(x_copy, dtype, at.source),
                      host_view(expected, dtype, at.dx));

  const Bytes& read = source == Source::x ? x : y;
  const Tensor upstream(target.device, dtype, at.dy, dy), from(target.device, dtype, at.source, read),
      fresh(target.device, dtype, at.dx, untouched(dtype, at.dx));
  const Tensor& out = in_place == InPlace::no ? fresh : in_place == InPlace::as_dy ? upstream : from;
  Backward operands;
  operands.dy = upstream.view();
  (source == Source::x ? operands.x : operands.y) = from.view();
  operands.dx = out.view();
  backward(relu, operands);

  EXPECT_TRUE(same_numbers(dtype, out.contents(), expected));
  EXPECT_TRUE(out.guards_intact());
  if (&out != &upstream) expect_untouched(upstream, dy, "dy");
  if (&out != &from) expect_untouched(from, read, source == Source::x ? "x" : "y");
}

double stored_cap(const Relu& relu, DType dtype, double gain) {
  Bytes stored(8);
  const bool wide = dtype == DType::f64;
  const double cap =
      wide ? relu.max_value * gain : static_cast<double>(static_cast<float>(relu.max_value) * static_cast<float>(gain));
  reference::store(dtype, stored.data(), cap);
  return reference::load(dtype, stored.data());
}

bool is_rounded_away(const Relu& relu, DType dtype, double gain, double y) {
  return y == 0 || (!std::isinf(y) && y == stored_cap(relu, dtype, gain));
}

bool readable_from_y(const Relu& relu, DType dtype, double gain) {
  Bytes stored(8);
  reference::store(dtype, stored.data(), relu.max_value);
  const double compute = dtype == DType::f64 ? relu.max_value
                         : relu.max_value > static_cast<double>(std::numeric_limits<float>::max())
                             ? std::numeric_limits<double>::infinity()
                             : static_cast<double>(static_cast<float>(relu.max_value));
  const double cap = stored_cap(relu, dtype, gain);
  const bool cap_is_stored = std::isinf(compute) || (cap > 0 && !std::isinf(cap));
  return relu.alpha >= 0 && relu.threshold >= 0 && gain > 0 && compute > 0 &&
         reference::load(dtype, stored.data()) == compute && cap_is_stored;
}

}  // namespace rectify::test
