// Stands in for cuda/ in a build without CUDA.
#include <rectify/detail/backend.hpp>

namespace rectify::detail {

const Backend* cuda_backend() { return nullptr; }

}  // namespace rectify::detail
