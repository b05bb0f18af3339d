// The CUDA backend's table, and the elementwise kernels of all types but double.
#include "elementwise_kernel.cuh"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/dispatch.hpp>

namespace rectify::detail {

// In pointwise_f64.cu, so that a warning about double arithmetic can be an error here.
extern template cudaError_t launch_elementwise<double, ForwardOp>(const Elementwise&, int, cudaStream_t);
extern template cudaError_t launch_elementwise<double, BackwardOp>(const Elementwise&, int, cudaStream_t);

namespace {

template <template <class> class Op>
cudaError_t run_on(const Elementwise& call, int device, Stream stream) {
  DeviceGuard guard(device);
  int architecture = 0;
  cudaError_t error = guard.error();
  if (error == cudaSuccess) error = device_architecture(device, architecture);
  if (error != cudaSuccess) return error;
  error = with_float_type(call.dtype, [&](auto t) {
    return launch_elementwise<typename decltype(t)::type, Op>(call, architecture, stream.handle);
  });
  const cudaError_t restored = guard.restore();
  return error != cudaSuccess ? error : restored;
}

/// An error of our own is reported by its code and taken back from the runtime; a caller's pending error stays where it is.
template <template <class> class Op>
int run(const Elementwise& call, int device, Stream stream) {
  const cudaError_t error = run_on<Op>(call, device, stream);
  if (error != cudaSuccess) cudaGetLastError();
  return error;
}

bool available() {
  int devices = 0;
  const cudaError_t error = cudaGetDeviceCount(&devices);
  if (error != cudaSuccess) cudaGetLastError();
  return error == cudaSuccess && devices > 0;
}

const char* error_name(int code) { return cudaGetErrorName(static_cast<cudaError_t>(code)); }

}  // namespace

const Backend* cuda_backend() {
  static constexpr Backend backend{run<ForwardOp>, run<BackwardOp>, available, error_name};
  return &backend;
}

}  // namespace rectify::detail
