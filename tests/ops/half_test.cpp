// The host's conversions of 16-bit types against those of the reference, which follow the definition of the format.
#include "core/half.hpp"

#include "reference.hpp"
#include "tensor.hpp"

#include <cmath>
#include <cstring>
#include <random>

namespace rectify::test {
namespace {

template <class T>
class Half : public testing::Test {
 public:
  static constexpr DType dtype = std::is_same_v<T, detail::f16> ? DType::f16 : DType::bf16;

  static void expect_rounds_as_reference(float v) {
    std::uint16_t expected;
    reference::store(dtype, &expected, static_cast<double>(v));
    const std::uint16_t got = T(v).bits;
    const bool both_nan = std::isnan(v) && std::isnan(static_cast<float>(T(v)));
    if (got != expected && !both_nan) FAIL() << v << ": expected " << std::hex << expected << ", got " << got;
  }
};
using Types = testing::Types<detail::f16, detail::bf16>;
TYPED_TEST_SUITE(Half, Types);

float from_bits(std::uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

TYPED_TEST(Half, ConvertsEveryPatternToItsNumber) {
  for (std::uint32_t bits = 0; bits < 65536; ++bits) {
    TypeParam half;
    half.bits = static_cast<std::uint16_t>(bits);
    const double expected = reference::load(this->dtype, &half.bits), got = static_cast<double>(static_cast<float>(half));
    ASSERT_TRUE(got == expected || (std::isnan(got) && std::isnan(expected))) << std::hex << bits;
    ASSERT_EQ(std::signbit(got), (bits & 0x8000) != 0) << std::hex << bits;
  }
}

TYPED_TEST(Half, RoundsTiesAndTheirNeighboursAsTheReference) {
  for (std::uint32_t bits = 0; bits < 65535; ++bits) {
    TypeParam low, high;
    low.bits = static_cast<std::uint16_t>(bits);
    high.bits = static_cast<std::uint16_t>(bits + 1);
    const float middle =
        static_cast<float>((static_cast<double>(static_cast<float>(low)) + static_cast<double>(static_cast<float>(high))) / 2);
    const float inf = std::numeric_limits<float>::infinity();
    for (float v : {static_cast<float>(low), std::nextafter(middle, -inf), middle, std::nextafter(middle, inf)})
      this->expect_rounds_as_reference(v);
  }
}

TYPED_TEST(Half, RoundsRandomFloatsAsTheReference) {
  std::mt19937 random(1);
  for (int i = 0; i < 2000000; ++i) this->expect_rounds_as_reference(from_bits(static_cast<std::uint32_t>(random())));
  for (float v : {65504.0f, 65519.99f, 65520.0f, 65536.0f, -65520.0f, 0x1p-24f, 0x1p-25f, 0x1.000002p-25f, 3.4e38f, 0x1p-149f})
    this->expect_rounds_as_reference(v);
}

TYPED_TEST(Half, PacksTheFirstNumberOfAPairLow) {
  EXPECT_EQ(TypeParam::pair(1.0f, -2.0f), TypeParam(1.0f).bits | static_cast<std::uint32_t>(TypeParam(-2.0f).bits) << 16);
}

}  // namespace
}  // namespace rectify::test
