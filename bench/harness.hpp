// What tests, benchmarks and examples need of a device in addition to rectify: memory and transfers.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace rectify::harness {

struct Tools {
  std::string (*name)();                                            ///< of the processor or the GPU
  std::shared_ptr<void> (*allocate)(std::size_t bytes);             ///< 256-byte aligned
  void (*upload)(void* to, const void* from, std::size_t bytes);    ///< from host memory; complete on return
  void (*download)(void* to, const void* from, std::size_t bytes);  ///< to host memory; complete on return
  std::size_t (*free_bytes)();                                      ///< memory that can still be allocated
};

const Tools& cpu_tools();
/// Null if rectify is built without CUDA.
const Tools* cuda_tools();
const Tools& tools(Device device);

struct GpuFacts {
  std::int64_t l2, memory;  ///< bytes
  std::string driver;       ///< "580.159.04", or the CUDA version that it supports if its own is not told
  std::string compute_capability;
};
/// Of the current GPU. Throws without CUDA.
GpuFacts gpu_facts();
/// Makes it the current GPU; nothing for the CPU. Returns false if there is no such GPU.
bool use(Device device);

/// "f16", "bf16", "f32", "f64", "u1", "u2".
std::string name(DType dtype);

/// cuda:0 if there is a GPU, else the CPU.
Device best_device();

}  // namespace rectify::harness
