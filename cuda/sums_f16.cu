// The kernels of sums of f16, instantiated here.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<f16>(const ElementwiseLaunch&);
}  // namespace rectify::detail
