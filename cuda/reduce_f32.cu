// The kernels of the sums of f32.
#include "reduce.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<float>(const Launch&);
}  // namespace rectify::detail
