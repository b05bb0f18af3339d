// The kernels of sums of f32, instantiated here.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<float>(const ElementwiseLaunch&);
}  // namespace rectify::detail
