// What takes minutes: scripts/test.sh --slow.
#include "cases.hpp"

#include "harness.hpp"
#include "reference.hpp"

#include <rectify/ops.hpp>
#include <rectify/presets.hpp>

#include <cstring>

namespace rectify::test {
namespace {

class Slow : public testing::TestWithParam<Target> {};
INSTANTIATE_TEST_SUITE_P(OnEveryTarget, Slow, testing::ValuesIn(targets()),
                         [](const auto& target) { return target.param.name; });

TEST_P(Slow, EveryFloatGivesTheReferencesBits) {
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

TEST_P(Slow, MoreElementsThan32BitsCount) {
  constexpr std::int64_t n = (std::int64_t{1} << 31) + 13;
  const Bytes patterns = every_half();
  const auto& tools = harness::tools(GetParam().device);
  const auto memory = tools.allocate(2 * n);
  auto* bytes = static_cast<char*>(memory.get());
  const auto period = static_cast<std::int64_t>(patterns.size());
  for (std::int64_t begin = 0; begin < 2 * n; begin += period) {
    tools.upload(bytes + begin, patterns.data(), static_cast<std::size_t>(std::min(period, 2 * n - begin)));
  }
  const TensorView all(memory.get(), DType::f16, {n}, GetParam().device);
  forward(relu6(), all, all);
  Bytes expected = patterns, in = patterns, got(patterns.size());
  reference::forward(relu6(), host_view(in, DType::f16, Shape{65536}), host_view(expected, DType::f16, Shape{65536}));
  for (std::int64_t begin = 0; begin < 2 * n; begin += period) {
    got.resize(static_cast<std::size_t>(std::min(period, 2 * n - begin)));
    expected.resize(got.size());
    tools.download(got.data(), bytes + begin, got.size());
    ASSERT_TRUE(same_numbers(DType::f16, got, expected)) << "from byte " << begin;
  }
}

}  // namespace
}  // namespace rectify::test
