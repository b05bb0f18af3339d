// The elementwise kernels of double.
#include "elementwise_kernel.cuh"

namespace rectify::detail {

template cudaError_t launch_elementwise<double, ForwardOp>(const Elementwise&, int, cudaStream_t);
template cudaError_t launch_elementwise<double, BackwardOp>(const Elementwise&, int, cudaStream_t);

}  // namespace rectify::detail
