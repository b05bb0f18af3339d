// In place of machine_cuda.cu, where rectify is built without CUDA.
#include "machine.hpp"

#include <stdexcept>

namespace tune {

std::unique_ptr<Machine> cuda_machine() { throw std::runtime_error("--device cuda: rectify was built without CUDA"); }

}  // namespace tune
