// The elementwise kernels of f32.
#include "pointwise.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<float>(const Launch&);
template cudaError_t launch_backward<float>(const Launch&);
}  // namespace rectify::detail
