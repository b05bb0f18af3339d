// The elementwise kernels of f64, instantiated here.
#include "elementwise_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_forward<double>(const ElementwiseLaunch&);
template cudaError_t launch_backward<double>(const ElementwiseLaunch&);
}  // namespace rectify::detail
