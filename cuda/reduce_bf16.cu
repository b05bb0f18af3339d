// The kernels of the sums of bf16.
#include "reduce.cuh"

namespace rectify::detail {
template cudaError_t launch_sums<bf16>(const Launch&);
}  // namespace rectify::detail
