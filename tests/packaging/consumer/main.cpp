// A minimal program. NaN must be kept although this project is compiled with fast math, and exceptions must pass from a shared library.
#include <rectify/rectify.hpp>

#include <cstring>

int main() {
  float x[3] = {-1.0f, 2.0f, 0.0f};
  const unsigned nan = 0x7fc00000u;
  std::memcpy(&x[2], &nan, sizeof nan);
  const rectify::TensorView all(x, {3}, rectify::Device::cpu());
  rectify::forward(rectify::relu6(), all, all);
  unsigned third;
  std::memcpy(&third, &x[2], sizeof third);
  if (!rectify::cuda_available()) {
    const rectify::TensorView on_gpu(x, {3}, rectify::Device::cuda(0));
    try {
      rectify::forward(rectify::relu6(), on_gpu, on_gpu);
      return 2;
    } catch (const rectify::Error&) {  // CudaError, or Unsupported where rectify was built without CUDA
    }
  }
  return x[0] == 0.0f && x[1] == 2.0f && (third & 0x7fffffffu) > 0x7f800000u ? 0 : 1;
}
