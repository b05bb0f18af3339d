// The elementwise kernels of bf16, instantiated here.
#include "elementwise_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<bf16>(const ElementwiseLaunch&);
template cudaError_t launch_backward<bf16>(const ElementwiseLaunch&);
}  // namespace rectify::detail
