// The CUDA kernel sources of f16, compiled for the CPU.
#include "../../cuda/elementwise_f16.cu"
#include "../../cuda/sums_f16.cu"
