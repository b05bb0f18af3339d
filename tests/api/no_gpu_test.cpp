// A CUDA tensor on a machine without a GPU, or in a build without CUDA: a typed error, and outputs that are not written.
#include <rectify/rectify.h>
#include <rectify/rectify.hpp>

#include "harness.hpp"

#include <gtest/gtest.h>

namespace rectify {
namespace {

TEST(NoGpu, RejectsCudaTensorsWithTheReason) {
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

/// workspace_bytes() needs no GPU, but it throws in a build without CUDA, with or without sums.
TEST(NoGpu, GivesWorkspaceSizesOnlyInABuildWithCuda) {
  Backward b;
  b.dy = b.x = ConstTensorView(nullptr, DType::f32, {4}, Device::cuda(0));
  b.dx = TensorView(nullptr, DType::f32, {4}, Device::cuda(0));
  for (const bool with_sum : {false, true}) {
    if (with_sum) b.dbias = TensorView(nullptr, DType::f32, {1}, Device::cuda(0));
    if (harness::cuda_tools() != nullptr) {
      EXPECT_EQ(workspace_bytes(relu(), b), with_sum ? 256u : 0u);
    } else {
      EXPECT_THROW(workspace_bytes(relu(), b), Unsupported);
    }
  }
}

TEST(NoGpu, ReportsTheCudaErrorThroughTheCApi) {
  EXPECT_EQ(rectify_cuda_available() != 0, cuda_available());
  if (cuda_available()) GTEST_SKIP() << "there is a GPU";
  float x[4] = {7, 7, 7, 7};
  rectify_forward_operands operands = {};
  operands.struct_size = sizeof operands;
  operands.x.data = x;
  operands.x.dtype = RECTIFY_F32;
  operands.x.device = RECTIFY_CUDA;
  operands.x.rank = 1;
  operands.x.shape[0] = 4;
  operands.y = operands.x;
  const rectify_relu relu = {0.5, 0, 1};
  const rectify_status status = rectify_forward(&relu, &operands, nullptr);
  const bool built_with_cuda = harness::cuda_tools() != nullptr;
  EXPECT_EQ(status, built_with_cuda ? RECTIFY_CUDA_ERROR : RECTIFY_UNSUPPORTED) << rectify_last_error();
  EXPECT_EQ(rectify_last_cuda_error() == 35 || rectify_last_cuda_error() == 100, built_with_cuda) << rectify_last_cuda_error();
  for (float v : x) EXPECT_EQ(v, 7);
  operands.x.device = operands.y.device = RECTIFY_CPU;
  EXPECT_EQ(rectify_forward(&relu, &operands, nullptr), RECTIFY_OK) << rectify_last_error();
  EXPECT_EQ(rectify_last_cuda_error(), 0);
}

/// Shows as skipped on a machine without a GPU: tests that run on every target list the targets at run time and skip nothing.
TEST(GpuTests, AreNotSkipped) {
  if (!cuda_available())
    GTEST_SKIP() << "no GPU: the tests of ops ran on the CPU only (rectify_simt_tests runs the kernel sources)";
}

TEST(NoGpu, RunsOnCpuTensors) {
  float x[2] = {-1, 2}, y[2];
  forward(relu(), ConstTensorView(x, {2}, Device::cpu()), TensorView(y, {2}, Device::cpu()));
  EXPECT_EQ(y[0], 0);
  EXPECT_EQ(y[1], 2);
}

}  // namespace
}  // namespace rectify
