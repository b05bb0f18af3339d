// The elementwise kernels of f32, instantiated here.
#include "elementwise_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<float>(const ElementwiseLaunch&);
template cudaError_t launch_backward<float>(const ElementwiseLaunch&);
}  // namespace rectify::detail
