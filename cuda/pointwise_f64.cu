// The elementwise kernels of f64.
#include "pointwise.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<double>(const Launch&);
template cudaError_t launch_backward<double>(const Launch&);
}  // namespace rectify::detail
