// The CUDA kernel sources of f64, compiled for the CPU.
#include "../../cuda/pointwise_f64.cu"
#include "../../cuda/reduce_f64.cu"
