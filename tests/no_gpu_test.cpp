// A CUDA tensor on a machine without a GPU, or in a build without CUDA: a typed error, and outputs as they were.
#include <rectify/rectify.hpp>

#include "harness.hpp"

#include <gtest/gtest.h>

namespace rectify {
namespace {

TEST(NoGpu, CudaTensorsAreRefusedWithTheReason) {
  if (cuda_available()) GTEST_SKIP() << "there is a GPU";
  float x[4] = {1, 2, 3, 4}, y[4] = {7, 7, 7, 7};
  const TensorView in(x, {4}, Device::cuda(0)), out(y, {4}, Device::cuda(0));
  const bool built_with_cuda = harness::cuda_tools() != nullptr;
  try {
    forward(relu(), in, out);
    FAIL() << "nothing was thrown";
  } catch (const CudaError& error) {
    EXPECT_TRUE(built_with_cuda);
    EXPECT_TRUE(error.code() == 35 || error.code() == 100) << error.what();
  } catch (const Unsupported& error) {
    EXPECT_FALSE(built_with_cuda);
    EXPECT_NE(std::string(error.what()).find("no CUDA"), std::string::npos) << error.what();
  }
  for (float v : y) EXPECT_EQ(v, 7);
  EXPECT_THROW(backward(relu(), in, in, out), Error);
}

/// So that a run without a GPU says what it left out: ops_test.cpp and slow_test.cpp list their targets at run time.
TEST(Gpu, TheTestsOfOpsRunOnItToo) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: the tests of ops ran on the cpu alone (their kernels' source in rectify_simt_tests)";
}

TEST(NoGpu, CpuTensorsWork) {
  float x[2] = {-1, 2}, y[2];
  forward(relu(), ConstTensorView(x, {2}, Device::cpu()), TensorView(y, {2}, Device::cpu()));
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 2);
}

}  // namespace
}  // namespace rectify
