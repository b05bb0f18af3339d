// The kernels of the sums of f64.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<double>(const ElementwiseLaunch&);
}  // namespace rectify::detail
