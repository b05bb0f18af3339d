// The elementwise kernels of f16, instantiated here.
#include "elementwise_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<f16>(const ElementwiseLaunch&);
template cudaError_t launch_backward<f16>(const ElementwiseLaunch&);
}  // namespace rectify::detail
