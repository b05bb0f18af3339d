// Replaces harness_cuda.cu in a build without CUDA.
#include "harness.hpp"

#include <stdexcept>

namespace rectify::harness {

const Tools* cuda_tools() { return nullptr; }
GpuFacts gpu_facts() { throw std::logic_error("built without CUDA"); }
bool use(Device device) { return device.kind == Device::Kind::cpu; }

}  // namespace rectify::harness
