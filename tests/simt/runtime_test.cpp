// How rectify handles errors and devices of the CUDA runtime, and how many calls it makes, on the fake runtime of simt.hpp.
#include <cuda_runtime.h>

#include <rectify/rectify.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace rectify {
namespace {

class CudaRuntime : public testing::Test {
 protected:
  void SetUp() override { simt::runtime() = {}; }
  void TearDown() override { simt::runtime() = {}; }

  void run(int device = 0) {
    const ConstTensorView in(x.data(), {100}, Device::cuda(device));
    const TensorView out(y.data(), {100}, Device::cuda(device));
    forward(leaky_relu(0.5), in, out);
  }

  int code_of_run(int device = 0) {
    try {
      run(device);
    } catch (const CudaError& error) {
      message = error.what();
      return error.code();
    }
    return 0;
  }

  std::vector<float> x = std::vector<float>(100, -1.0f), y = std::vector<float>(100, 7.0f);
  std::string message;
};

TEST_F(CudaRuntime, IsUnavailableWithoutADriverOrADevice) {
  EXPECT_TRUE(cuda_available());
  for (int code : {cudaErrorInsufficientDriver, cudaErrorNoDevice}) {
    simt::runtime().faults = {{"cudaGetDeviceCount", code}, {"cudaGetDevice", code}};
    EXPECT_FALSE(cuda_available());
    EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess);
    EXPECT_EQ(code_of_run(), code);
    EXPECT_EQ(y, std::vector<float>(100, 7.0f));
  }
  EXPECT_NE(message.find("forward on cuda:0"), std::string::npos) << message;
  EXPECT_NE(message.find("cudaErrorNoDevice (100)"), std::string::npos) << message;
  simt::runtime() = {};
  simt::runtime().devices = 0;
  EXPECT_FALSE(cuda_available());
}

TEST_F(CudaRuntime, ReportsTheFailureOfEveryCall) {
  // The architecture is cached per device, so this test uses a device that no other test uses.
  simt::runtime().devices = 4;
  for (const char* call : {"cudaGetDevice", "cudaSetDevice", "cudaDeviceGetAttribute", "cudaLaunchKernelEx"}) {
    simt::runtime().faults = {{call, cudaErrorLaunchFailure}};
    EXPECT_EQ(code_of_run(3), cudaErrorLaunchFailure) << call;
    EXPECT_EQ(cudaPeekAtLastError(), cudaSuccess) << call << " left its error to the caller";
    EXPECT_EQ(y, std::vector<float>(100, 7.0f));
    simt::runtime().faults.clear();
    EXPECT_EQ(simt::runtime().current_device, 0);
  }
  EXPECT_EQ(code_of_run(9), cudaErrorInvalidDevice);
}

TEST_F(CudaRuntime, KeepsThePendingErrorOfTheCaller) {
  simt::runtime().last_error = cudaErrorInvalidConfiguration;
  run();
  EXPECT_EQ(y, std::vector<float>(100, -0.5f));
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidConfiguration);
}

TEST_F(CudaRuntime, RestoresTheCurrentDevice) {
  simt::runtime().devices = 3;
  simt::runtime().current_device = 1;
  run(2);
  EXPECT_EQ(y, std::vector<float>(100, -0.5f));
  EXPECT_EQ(simt::runtime().current_device, 1);
}

TEST_F(CudaRuntime, NeedsOneLaunchAndOneQueryPerCall) {
  run();
  simt::runtime().calls.clear();
  run();
  EXPECT_EQ(simt::runtime().calls, (std::map<std::string, int>{{"cudaGetDevice", 1}, {"cudaLaunchKernelEx", 1}}));
}

TEST_F(CudaRuntime, LaunchesOnTheGivenStream) {
  const auto stream = reinterpret_cast<cudaStream_t>(0x1234);
  const TensorView all(x.data(), {100}, Device::cuda(0));
  forward(relu(), all, all, stream);
  EXPECT_EQ(simt::runtime().last_stream, stream);
  backward(relu(), all, ConstTensorView(y.data(), {100}, Device::cuda(0)), all);
  EXPECT_EQ(simt::runtime().last_stream, nullptr);
}

TEST_F(CudaRuntime, IsNotCalledForNoElements) {
  const TensorView none(static_cast<float*>(nullptr), {0}, Device::cuda(0));
  forward(relu(), none, none);
  EXPECT_TRUE(simt::runtime().calls.empty());
}

}  // namespace
}  // namespace rectify
