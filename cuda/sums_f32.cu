// The kernels of the sums of f32.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<float>(const ElementwiseLaunch&);
}  // namespace rectify::detail
