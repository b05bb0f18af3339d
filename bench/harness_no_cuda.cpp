// Replaces harness_cuda.cu in a build without CUDA.
#include "harness.hpp"

namespace rectify::harness {

const Tools* cuda_tools() { return nullptr; }

}  // namespace rectify::harness
