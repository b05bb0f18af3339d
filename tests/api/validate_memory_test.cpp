// Where elements lie: extents, strides, sizes and addresses that are rejected, and strides that are never walked, which are not.
#include "rejection.hpp"

namespace rectify::test {
namespace {

constexpr std::int64_t huge = std::int64_t{1} << 62;

TEST_F(Rejection, ExtentsAndStridesBelowZero) {
  Forward f = sound_forward();
  f.x = ConstTensorView(x, {2, -3}, Device::cpu());
  rejects(f, {"x", "extents from 0 up", "[2, -3]"});
  f = sound_forward();
  f.x = in(x).strided({3, -1});
  rejects<Unsupported>(f, {"x", "strides from 0 up", "[3, -1]"});
  f.x = in(x).strided({-3, 1});
  rejects<Unsupported>(f, {"x", "strides from 0 up", "[-3, 1]"});
  f = sound_forward();
  f.y = TensorView(y, {-2, 3}, Device::cpu());
  rejects(f, {"y", "extents from 0 up"});
  Backward b = sound_backward();
  b.dx = out(dx).strided({3, -1});
  rejects<Unsupported>(b, {"dx", "strides from 0 up"});
  b = sound_backward();
  b.dy = ConstTensorView(dy, {2, -3}, Device::cpu());
  rejects(b, {"dy", "extents from 0 up"});
}

TEST_F(Rejection, SizesThatOverflow) {
  Forward f = sound_forward();
  f.x = ConstTensorView(x, {huge, 4}, Device::cpu());
  rejects(f, {"x", "2^63 - 1 elements"});
  f.x = ConstTensorView(x, {huge}, Device::cpu());
  rejects(f, {"x", "2^63 - 1 bytes"});
  f.x = in(x).strided({huge, huge});
  rejects(f, {"x", "span of at most 2^63 - 1 bytes"});
  f.x = in(x).strided({huge / 2, 1});
  rejects(f, {"x", "span"});
  f.x = ConstTensorView(x, {2, 2, 2}, Device::cpu()).strided({huge, huge, 1});
  rejects(f, {"x", "span"});
  f = sound_forward();
  f.y = TensorView(y, {huge, 4}, Device::cpu());
  rejects(f, {"y", "2^63 - 1 elements"});
  Backward b = sound_backward();
  b.dx = TensorView(dx, {huge}, Device::cpu());
  rejects(b, {"dx", "2^63 - 1 bytes"});
}

/// numpy's a[:, ::-1] of one column, and whatever else an axis says that is never walked.
TEST_F(Rejection, StridesOfAxesOfOneElementAreNotLookedAt) {
  for (std::int64_t any : {std::int64_t{-1}, std::int64_t{7}, std::numeric_limits<std::int64_t>::min(),
                           std::numeric_limits<std::int64_t>::max()}) {
    const Shape column{3, 1, 1};
    const Strides strides{1, any, any};
    Forward f;
    f.x = f.residual = ConstTensorView(x, column, Device::cpu()).strided(strides);
    f.y = TensorView(y, column, Device::cpu()).strided(strides);
    f.mask = TensorView(spare, DType::u2, column, Device::cpu()).strided(strides);
    accepts(f);
    f.y = TensorView(x, column, Device::cpu());  // in place, under strides that walk the same elements
    f.residual = {};
    accepts(f);
    Backward b;
    b.dy = b.x = f.x;
    b.dx = TensorView(dx, column, Device::cpu()).strided(strides);
    accepts(b);
  }
}

TEST_F(Rejection, StridesOfNoElementsAreNotLookedAt) {
  Forward f;
  f.x = ConstTensorView(x, {0, 3}, Device::cpu()).strided({-3, -1});
  f.y = TensorView(y, {0, 3}, Device::cpu()).strided({-3, std::numeric_limits<std::int64_t>::min()});
  accepts(f);
}

TEST_F(Rejection, DataNotAlignedToItsElements) {
  Forward f = sound_forward();
  f.x = ConstTensorView(reinterpret_cast<const char*>(x) + 2, DType::f32, {2, 3}, Device::cpu());
  rejects(f, {"x", "aligned to 4 bytes"});
  const auto misaligned = [&](DType dtype, int by) {
    return ConstTensorView(reinterpret_cast<const char*>(x) + by, dtype, {2}, Device::cpu());
  };
  ASSERT_EQ(reinterpret_cast<std::uintptr_t>(x) % 8, 0u);
  f.x = misaligned(DType::f64, 4);
  rejects(f, {"x", "aligned to 8 bytes"});
  f.x = misaligned(DType::f16, 1);
  rejects(f, {"x", "aligned to 2 bytes"});
}

TEST_F(Rejection, RangesPastTheEndOfTheAddressSpace) {
  Forward f = sound_forward();
  f.x = ConstTensorView(reinterpret_cast<const float*>(std::numeric_limits<std::uintptr_t>::max() - 7), {2, 3}, Device::cpu());
  rejects(f, {"x", "address space"});
}

}  // namespace
}  // namespace rectify::test
