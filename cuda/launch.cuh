// How kernels are launched: the guard of the current device, the properties of a GPU, the size of a grid, and launch_kernel,
// which makes every launch of the library. Called by backend.cu and elementwise_launch.cuh; no kernel is here.
#pragma once

#include "tuning.cuh"

#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace rectify::detail {

/// Makes `device` current, and the caller's device again at the end of the scope.
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

  /// Makes the caller's device current again. The destructor does so too, but cannot report an error.
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

/// The properties of a device that a launch depends on.
struct Gpu {
  int architecture;  // as in Tuning
  int multiprocessors;
};

/// Sets `gpu` to the properties of a device. A device is queried once, so that later launches do not pay for it.
inline cudaError_t describe(int device, Gpu& gpu) {
  constexpr int devices = 64, radix = 4096;
  static std::atomic<int> remembered[devices];  // both properties in one number, or 0
  int both = device < devices ? remembered[device].load(std::memory_order_relaxed) : 0;
  if (both == 0) {
    int major = 0, minor = 0, multiprocessors = 0;
    cudaError_t error = cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device);
    if (error == cudaSuccess) error = cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, device);
    if (error != cudaSuccess) return error;
    both = (10 * major + minor) * radix + std::min(multiprocessors, radix - 1);
    if (device < devices) remembered[device].store(both, std::memory_order_relaxed);
  }
  gpu = {both / radix, both % radix};
  return cudaSuccess;
}

/// Blocks for `items` at `per_thread` items a thread: at least one, and at most as many as a grid can have. Kernels loop over
/// the items that a grid does not cover.
inline unsigned blocks_for(std::int64_t items, int per_thread) {
  constexpr std::int64_t max_blocks = 2147483647;
  const std::int64_t tile = std::int64_t{threads_per_block} * per_thread;
  return static_cast<unsigned>(std::clamp<std::int64_t>(items / tile + (items % tile != 0), 1, max_blocks));
}

/// Every launch of the library. It returns the error of this launch alone: cudaGetLastError would also report, and clear,
/// earlier errors.
template <class... Params, class... Args>
cudaError_t launch_kernel(void (*kernel)(Params...), dim3 blocks, cudaStream_t stream, const Args&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads_per_block);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

}  // namespace rectify::detail
