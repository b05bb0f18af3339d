// The CUDA kernel sources of f16, compiled for the CPU.
#include "../../cuda/pointwise_f16.cu"
#include "../../cuda/reduce_f16.cu"
