// The random calls of fuzz_test.cpp launch most kernels; the others are tested by hand-written calls only.
#include "fuzz_case.hpp"
#include "simt.hpp"
#include "targets.hpp"

#include <gtest/gtest.h>

namespace rectify::test {
namespace {

/// They launch at least 155 of the 194 kernels. Not launched are masks with rare operands, and some sets of sums in some types.
TEST(RandomCalls, LaunchMostKernels) {
  const Target ascending = targets()[0];
  for (std::uint64_t seed = 0; seed < 1000; ++seed) run_fuzz_case(ascending, seed, Size::small);
  EXPECT_GE(simt::runtime().kernels.size(), 155u);
}

}  // namespace
}  // namespace rectify::test
