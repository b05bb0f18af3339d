// The elementwise kernels of bf16.
#include "pointwise.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<bf16>(const Launch&);
template cudaError_t launch_backward<bf16>(const Launch&);
}  // namespace rectify::detail
