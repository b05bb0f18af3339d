// How kernels are launched: the guard of the current device, what a launch is chosen by, and the one launch helper. No kernel is here.
#pragma once

#include "tuning.cuh"

#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace rectify::detail {

/// Makes `device` current and puts the caller's back at the end of the scope.
class DeviceGuard {
 public:
  explicit DeviceGuard(int device) {
    error_ = cudaGetDevice(&previous_);
    if (error_ != cudaSuccess || previous_ == device) return;
    error_ = cudaSetDevice(device);
    changed_ = error_ == cudaSuccess;
  }
  ~DeviceGuard() { restore(); }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

  cudaError_t error() const { return error_; }

  /// What the destructor does, for callers who want to know whether it worked.
  cudaError_t restore() {
    if (!changed_) return cudaSuccess;
    changed_ = false;
    return cudaSetDevice(previous_);
  }

 private:
  int previous_ = -1;
  bool changed_ = false;
  cudaError_t error_ = cudaSuccess;
};

/// What a launch is chosen by.
struct Gpu {
  int architecture;  // as in Tuning
  int multiprocessors;
};

/// Asked once per device: a launch must not pay for queries.
inline cudaError_t describe(int device, Gpu& gpu) {
  constexpr int remembered = 64, radix = 4096;
  static std::atomic<int> known[remembered];
  int both = device < remembered ? known[device].load(std::memory_order_relaxed) : 0;
  if (both == 0) {
    int major = 0, minor = 0, multiprocessors = 0;
    cudaError_t error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    if (error != cudaSuccess) return error;
    both = (10 * major + minor) * radix + std::min(multiprocessors, radix - 1);
    if (device < remembered) known[device].store(both, std::memory_order_relaxed);
  }
  gpu = {both / radix, both % radix};
  return cudaSuccess;
}

/// Blocks for `items`, `per_thread` to a thread: at least one, at most what a grid holds (kernels loop over what is left).
inline unsigned blocks_for(std::int64_t items, int per_thread) {
  constexpr std::int64_t most = 2147483647;
  const std::int64_t tile = std::int64_t{threads_per_block} * per_thread;
  return static_cast<unsigned>(std::clamp<std::int64_t>(items / tile + (items % tile != 0), 1, most));
}

/// Every launch of this library. The error returned is this launch's own: cudaGetLastError would also report, and clear, others.
template <class... Params, class... Args>
cudaError_t launch_kernel(void (*kernel)(Params...), dim3 blocks, cudaStream_t stream, const Args&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads_per_block);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

}  // namespace rectify::detail
