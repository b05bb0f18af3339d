// The kernels of sums of f64, instantiated here.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<double>(const ElementwiseLaunch&);
}  // namespace rectify::detail
