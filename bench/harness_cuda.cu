// The tools of the current GPU. Memory comes from cudaMalloc, because thrust::device_vector took 20 s to compile.
#include "harness.hpp"

#include <cuda_runtime.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <memory>
#include <stdexcept>

namespace rectify::harness {
namespace {

void require(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(std::string("CUDA: ") + cudaGetErrorString(error));
}

std::string gpu_name() {
  int device = 0;
  cudaDeviceProp properties{};
  require(cudaGetDevice(&device));
  require(cudaGetDeviceProperties(&properties, device));
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

std::size_t gpu_free_bytes() {
  std::size_t spare = 0, all = 0;
  require(cudaMemGetInfo(&spare, &all));
  return spare;
}

}  // namespace

GpuFacts gpu_facts() {
  int device = 0, version = 0;
  cudaDeviceProp properties{};
  require(cudaGetDevice(&device));
  require(cudaGetDeviceProperties(&properties, device));
  require(cudaDriverGetVersion(&version));
  GpuFacts facts{properties.l2CacheSize, static_cast<std::int64_t>(properties.totalGlobalMem),
                 "for CUDA " + std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10),
                 std::to_string(properties.major) + "." + std::to_string(properties.minor)};
  std::string line;
  std::ifstream driver("/sys/module/nvidia/version");
  if (std::getline(driver, line)) facts.driver = line;
  return facts;
}

bool use(Device device) {
  if (device.kind == Device::Kind::cpu || cudaSetDevice(device.index) == cudaSuccess) return true;
  cudaGetLastError();
  return false;
}

const Tools* cuda_tools() {
  static constexpr Tools all{gpu_name, gpu_allocate, transfer, transfer, gpu_free_bytes};
  return &all;
}

}  // namespace rectify::harness
