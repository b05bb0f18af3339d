// The error bound of long sums: many terms, and terms for which every addition rounds in the same direction.
#include "sum_bound.hpp"
#include "sum_call.hpp"

#include <rectify/presets.hpp>

#include <array>
#include <cmath>
#include <string>
#include <vector>

namespace rectify::test {
namespace {

class SumsBound : public testing::TestWithParam<Target> {};

INSTANTIATE_TEST_SUITE_P(OnEveryTarget, SumsBound, testing::ValuesIn(targets()), target_name);

constexpr SumKind dbias = {"dbias", detail::source_x, of_bias, of_bias};

TEST_P(SumsBound, HoldsForManyTerms) {
  for (const auto& [outer, channels, inner] : {std::array<std::int64_t, 3>{1450000, 3, 1}, {1, 1, 2300001}}) {
    const Inputs in(DType::f64, Placement({outer, channels, inner}), Values::normal);
    SumCall(GetParam(), in, dbias).check();
  }
}

/// 1 plus a little less than half a unit in the last place of `sum`. An addition of such terms one by one rounds that part away every
/// time, a relative error of a quarter eps per term, which exceeds the bound after some hundreds of terms.
double term_rounded_away(std::int64_t sum) {
  return sum < 2 ? 1 : 1 + std::ldexp(0.98, std::ilogb(static_cast<double>(sum)) - 53);
}

/// dbias of [outer, channels, inner]. `before(i)` is the number of terms that are added before element i in its chain of additions.
template <class F>
void check_adversary(const Target& target, std::int64_t outer, std::int64_t channels, std::int64_t inner, const F& before) {
  SCOPED_TRACE(text_of({outer, channels, inner}));
  const Placement at({outer, channels, inner});
  Bytes terms(span_bytes(DType::f64, at));
  std::vector<long double> beyond(static_cast<std::size_t>(channels));
  for (std::int64_t i = 0; i < outer * channels * inner; ++i) {
    const double term = term_rounded_away(before(i));
    reference::store(DType::f64, &terms[static_cast<std::size_t>(8 * i)], term);
    beyond[static_cast<std::size_t>(i / inner % channels)] += term - 1;  // kept apart, as long double would round it away too
  }
  const Tensor in(target.device, DType::f64, at, terms);
  Backward operands;
  operands.x = operands.dy = in.view();  // all above the threshold
  const SumOutputs sums(target, relu(), operands, lengths_of(of_bias, channels));
  const std::int64_t n = outer * inner;
  for (std::int64_t i = 0; i < channels; ++i) {
    const long double exact = static_cast<long double>(n) + beyond[static_cast<std::size_t>(i)];
    ASSERT_TRUE(is_sum_of(DType::f64, sums.value(1, i), {exact, exact, n}));
  }
}

TEST_P(SumsBound, HoldsIfEveryAdditionRoundsDown) {
  // On the CPU, a part of the first has 384 rows of one period, in four bands of 96 side by side. The others have rows of 512 elements and
  // runs of 416, folded to 32 lanes; 47 rows of two runs are a part.
  check_adversary(GetParam(), 24576, 260, 1, [](std::int64_t i) {
    const std::int64_t row = i / 260 % 384;
    return row % 96 * 4 + row / 96;
  });
  check_adversary(GetParam(), 1, 1, 3000000, [](std::int64_t i) { return i / 32 % 1024; });
  check_adversary(GetParam(), 3000, 2, 416, [](std::int64_t i) { return i / 832 % 47 * 13 + i % 416 / 32; });
}

}  // namespace
}  // namespace rectify::test
