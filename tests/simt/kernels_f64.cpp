// The CUDA kernel sources of double, compiled for the CPU.
#include "../../cuda/pointwise_f64.cu"
