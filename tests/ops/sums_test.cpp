// The sums of backward() on every target are within the bound of the exact sums, and equal to them if nothing rounds.
#include "sum_call.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace rectify::test {
namespace {

using From = BackwardCall::From;
using Over = BackwardCall::Over;

class Sums : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Sums, testing::ValuesIn(targets()), target_name);

constexpr SumKind kinds[] = {
    all_five,
    from_y,
    from_mask,
    {"dbias", detail::source_x, of_bias, of_bias},
    {"dscale and dbias", detail::source_x, of_scale | of_bias, of_scale | of_bias},
    {"dalpha", detail::source_x, of_alpha, of_alpha},
    {"all five, the function in numbers", detail::source_x, of_scale | of_bias, of_all_five},
    {"all five after a residual", detail::source_x, of_all_five, of_all_five, true},
    {"dbias after a residual", detail::source_x, of_bias, of_bias, true},
    {"dbias from y", detail::source_y, 0, of_bias},
    {"dbias from a mask", detail::source_mask, 0, of_bias},
    {"from a mask of one bit", detail::source_mask, of_alpha, of_bias | of_threshold, false, DType::u1}};

/// {outer, channels, inner}. A row of a part has 4,096 bytes: of a channel's run if that is at least four times as long, or of several
/// periods of a few channels; otherwise it is one period or a strip of it. The CPU folds runs of at least 192 elements whose length is a
/// multiple of 16. The parts of the kernels are similar.
constexpr std::int64_t shapes[][3] = {{700, 7, 1},  {40, 1, 130},  {3, 1300, 1},  {20, 2600, 1},  {11, 300, 3},  {5, 90, 49},
                                      {3, 27, 127}, {2, 23, 784},  {3, 3, 9000},  {1, 1, 100000}, {1, 4, 5000},  {40000, 1, 1},
                                      {9000, 3, 1}, {1, 70000, 1}, {2, 20001, 1}, {33, 65, 33},   {2, 2, 20001}, {70, 2, 256},
                                      {40, 5, 193}, {3, 4, 3001},  {2, 200, 208}};

/// Every shape with every kind of call, with dtypes in turn; large shapes with a sixth of the kinds for each of the three kinds of values.
void check_shapes(const Target& target, Values values) {
  constexpr DType all[] = {DType::f16, DType::bf16, DType::f32, DType::f64};
  const int sort = static_cast<int>(values);
  int turn = 0, tried = sort;
  for (const auto& [outer, channels, inner] : shapes) {
    for (const SumKind& kind : kinds) {
      ++turn;
      if (outer * channels * inner > 30000 && turn % 6 != 2 * sort) continue;
      if (++tried % target.one_in != 0) continue;
      const DType dtype = all[(turn / 3 + turn + sort) % 4];
      SCOPED_TRACE(name(dtype) + " " + text_of({outer, channels, inner}) + ": " + kind.name);
      const Inputs in(dtype, Placement({outer, channels, inner}), values);
      SumCall(target, in, kind).check();
    }
    ++turn;  // so that a kind meets other dtypes
  }
}

TEST_P(Sums, OfIntegersAreExact) { check_shapes(GetParam(), Values::integers); }
TEST_P(Sums, OfNiceNumbersAreWithinTheBound) { check_shapes(GetParam(), Values::nice); }
TEST_P(Sums, OfAnyNumbersAreWithinTheBound) { check_shapes(GetParam(), Values::normal); }

TEST_P(Sums, OfEveryLayoutMatchTheReference) {
  const Strided strided(GetParam());
  const Placement dense = strided.dense(), gaps = strided.with_gaps(), last = strided.channels_last(),
                  of_channels = strided.of(0, 1, 0), of_images = strided.of(1, 0, 0), of_all = strided.of(0, 0, 0);
  const Places places[] = {{gaps, dense, dense},    {dense, gaps, gaps},       {last, last, last},
                           {last, dense, dense},    {dense, dense, last},      {dense, of_all, dense},
                           {last, of_images, last}, {of_channels, last, last}, {dense, of_channels, gaps}};
  int which = 0;
  for (const Places& at : places) {
    const DType dtype = which++ % 2 == 0 ? DType::f32 : DType::f16;
    for (const Values values : {Values::integers, Values::normal}) {
      const Inputs in(dtype, at, values);
      for (const SumKind& kind : {all_five, from_y, from_mask}) {
        SCOPED_TRACE(std::to_string(which) + "th places: " + kind.name);
        SumCall(GetParam(), in, kind).check(2);
      }
    }
  }
}

TEST_P(Sums, OfACallInPlaceMatchTheReference) {
  const Strided placements(GetParam());
  for (const Placement& at : {placements.dense(), placements.channels_last(), placements.with_gaps()}) {
    for (const DType dtype : {DType::bf16, DType::f32, DType::f64}) {
      const Inputs in(dtype, at, Values::normal);
      SumCall(GetParam(), in, all_five, Over::dy).check();
      SumCall(GetParam(), in, all_five, Over::x).check();
      SumCall(GetParam(), in, from_y, Over::dy).check();
      SumCall(GetParam(), in, from_mask, Over::dy).check();
    }
  }
}

/// The CPU streams outputs of 8 MiB and more past the caches in whole vectors, wherever rows and runs end.
TEST_P(Sums, MatchTheReferenceBesideLargeOutputs) {
  if (GetParam().sanitized) GTEST_SKIP() << "takes too long";
  if (GetParam().one_in > 1 && GetParam().device != Device::cpu()) GTEST_SKIP() << "a kernel has one way to store";
  constexpr SumKind with_residual = {"all five after a residual", detail::source_x, of_all_five, of_all_five, true};
  const struct {
    DType dtype;
    std::int64_t outer, channels, inner;
    int offset;
    SumKind kind;
  } calls[] = {{DType::f32, 2150, 1000, 1, 0, all_five},     {DType::f32, 2100, 1001, 1, 1, all_five},
               {DType::f64, 1100, 1000, 1, 3, all_five},     {DType::bf16, 4300, 1001, 1, 0, all_five},
               {DType::f32, 30, 64, 1104, 0, all_five},      {DType::f32, 30, 64, 1100, 3, with_residual},
               {DType::f32, 2, 3, 400001, 0, all_five},      {DType::f16, 4300, 1000, 1, 1, from_mask},
               {DType::f16, 65, 67, 1008, 0, from_mask},     {DType::f64, 1100, 1001, 1, 0, from_mask},
               {DType::f32, 2100, 1024, 1, 5, with_residual}};
  int tried = 0;
  for (const auto& [dtype, outer, channels, inner, offset, kind] : calls) {
    if (tried++ % std::min(GetParam().one_in, 3) != 0) continue;
    SCOPED_TRACE(name(dtype) + " " + text_of({channels, inner}) + ", offset " + std::to_string(offset) + ": " + kind.name);
    const Inputs in(dtype, Placement({outer, channels, inner}, offset), Values::normal);
    SumCall(GetParam(), in, kind).check();
  }
}

TEST_P(Sums, OfNoElementsAreZero) {
  for (const DType dtype : {DType::f16, DType::f64}) {
    const Tensor none(GetParam().device, dtype, Placement({0, 3}), {});
    Backward b;
    b.x = b.dy = none.view();
    b.dx = none.view();
    const Tensor scale(GetParam().device, dtype, Placement({1}), Bytes(span_bytes(dtype, Placement({1})), 0));
    b.scale = scale.view();
    for (const std::int64_t length : {3, 1}) {
      Backward with_sum = b;
      with_sum.dbias = TensorView(nullptr, sum_dtype(dtype), {length}, GetParam().device);
      EXPECT_EQ(workspace_bytes(relu(), with_sum), 0u);
      const SumOutputs sums(GetParam(), relu(), b, lengths_of(of_all_five, length), 2);
      for (int i = 0; i < sum_count; ++i) {
        for (std::int64_t element = 0; element < length; ++element) EXPECT_EQ(sums.value(i, element), 0) << sum_name(i);
      }
    }
  }
}

TEST_P(Sums, OfNoChannelsAreEmpty) {
  const Tensor none(GetParam().device, DType::f32, Placement({4, 0}), {});
  Backward b;
  b.x = b.dy = none.view();
  Backward with_sum = b;
  with_sum.dbias = TensorView(nullptr, DType::f32, {0}, GetParam().device);
  EXPECT_EQ(workspace_bytes(relu(), with_sum), 0u);
  const SumOutputs sums(GetParam(), relu(), b, lengths_of(of_bias | of_alpha, 0));
  const SumOutputs of_everything(GetParam(), relu(), b, lengths_of(of_bias | of_alpha, 1));
  EXPECT_EQ(of_everything.value(1, 0), 0);
}

/// In any order of additions, no term reaches another channel.
TEST_P(Sums, KeepANanInItsChannel) {
  for (const auto& [outer, inner] : {std::array<std::int64_t, 2>{900, 1}, {5, 49}, {1, 4200}}) {
    const Placement at({outer, 9, inner});
    Inputs in(DType::f32, at, Values::normal);
    const SumOutputs before = SumCall(GetParam(), in, kinds[3]).run(lengths_of(of_bias, 9));
    for (std::int64_t i = 0; i < inner; ++i) reference::store(DType::f32, &in.dy.bytes[4 * (4 * inner + i)], std::nan(""));
    const SumOutputs after = SumCall(GetParam(), in, kinds[3]).run(lengths_of(of_bias, 9));
    for (std::int64_t channel = 0; channel < 9; ++channel) {
      if (channel == 4) continue;
      EXPECT_EQ(after.value(1, channel), before.value(1, channel)) << channel;
    }
    EXPECT_TRUE(std::isnan(after.value(1, 4)));
  }
}

}  // namespace
}  // namespace rectify::test
