// The kernels of the sums of f64.
#include "reduce.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<double>(const Launch&);
}  // namespace rectify::detail
