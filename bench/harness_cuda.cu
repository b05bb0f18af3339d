// The tools of the GPU. Durations are taken between two events. Memory comes from cudaMalloc, because thrust::device_vector
// took 20 s to compile.
#include "harness.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <map>
#include <memory>
#include <stdexcept>

namespace rectify::harness {
namespace {

void require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

std::string gpu_name() {
  cudaDeviceProp properties{};
  require(cudaGetDeviceProperties(&properties, 0));
  return properties.name;
}

/// Blocks that tensors have returned, by size. Tests allocate a million small tensors, and each cudaFree would wait for the
/// device. The map is never destroyed, because the CUDA runtime may have shut down by then.
std::multimap<std::size_t, void*>& spare_blocks() {
  static auto& spare = *new std::multimap<std::size_t, void*>;
  return spare;
}

std::shared_ptr<void> gpu_allocate(std::size_t bytes) {
  constexpr std::size_t largest_kept = 16 << 20;
  std::size_t size = 4096;
  while (size < bytes && size < largest_kept) size *= 2;
  size = std::max(size, bytes);
  void* block = nullptr;
  const auto spare = spare_blocks().find(size);
  if (spare != spare_blocks().end()) {
    block = spare->second;
    spare_blocks().erase(spare);
  } else {
    require(cudaMalloc(&block, size));
  }
  return {block, [size](void* given_back) {
            if (size <= largest_kept) {
              spare_blocks().emplace(size, given_back);
            } else {
              cudaFree(given_back);
            }
          }};
}

void transfer(void* to, const void* from, std::size_t bytes) { require(cudaMemcpy(to, from, bytes, cudaMemcpyDefault)); }

void gpu_copy(void* to, const void* from, std::size_t bytes) {
  require(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice));
}

double gpu_seconds(const std::function<void()>& work) {
  cudaEvent_t start, stop;
  require(cudaEventCreate(&start));
  require(cudaEventCreate(&stop));
  require(cudaEventRecord(start));
  work();
  require(cudaEventRecord(stop));
  require(cudaEventSynchronize(stop));
  float milliseconds = 0;
  require(cudaEventElapsedTime(&milliseconds, start, stop));
  cudaEventDestroy(start);
  cudaEventDestroy(stop);
  return milliseconds / 1e3;
}

}  // namespace

const Tools* cuda_tools() {
  static constexpr Tools all{gpu_name, gpu_allocate, transfer, transfer, gpu_copy, gpu_seconds};
  return &all;
}

}  // namespace rectify::harness
