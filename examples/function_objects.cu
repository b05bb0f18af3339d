// Uses the function objects on a GPU: with Thrust, with cub::DeviceTransform, and in a kernel of your own. Exit status: 0 if
// every result is as expected, else 1; 77 without a GPU.
#include "function_objects.hpp"

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#if __has_include(<cub/device/device_transform.cuh>)
#include <cub/device/device_transform.cuh>
#include <cuda/std/tuple>
#define EXAMPLES_DEVICE_TRANSFORM
#endif

#include <cstdint>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

using namespace examples;
using Halves = thrust::device_vector<__half>;

void require_success(cudaError_t code, const char* what) {
  if (code != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(code));
}

#ifdef EXAMPLES_DEVICE_TRANSFORM
/// cub::DeviceTransform (from CCCL 2.8 and CUDA 12.9 on) is tuned for each GPU, and runs on the caller's stream.
void check_cub(Report& report, const Expected& expected, cudaStream_t stream) {
  const Vector x(expected.x.begin(), expected.x.end()), dy(expected.dy.begin(), expected.dy.end());
  Vector y(size), dx(size);
  require_success(cub::DeviceTransform::Transform(x.begin(), y.begin(), size, ReluForward<float>(relu), stream), "forward");
  require_success(cub::DeviceTransform::Transform(cuda::std::make_tuple(dy.begin(), x.begin()), dx.begin(), size,
                                                  ReluBackward<float>(relu), stream),
                  "backward");
  require_success(cudaStreamSynchronize(stream), "cub");
  report.equal("cub::DeviceTransform, forward", on_host(y), expected.y);
  report.equal("cub::DeviceTransform, backward", on_host(dx), expected.dx);
}
#endif

/// y = value(x + bias), with a bias for each column. As in the library, f16 tensors are computed in f32, and only the store
/// rounds to f16.
__global__ void bias_relu_kernel(ReluForward<float> f, const __half* x, const __half* bias, __half* y, std::int64_t elements,
                                 int columns) {
  const std::int64_t i = std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
  if (i < elements) y[i] = __float2half_rn(f(__half2float(x[i]) + __half2float(bias[i % columns])));
}

void check_own_kernel(Report& report, const Expected& expected, cudaStream_t stream) {
  constexpr int columns = 4099, threads = 256, blocks = (columns + threads - 1) / threads;
  static_assert(columns == size, "one row");
  const thrust::host_vector<__half> host_x(expected.x.begin(), expected.x.end()),
      host_bias(expected.dy.begin(), expected.dy.end());
  const Halves x = host_x, bias = host_bias;
  Halves y(size);
  bias_relu_kernel<<<blocks, threads, 0, stream>>>(ReluForward<float>(relu), x.data().get(), bias.data().get(), y.data().get(),
                                                   columns, columns);
  require_success(cudaGetLastError(), "bias_relu_kernel");
  require_success(cudaStreamSynchronize(stream), "bias_relu_kernel");
  const thrust::host_vector<__half> host_y = y;
  std::vector<float> got(size), wanted(size);
  for (std::size_t i = 0; i < size; ++i) {
    got[i] = __half2float(host_y[i]);
    wanted[i] = __half2float(__float2half_rn(rectify::value(relu, __half2float(host_x[i]) + __half2float(host_bias[i]))));
  }
  report.equal("a kernel of your own, bias and f16", got, wanted);
}

int run() {
  cudaStream_t stream;
  require_success(cudaStreamCreate(&stream), "cudaStreamCreate");
  const Expected expected;
  Report report;
  check_thrust(report, expected);
#ifdef EXAMPLES_DEVICE_TRANSFORM
  check_cub(report, expected, stream);
#endif
  check_own_kernel(report, expected, stream);
  require_success(cudaStreamDestroy(stream), "cudaStreamDestroy");
  return report.failures() == 0 ? 0 : 1;
}

}  // namespace

int main() try {
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) {
    std::puts("no GPU");
    return 77;
  }
  return run();
} catch (const std::exception& e) {
  std::fprintf(stderr, "function_objects: %s\n", e.what());
  return 1;
}
