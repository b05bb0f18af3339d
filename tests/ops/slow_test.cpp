// Tests that take minutes, run by scripts/test.sh --slow.
#include "cases.hpp"

#include "dice.hpp"
#include "harness.hpp"
#include "reference.hpp"
#include "sum_bound.hpp"
#include "sum_outputs.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cstring>

namespace rectify::test {
namespace {

class Slow : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Slow, testing::ValuesIn(targets()), target_name);

TEST_P(Slow, EveryFloatMatchesTheReference) {
  constexpr std::int64_t chunk = std::int64_t{1} << 25;
  const Placement at(Shape{chunk});
  Bytes x(chunk * 4), dy(chunk * 4);
  for (const Relu& relu : {presets::torch::leaky_relu(), relu6(), presets::keras::relu(0.3, 6, 1)}) {
    for (std::uint64_t first = 0; first < std::uint64_t{1} << 32; first += chunk) {
      for (std::uint64_t i = 0; i < chunk; ++i) {
        const auto bits = static_cast<std::uint32_t>(first + i), others = bits * 2654435761u;
        std::memcpy(&x[i * 4], &bits, 4);
        std::memcpy(&dy[i * 4], &others, 4);
      }
      check_forward(GetParam(), relu, DType::f32, x, at, &at);
      check_backward(GetParam(), relu, DType::f32, dy, x, {at, at, at});
      ASSERT_FALSE(HasFailure()) << "from bits " << first;
    }
  }
}

/// A tensor that repeats a block whose length is odd, so that an index that wraps at a power of two meets another value.
class Repeated {
 public:
  Repeated(const Target& target, std::int64_t elements, Bytes block)
      : tools_(harness::tools(target.device)),
        bytes_(2 * elements),
        block_(std::move(block)),
        memory_(tools_.allocate(static_cast<std::size_t>(bytes_))) {
    each_block([&](char* at, std::size_t n) { tools_.upload(at, block_.data(), n); });
  }
  void* data() const { return memory_.get(); }
  bool holds(const Bytes& expected) const {
    bool equal = true;
    Bytes got;
    each_block([&](const char* at, std::size_t n) {
      got.resize(n);
      tools_.download(got.data(), at, n);
      equal =
          equal && same_numbers(DType::f16, got, Bytes(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(n)));
    });
    return equal;
  }

 private:
  template <class F>
  void each_block(F&& f) const {
    const auto size = static_cast<std::int64_t>(block_.size());
    for (std::int64_t at = 0; at < bytes_; at += size)
      f(static_cast<char*>(memory_.get()) + at, static_cast<std::size_t>(std::min(size, bytes_ - at)));
  }

  const harness::Tools& tools_;
  std::int64_t bytes_;
  Bytes block_;
  std::shared_ptr<void> memory_;
};

TEST_P(Slow, MoreElementsThan32BitsCount) {
  constexpr std::int64_t n = (std::int64_t{1} << 31) + 13, period = 1048573;
  const Relu relu{0.3, 0.1, 6};
  const Placement block(Shape{period});
  Bytes x = random_patterns(DType::f16, period, 1), dy = random_patterns(DType::f16, period, 2), y(x.size()), dx(x.size());
  reference::forward(relu, host_view(x, DType::f16, block), host_view(y, DType::f16, block));
  reference::backward(relu, host_view(dy, DType::f16, block), host_view(x, DType::f16, block),
                      host_view(dx, DType::f16, block));
  const Repeated in(GetParam(), n, x), upstream(GetParam(), n, dy), out(GetParam(), n, Bytes(x.size(), 0x5a));
  const Device device = GetParam().device;
  const auto view = [&](const Repeated& r) { return TensorView(r.data(), DType::f16, {n}, device); };
  forward(relu, view(in), view(out));
  EXPECT_TRUE(out.holds(y));
  backward(relu, view(upstream), view(in), view(out));
  EXPECT_TRUE(out.holds(dx));
  // The strided path: every other element in place, the rest left alone, past 2^31 as well.
  const auto every_other = [&](const Repeated& r) { return TensorView(r.data(), DType::f16, {n / 2}, device).strided({2}); };
  const Repeated source(GetParam(), n, x);
  forward(relu, every_other(source), every_other(source));
  Bytes tail(2 * 16), expected_tail(2 * 16);
  constexpr std::int64_t last = n / 2 * 2 - 16;  // even, so the first of the sixteen is written
  for (std::int64_t i = 0; i < 16; ++i) {
    const Bytes& from = i % 2 == 0 ? y : x;
    std::memcpy(&expected_tail[static_cast<std::size_t>(2 * i)], &from[static_cast<std::size_t>(2 * ((last + i) % period))], 2);
  }
  harness::tools(device).download(tail.data(), static_cast<char*>(source.data()) + 2 * last, tail.size());
  EXPECT_TRUE(same_numbers(DType::f16, tail, expected_tail));
}

/// A sum that adds float by float would stop growing at 2^24.
TEST_P(Slow, SumsOfManyTermsAreWithinTheBound) {
  constexpr std::int64_t n = std::int64_t{1} << 28, channels = 2, period = 1048573;
  Bytes block(period * 4);
  Dice dice(1);
  for (std::int64_t i = 0; i < period; ++i) {
    const float term = static_cast<float>(dice.bits() >> 40) * 0x1p-24f;
    std::memcpy(&block[static_cast<std::size_t>(i * 4)], &term, 4);
  }
  reference::ExactSum exact[channels], all;
  for (std::int64_t i = 0; i < channels * n; ++i) {
    float term;
    std::memcpy(&term, &block[static_cast<std::size_t>(i % period * 4)], 4);
    exact[i / n].sum += term;
  }
  for (reference::ExactSum& each : exact) {
    each.magnitude = each.sum;  // no term is below 0
    each.terms = n;
    all = {all.sum + each.sum, all.sum + each.sum, all.terms + n};
  }
  const Repeated in(GetParam(), 2 * channels * n, block);  // in numbers of 2 bytes
  Backward operands;
  operands.channel_axis = 0;
  operands.x = operands.dy = TensorView(in.data(), DType::f32, {channels, n}, GetParam().device);  // slopes are 1
  const auto sums_are = [&](std::int64_t length, const reference::ExactSum* expected) {
    const SumOutputs sums(GetParam(), relu(), operands, lengths_of(of_bias, length));
    for (std::int64_t i = 0; i < length; ++i) EXPECT_TRUE(is_sum_of(DType::f32, sums.value(1, i), expected[i]));
  };
  sums_are(channels, exact);
  sums_are(1, &all);
}

}  // namespace
}  // namespace rectify::test
