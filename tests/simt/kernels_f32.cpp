// The CUDA kernel sources of f32, compiled for the CPU.
#include "../../cuda/elementwise_f32.cu"
#include "../../cuda/sums_f32.cu"
