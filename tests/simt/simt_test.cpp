// The emulation itself: it runs correct kernels, and it finds faults.
#include <cuda_runtime.h>

#include <gtest/gtest.h>

#include <vector>

namespace {

class Simt : public testing::TestWithParam<simt::Order> {
 protected:
  void SetUp() override { simt::set_order(GetParam()); }
  void TearDown() override { simt::set_order(simt::Order::ascending); }
};
INSTANTIATE_TEST_SUITE_P(InEveryOrder, Simt,
                         testing::Values(simt::Order::ascending, simt::Order::descending, simt::Order::shuffled));

TEST_P(Simt, RunsEveryThreadOfEveryBlockOnce) {
  std::vector<int> runs(2 * 3 * 2 * 4 * 2);
  simt::launch({2, 3}, {2, 4, 2}, [&] {
    const unsigned block = blockIdx.x + gridDim.x * blockIdx.y;
    const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    ++runs[block * 16 + thread];
  });
  EXPECT_EQ(runs, std::vector<int>(runs.size(), 1));
}

TEST_P(Simt, OrdersWritesBeforeReadsAtBarriers) {
  constexpr unsigned n = 96;
  std::vector<unsigned> shared(n), read(n);
  simt::launch({3}, {n}, [&] {
    const unsigned i = threadIdx.x;
    shared[i] = i + blockIdx.x;
    __syncthreads();
    read[i] = shared[n - 1 - i];
    __syncthreads();
    if (read[i] != n - 1 - i + blockIdx.x) simt::fail("a barrier did not hold");
  });
}

TEST_P(Simt, ReadsTheNamedLanesInWarpOperations) {
  std::vector<unsigned> sums(2), votes(64);
  simt::launch({1}, {64}, [&] {
    unsigned sum = threadIdx.x;
    for (unsigned d = 16; d > 0; d /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, d);
    if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
    votes[threadIdx.x] = __ballot_sync(0xffffffffu, threadIdx.x % 3 == 0);
    if (__shfl_down_sync(0xffffffffu, threadIdx.x, 1) != threadIdx.x + (threadIdx.x % 32 < 31 ? 1 : 0))
      simt::fail("wrong lane");
    __syncwarp();
  });
  EXPECT_EQ(sums, (std::vector<unsigned>{496, 1520}));
  EXPECT_EQ(votes[5], 0x49249249u);
  EXPECT_EQ(votes[37], 0x92492492u);
}

/// Without a barrier, a thread reads a value before another thread has written it, at least in some order.
TEST(SimtOrders, ShowAMissingBarrier) {
  int wrong = 0;
  for (simt::Order order : {simt::Order::ascending, simt::Order::descending, simt::Order::shuffled}) {
    simt::set_order(order);
    std::vector<int> shared(32, 0);
    simt::launch({1}, {32}, [&] {
      shared[threadIdx.x] = 1;
      wrong += shared[31 - threadIdx.x] == 0;
    });
  }
  simt::set_order(simt::Order::ascending);
  EXPECT_GT(wrong, 0);
}

using SimtDeathTest = testing::Test;

TEST(SimtDeathTest, ReportsADivergentBarrier) {
  EXPECT_DEATH(simt::launch({1}, {32},
                            [] {
                              if (threadIdx.x < 16) __syncthreads();
                            }),
               "threads that have exited");
}

TEST(SimtDeathTest, ReportsAWarpMaskThatNamesAnExitedLane) {
  EXPECT_DEATH(simt::launch({1}, {32},
                            [] {
                              if (threadIdx.x != 3) __syncwarp();
                            }),
               "lane that has exited");
}

TEST(SimtDeathTest, ReportsAShuffleFromOutsideItsMask) {
  EXPECT_DEATH(simt::launch({1}, {32},
                            [] {
                              if (threadIdx.x < 4) (void)__shfl_sync(0xfu, threadIdx.x, 9u);
                            }),
               "lane outside its mask");
}

TEST(SimtDeathTest, ReportsAMisalignedVectorStore) {
  alignas(16) static unsigned char bytes[32];
  EXPECT_DEATH(__stwb(reinterpret_cast<uint4*>(bytes + 4), uint4{}), "misaligned");
}

}  // namespace
