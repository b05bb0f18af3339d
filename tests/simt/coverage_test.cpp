// Random calls meet the kernels: a path that they do not reach would be tested by hand-made calls alone.
#include "fuzz_case.hpp"
#include "simt.hpp"
#include "targets.hpp"

#include <gtest/gtest.h>

namespace rectify::test {
namespace {

/// 163 of 196, the other tests' calls apart. Missed are masks beside rare operands, and sums of one set or another, in one type or another.
TEST(RandomCalls, MeetMostKernels) {
  const Target ascending = targets()[0];
  for (std::uint64_t seed = 0; seed < 1000; ++seed) run_fuzz_case(ascending, seed, Size::small);
  EXPECT_GE(simt::runtime().kernels.size(), 155u);
}

}  // namespace
}  // namespace rectify::test
