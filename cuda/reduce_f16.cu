// The kernels of the sums of f16.
#include "reduce.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<f16>(const Launch&);
}  // namespace rectify::detail
