// The CUDA kernel sources of bf16, compiled for the CPU.
#include "../../cuda/pointwise_bf16.cu"
#include "../../cuda/reduce_bf16.cu"
