// The elementwise kernels of f16.
#include "pointwise.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<f16>(const Launch&);
template cudaError_t launch_backward<f16>(const Launch&);
}  // namespace rectify::detail
