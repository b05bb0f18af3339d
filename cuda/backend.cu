// The CUDA backend: its table of functions (core/backend.hpp), called by host/ops.cpp. Makes the device of a call current, and
// calls elementwise_launch.cuh or, for a call with sums, sums_launch.cuh.
#include "sums_launch.cuh"

#include "core/backend.hpp"
#include "core/dispatch.hpp"

namespace rectify::detail {
namespace {

/// What Backend::forward and Backend::backward launch, for a storage type.
struct LaunchForward {
  template <class T>
  static cudaError_t launch(const ElementwiseLaunch& launch) {
    return launch_forward<T>(launch);
  }
};
struct LaunchBackward {
  template <class T>
  static cudaError_t launch(const ElementwiseLaunch& launch) {
    return launch.call.has_sums() ? launch_sums<T>(launch) : launch_backward<T>(launch);
  }
};

/// Launches a call on its device, and makes the caller's device current again.
template <class Launcher>
cudaError_t launch_on_device(const Elementwise& call, int device, Stream stream) {
  DeviceGuard guard(device);
  Gpu gpu{};
  cudaError_t error = guard.error();
  if (error == cudaSuccess) error = describe(device, gpu);
  if (error != cudaSuccess) return error;
  const ElementwiseLaunch launch{call, gpu, stream.handle};
  error = with_float_type(call.dtype, [&](auto t) { return Launcher::template launch<typename decltype(t)::type>(launch); });
  const cudaError_t restored = guard.restore();
  return error != cudaSuccess ? error : restored;
}

/// Returns the error of this call, and clears it from the runtime. A call that succeeds leaves an earlier error of the caller's
/// pending.
template <class Launcher>
int run_on_cuda(const Elementwise& call, int device, Stream stream) {
  const cudaError_t error = launch_on_device<Launcher>(call, device, stream);
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

bool available() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) cudaGetLastError();
  return error == cudaSuccess && devices > 0;
}

SumGrain sum_grain(DType dtype) {
  return with_float_type(dtype, [](auto t) { return cuda_sum_grain<typename decltype(t)::type>; });
}

const char* error_name(int code) { return cudaGetErrorName(static_cast<cudaError_t>(code)); }

}  // namespace

const Backend* cuda_backend() {
  static constexpr Backend backend{run_on_cuda<LaunchForward>, run_on_cuda<LaunchBackward>, sum_grain, available, error_name};
  return &backend;
}

}  // namespace rectify::detail
