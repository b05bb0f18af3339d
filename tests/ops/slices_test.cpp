// Disjoint slices of one buffer on every target: inputs lie between outputs.
#include "floats.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cstddef>
#include <utility>

namespace rectify::test {
namespace {

class Slices : public testing::TestWithParam<Target> {
 protected:
  void SetUp() override { GetParam().prepare(); }
};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Slices, testing::ValuesIn(targets()), target_name);

/// Every element of `all` from `first`, along `shape` by `strides`.
TensorView slice(const Tensor& all, std::ptrdiff_t first, const Shape& shape, const Strides& strides) {
  const TensorView view = all.view();
  return TensorView(static_cast<float*>(view.data()) + first, shape, view.device()).strided(strides);
}

/// x and y are halves of the columns, even and odd elements, or even and odd rows of one buffer.
TEST_P(Slices, MayBeInputAndOutput) {
  for (const auto& [rows, columns] : {std::pair{4, 6}, {33, 40}, {64, 257}}) {
    const std::int64_t width = 2 * columns;
    const struct {
      std::ptrdiff_t y;
      Shape shape;
      Strides strides;
    } cases[] = {
        {columns, {rows, columns}, {width, 1}}, {1, {rows, columns}, {width, 2}}, {width, {rows / 2, width}, {2 * width, 1}}};
    for (const auto& c : cases) {
      Floats values(static_cast<std::size_t>(rows * width));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i % 7) - 3;
      const Tensor all = floats(GetParam(), {{rows * width}}, values);
      Forward f;
      f.x = slice(all, 0, c.shape, c.strides);
      f.y = slice(all, c.y, c.shape, c.strides);
      forward(leaky_relu(0.5), f);
      for (std::int64_t i = 0; i < c.shape[0]; ++i) {
        for (std::int64_t j = 0; j < c.shape[1]; ++j) {
          const auto at = static_cast<std::size_t>(i * c.strides[0] + j * c.strides[1]);
          values[at + static_cast<std::size_t>(c.y)] = values[at] > 0 ? values[at] : values[at] * 0.5f;
        }
      }
      expect(all, values);
    }
  }
}

/// dx and dresidual in one buffer, and two sums in another.
TEST_P(Slices, MayBothBeOutputs) {
  const std::int64_t rows = 50, columns = 3;
  Floats x(150), both(300, 7);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 4) - 1;
  const Tensor source = floats(GetParam(), {{rows, columns}}, x), dy = floats(GetParam(), {{rows, columns}}, Floats(150, 2)),
               scale = floats(GetParam(), {{1}}, {3}), out = floats(GetParam(), {{300}}, both),
               sums = floats(GetParam(), {{6}}, Floats(6, 7)), room = floats(GetParam(), {{4096}}, Floats(4096));
  Backward b;
  b.dy = dy.view();
  b.x = source.view();
  b.scale = scale.view();
  b.dx = slice(out, 0, {rows, columns}, {6, 1});
  b.dresidual = slice(out, 3, {rows, columns}, {6, 1});
  b.dbias = slice(sums, 0, {columns}, {2});
  b.dscale = slice(sums, 1, {columns}, {2});
  b.workspace = {room.view().data(), 4096 * sizeof(float)};
  backward(leaky_relu(0.5), b);
  Floats expected_sums(6, 0);
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t row = i / 3, channel = i % 3;
    const float dz = x[i] > 0 ? 2.0f : 1.0f;
    both[6 * row + channel] = 3 * dz;
    both[6 * row + 3 + channel] = dz;
    expected_sums[2 * channel] += dz;
    expected_sums[2 * channel + 1] += dz * x[i];
  }
  expect(out, both);
  expect(sums, expected_sums);
}

}  // namespace
}  // namespace rectify::test
