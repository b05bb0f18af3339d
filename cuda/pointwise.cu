// The CUDA backend's table.
#include "reduce.cuh"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/dispatch.hpp>

namespace rectify::detail {
namespace {

/// launch_forward or launch_backward, over the types.
struct ForwardVerb {
  template <class T>
  static cudaError_t run(const Launch& launch) {
    return launch_forward<T>(launch);
  }
};
struct BackwardVerb {
  template <class T>
  static cudaError_t run(const Launch& launch) {
    return launch.call.has_sums() ? launch_sums<T>(launch) : launch_backward<T>(launch);
  }
};

template <class Verb>
cudaError_t run_on(const Elementwise& call, int device, Stream stream) {
  DeviceGuard guard(device);
  Gpu gpu{};
  cudaError_t error = guard.error();
  if (error == cudaSuccess) error = describe(device, gpu);
  if (error != cudaSuccess) return error;
  const Launch launch{call, gpu, stream.handle};
  error = with_float_type(call.dtype, [&](auto t) { return Verb::template run<typename decltype(t)::type>(launch); });
  const cudaError_t restored = guard.restore();
  return error != cudaSuccess ? error : restored;
}

/// An error of our own is reported by its code and taken back from the runtime; a caller's pending error stays where it is.
template <class Verb>
int run(const Elementwise& call, int device, Stream stream) {
  const cudaError_t error = run_on<Verb>(call, device, stream);
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
  static constexpr Backend backend{run<ForwardVerb>, run<BackwardVerb>, sum_grain, available, error_name};
  return &backend;
}

}  // namespace rectify::detail
