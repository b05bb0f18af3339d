// The CUDA kernel sources of f64, compiled for the CPU.
#include "../../cuda/elementwise_f64.cu"
#include "../../cuda/sums_f64.cu"
