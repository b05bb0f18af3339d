// How kernels are launched: the tuning table, the guard of the current device, and the one launch helper. No kernel is here.
#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace rectify::detail {

constexpr int threads_per_block = 256;

/// 16-byte packs that a thread has in flight from each input, for kernels of one and of two inputs.
struct Tuning {
  int architecture;  // 10 * major + minor, and everything up to the next row
  int one_input;
  int two_inputs;
};

/// The row of 90 is measured, on an H100 (docs/tuning-log.md): one pack is as fast as two or up to 1 % faster with one input and with two.
/// The others are predicted from bytes in flight per SM (docs/design.md, "Packs in flight").
constexpr Tuning tuning_table[] = {{0, 2, 1}, {80, 2, 1}, {90, 1, 1}, {100, 4, 2}, {120, 2, 1}};

/// Scalars that a thread of the strided kernel has in flight from each input.
constexpr int strided_in_flight = 4;

constexpr int packs_in_flight(int architecture, int inputs) {
  Tuning row = tuning_table[0];
  for (const Tuning& next : tuning_table) row = next.architecture <= architecture ? next : row;
  return inputs == 1 ? row.one_input : row.two_inputs;
}

/// The architecture that the code at hand is compiled for. The host asks the device instead, and may be answered otherwise
/// (PTX compiled for a newer chip), so no kernel may rely on the host having picked a grid by the same row.
#if defined(__CUDA_ARCH__)
constexpr int code_architecture = __CUDA_ARCH__ / 10;
#else
constexpr int code_architecture = 0;
#endif

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
cudaError_t launch(void (*kernel)(Params...), dim3 blocks, cudaStream_t stream, const Args&... args) {
  cudaLaunchConfig_t config{};
  config.gridDim = blocks;
  config.blockDim = dim3(threads_per_block);
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, args...);
}

}  // namespace rectify::detail
