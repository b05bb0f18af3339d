// The GPU's tools. Memory belongs to thrust::device_vector; time is that between two events.
#include "harness.hpp"

#include <cuda_runtime.h>
#include <thrust/device_vector.h>

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

std::shared_ptr<void> gpu_allocate(std::size_t bytes) {
  auto owner = std::make_shared<thrust::device_vector<unsigned char>>(bytes + 1);  // a pointer even for no bytes
  return {owner, thrust::raw_pointer_cast(owner->data())};
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
