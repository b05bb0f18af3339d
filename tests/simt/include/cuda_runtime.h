// The part of the CUDA runtime that rectify's kernel sources use, for a host compiler without a toolkit. It replaces the toolkit's header when
// kernel sources are compiled for the CPU. simt.hpp emulates the threads.
#pragma once

#include "simt.hpp"

#include <cstdint>
#include <cstring>

#define __global__
#define __device__
#define __host__
#define __grid_constant__
#define __launch_bounds__(...)
#define __shared__ static  // blocks run one after the other

// --- types

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidConfiguration = 9,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorLaunchFailure = 719,
};
using cudaStream_t = struct CUstream_st*;

struct uint4 {
  unsigned x, y, z, w;
};
inline uint4 make_uint4(unsigned x, unsigned y, unsigned z, unsigned w) { return {x, y, z, w}; }
struct alignas(8) uint2 {
  unsigned x, y;
};
inline uint2 make_uint2(unsigned x, unsigned y) { return {x, y}; }

using dim3 = simt::Dim3;

enum cudaDeviceAttr {
  cudaDevAttrMultiProcessorCount = 16,
  cudaDevAttrComputeCapabilityMajor = 75,
  cudaDevAttrComputeCapabilityMinor = 76
};

struct cudaLaunchConfig_t {
  dim3 gridDim, blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
};

// --- the runtime, whose errors simt::runtime() determines

inline cudaError_t simt_error(const char* call, int error = cudaSuccess) {
  return static_cast<cudaError_t>(simt::runtime().outcome(call, error));
}

inline cudaError_t cudaGetDeviceCount(int* count) {
  const cudaError_t error = simt_error("cudaGetDeviceCount");
  if (error == cudaSuccess) *count = simt::runtime().devices;
  return error;
}
inline cudaError_t cudaGetDevice(int* device) {
  const cudaError_t error = simt_error("cudaGetDevice");
  if (error == cudaSuccess) *device = simt::runtime().current_device;
  return error;
}
inline cudaError_t cudaSetDevice(int device) {
  const bool exists = device >= 0 && device < simt::runtime().devices;
  const cudaError_t error = simt_error("cudaSetDevice", exists ? cudaSuccess : cudaErrorInvalidDevice);
  if (error == cudaSuccess) simt::runtime().current_device = device;
  return error;
}
inline cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  const cudaError_t error = simt_error("cudaDeviceGetAttribute");
  constexpr int multiprocessors = 1;  // so that small tensors need several rows per thread
  if (error == cudaSuccess)
    *value = attribute == cudaDevAttrComputeCapabilityMajor ? 9
             : attribute == cudaDevAttrMultiProcessorCount  ? multiprocessors
                                                            : 0;
  return error;
}
inline cudaError_t cudaPeekAtLastError() { return static_cast<cudaError_t>(simt::runtime().last_error); }
inline cudaError_t cudaGetLastError() {
  const cudaError_t error = cudaPeekAtLastError();
  simt::runtime().last_error = cudaSuccess;
  return error;
}
inline const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return "cudaSuccess";
    case cudaErrorInvalidConfiguration: return "cudaErrorInvalidConfiguration";
    case cudaErrorInsufficientDriver: return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice: return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice: return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure: return "cudaErrorLaunchFailure";
  }
  return "unrecognized error code";
}

template <class... Params, class... Args>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Params...), const Args&... args) {
  const dim3 grid = config->gridDim, block = config->blockDim;
  const bool fits = grid.x > 0 && grid.y > 0 && grid.z > 0 && grid.x <= 2147483647u && grid.y <= 65535 && grid.z <= 65535 &&
                    block.count() > 0 && block.count() <= 1024;
  const cudaError_t error = simt_error("cudaLaunchKernelEx", fits ? cudaSuccess : cudaErrorInvalidConfiguration);
  simt::runtime().last_stream = config->stream;
  if (error != cudaSuccess) return error;
  simt::runtime().kernels.insert(reinterpret_cast<const void*>(kernel));
  simt::launch(grid, block, [&] { kernel(static_cast<Params>(args)...); });
  return cudaSuccess;
}

// --- indices and functions of a thread

inline const dim3& threadIdx = simt::indices().thread;
inline const dim3& blockIdx = simt::indices().block;
inline const dim3& blockDim = simt::indices().block_dim;
inline const dim3& gridDim = simt::indices().grid_dim;

#define __syncthreads() ::simt::sync_block({__FILE__, __LINE__})
#define __syncwarp(...) ::simt::sync_warp(::simt::full_or(__VA_ARGS__), {__FILE__, __LINE__})
#define __shfl_sync(mask, v, source) ::simt::exchange(mask, v, source, {__FILE__, __LINE__})
#define __shfl_xor_sync(mask, v, d) ::simt::exchange(mask, v, ::simt::lane() ^ (d), {__FILE__, __LINE__})
#define __shfl_down_sync(mask, v, d) \
  ::simt::exchange(mask, v, ::simt::lane() + (d) < 32 ? ::simt::lane() + (d) : ::simt::lane(), {__FILE__, __LINE__})
#define __ballot_sync(mask, predicate) ::simt::ballot(mask, predicate, {__FILE__, __LINE__})

/// 128-bit stores, which must be aligned. They copy bytes, so that memory of any type may be written.
inline void __stwb(uint4* to, uint4 v) {
  if (reinterpret_cast<std::uintptr_t>(to) % 16 != 0) simt::fail("misaligned 128-bit store");
  std::memcpy(static_cast<void*>(to), &v, sizeof v);
}
inline void __stcs(uint4* to, uint4 v) { __stwb(to, v); }
inline void __stwb(uint2* to, uint2 v) {
  if (reinterpret_cast<std::uintptr_t>(to) % 8 != 0) simt::fail("misaligned 64-bit store");
  std::memcpy(static_cast<void*>(to), &v, sizeof v);
}

/// The upper half of a product.
inline std::uint32_t __umulhi(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::uint32_t>(std::uint64_t{a} * b >> 32);
}
