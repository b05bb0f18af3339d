// The CUDA kernel sources of bf16, compiled for the CPU.
#include "../../cuda/elementwise_bf16.cu"
#include "../../cuda/sums_bf16.cu"
