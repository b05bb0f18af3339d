// Extents, strides, sizes and addresses that are rejected, and strides that are ignored as no loop uses them.
#include "validation.hpp"

namespace rectify::test {
namespace {

class MemoryValidation : public Validation {};

constexpr std::int64_t huge = std::int64_t{1} << 62;

TEST_F(MemoryValidation, RejectsNegativeExtentsAndStrides) {
  Forward f = valid_forward();
  f.x = ConstTensorView(x, {2, -3}, Device::cpu());
  expect_rejected(f, {"x", "extents from 0 up", "[2, -3]"});
  f = valid_forward();
  f.x = in(x).strided({3, -1});
  expect_rejected<Unsupported>(f, {"x", "strides from 0 up", "[3, -1]"});
  f.x = in(x).strided({-3, 1});
  expect_rejected<Unsupported>(f, {"x", "strides from 0 up", "[-3, 1]"});
  f = valid_forward();
  f.y = TensorView(y, {-2, 3}, Device::cpu());
  expect_rejected(f, {"y", "extents from 0 up"});
  Backward b = valid_backward();
  b.dx = out(dx).strided({3, -1});
  expect_rejected<Unsupported>(b, {"dx", "strides from 0 up"});
  b = valid_backward();
  b.dy = ConstTensorView(dy, {2, -3}, Device::cpu());
  expect_rejected(b, {"dy", "extents from 0 up"});
}

TEST_F(MemoryValidation, RejectsSizesThatOverflow) {
  Forward f = valid_forward();
  f.x = ConstTensorView(x, {huge, 4}, Device::cpu());
  expect_rejected(f, {"x", "2^63 - 1 elements"});
  f.x = ConstTensorView(x, {huge}, Device::cpu());
  expect_rejected(f, {"x", "2^63 - 1 bytes"});
  f.x = in(x).strided({huge, huge});
  expect_rejected(f, {"x", "span of at most 2^63 - 1 bytes"});
  f.x = in(x).strided({huge / 2, 1});
  expect_rejected(f, {"x", "span"});
  f.x = ConstTensorView(x, {2, 2, 2}, Device::cpu()).strided({huge, huge, 1});
  expect_rejected(f, {"x", "span"});
  f = valid_forward();
  f.y = TensorView(y, {huge, 4}, Device::cpu());
  expect_rejected(f, {"y", "2^63 - 1 elements"});
  Backward b = valid_backward();
  b.dx = TensorView(dx, {huge}, Device::cpu());
  expect_rejected(b, {"dx", "2^63 - 1 bytes"});
}

/// NumPy gives a[:, ::-1] of one column a negative stride; any stride of an axis with one element is accepted.
TEST_F(MemoryValidation, IgnoresStridesOfAxesOfOneElement) {
  for (std::int64_t any : {std::int64_t{-1}, std::int64_t{7}, std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max()}) {
    const Shape column{3, 1, 1};
    const Strides strides{1, any, any};
    Forward f;
    f.x = f.residual = ConstTensorView(x, column, Device::cpu()).strided(strides);
    f.y = TensorView(y, column, Device::cpu()).strided(strides);
    f.mask = TensorView(spare, DType::u2, column, Device::cpu()).strided(strides);
    expect_accepted(f);
    f.y = TensorView(x, column, Device::cpu());  // in place: other strides, but the same elements
    f.residual = {};
    expect_accepted(f);
    Backward b;
    b.dy = b.x = f.x;
    b.dx = TensorView(dx, column, Device::cpu()).strided(strides);
    expect_accepted(b);
  }
}

TEST_F(MemoryValidation, IgnoresStridesOfTensorsWithoutElements) {
  Forward f;
  f.x = ConstTensorView(x, {0, 3}, Device::cpu()).strided({-3, -1});
  f.y = TensorView(y, {0, 3}, Device::cpu()).strided({-3, std::numeric_limits<std::int64_t>::min()});
  expect_accepted(f);
}

TEST_F(MemoryValidation, RejectsMisalignedData) {
  Forward f = valid_forward();
  f.x = ConstTensorView(reinterpret_cast<const char*>(x) + 2, DType::f32, {2, 3}, Device::cpu());
  expect_rejected(f, {"x", "aligned to 4 bytes"});
  const auto misaligned = [&](DType dtype, int by) {
    return ConstTensorView(reinterpret_cast<const char*>(x) + by, dtype, {2}, Device::cpu());
  };
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(x) % 8, 0u);
  f.x = misaligned(DType::f64, 4);
  expect_rejected(f, {"x", "aligned to 8 bytes"});
  f.x = misaligned(DType::f16, 1);
  expect_rejected(f, {"x", "aligned to 2 bytes"});
}

TEST_F(MemoryValidation, RejectsRangesPastTheEndOfTheAddressSpace) {
  Forward f = valid_forward();
  f.x = ConstTensorView(reinterpret_cast<const float*>(std::numeric_limits<std::uintptr_t>::max() - 7), {2, 3}, Device::cpu());
  expect_rejected(f, {"x", "address space"});
}

}  // namespace
}  // namespace rectify::test
