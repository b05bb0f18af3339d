// The CUDA kernel sources of f32, compiled for the CPU.
#include "../../cuda/pointwise_f32.cu"
#include "../../cuda/reduce_f32.cu"
