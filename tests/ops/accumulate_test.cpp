// accumulate = true on every target: old + sum, rounded once. fuzz_test.cpp combines it with every other operand.
#include "cases.hpp"
#include "guarded_workspace.hpp"
#include "sum_call.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cmath>
#include <list>

namespace rectify::test {
namespace {

class Accumulate : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Accumulate, testing::ValuesIn(targets()), target_name);

/// {outer, channels, inner}: one for each way in which the work is cut into parts (see sums_test.cpp).
constexpr std::int64_t shapes[][3] = {{700, 7, 1},  {3, 1300, 1}, {20, 2600, 1}, {5, 90, 49},
                                      {2, 23, 784}, {3, 3, 9000}, {40000, 1, 1}};

/// dbias, dalpha, dthreshold and dmax_value of one call, some per channel. Their tensors are filled with `old` before it.
std::vector<double> sums_of(const Target& target, const Inputs& in, bool accumulate, double old) {
  const DType dtype = sum_dtype(in.dtype);
  const auto size = static_cast<std::size_t>(bytes_per_element(dtype));
  const Tensor x(target.device, in.dtype, in.at.x, in.x.bytes), dy(target.device, in.dtype, in.at.dy, in.dy.bytes);
  Backward b;
  b.x = x.view();
  b.dy = dy.view();
  b.accumulate = accumulate;
  std::list<Tensor> sums;
  for (int i = 1; i < sum_count; ++i) {
    const Placement at({i % 2 == 0 ? 1 : in.channels()});
    Bytes before = untouched(dtype, at);
    for (std::size_t byte = 0; byte < before.size(); byte += size) reference::store(dtype, &before[byte], old);
    b.*sum_member(i) = sums.emplace_back(target.device, dtype, at, before).view();
  }
  const GuardedWorkspace workspace(target.device, relu6(), b);
  b.workspace = workspace.view();
  backward(relu6(), b);
  std::vector<double> values;
  for (const Tensor& sum : sums) {
    const Bytes bytes = sum.contents();
    for (std::size_t byte = 0; byte < bytes.size(); byte += size) values.push_back(reference::load(dtype, &bytes[byte]));
  }
  return values;
}

/// The result is the rounded addition of the old value and the sum without accumulate.
TEST_P(Accumulate, AddsTheSumWithOneRounding) {
  GetParam().prepare();
  int turn = 0;
  for (const auto& [outer, channels, inner] : shapes) {
    if (GetParam().one_in > 1 && outer * channels * inner > 30000) continue;
    const DType dtype = turn++ % 2 == 0 ? DType::f32 : DType::f64;
    SCOPED_TRACE(text_of({outer, channels, inner}));
    const Inputs in(dtype, Placement({outer, channels, inner}), Values::normal);
    for (const double old : {0.1, -1e7, 0.0}) {
      const double held = dtype == DType::f32 ? static_cast<double>(static_cast<float>(old)) : old;
      const std::vector<double> sums = sums_of(GetParam(), in, false, NAN), added = sums_of(GetParam(), in, true, held);
      ASSERT_EQ(sums.size(), added.size());
      for (std::size_t i = 0; i < sums.size(); ++i) {
        const double both = held + sums[i];
        ASSERT_EQ(added[i], dtype == DType::f32 ? static_cast<double>(static_cast<float>(both)) : both) << i;
      }
    }
  }
}

TEST_P(Accumulate, KeepsTheOldValueIfThereAreNoElements) {
  GetParam().prepare();
  const Tensor none(GetParam().device, DType::f16, Placement({0, 3}), {});
  const Bytes seven = [] {
    Bytes bytes(12);
    for (std::size_t i = 0; i < 12; i += 4) reference::store(DType::f32, &bytes[i], 7);
    return bytes;
  }();
  for (const bool accumulate : {true, false}) {
    const Tensor dbias(GetParam().device, DType::f32, Placement({3}), seven);
    Backward b;
    b.dy = b.x = none.view();
    b.dbias = dbias.view();
    b.accumulate = accumulate;
    backward(relu(), b);
    EXPECT_EQ(dbias.contents(), accumulate ? seven : Bytes(12, 0));
  }
}

/// There is nothing to add to, and the call is valid.
TEST_P(Accumulate, IsIgnoredWithoutSums) {
  GetParam().prepare();
  const Placement at({5});
  const Bytes any = random_patterns(DType::f32, 5, 1);
  const Tensor x(GetParam().device, DType::f32, at, any), dx(GetParam().device, DType::f32, at, untouched(DType::f32, at));
  Backward b;
  b.dy = b.x = x.view();
  b.dx = dx.view();
  b.accumulate = true;
  EXPECT_NO_THROW(backward(relu(), b));
}

}  // namespace
}  // namespace rectify::test
