// The kernels of sums of bf16, instantiated here.
#include "sums_launch.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<bf16>(const ElementwiseLaunch&);
}  // namespace rectify::detail
