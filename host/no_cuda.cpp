// Replaces cuda/backend.cu in a build without CUDA.
#include "core/backend.hpp"

namespace rectify::detail {

const Backend* cuda_backend() { return nullptr; }

}  // namespace rectify::detail
