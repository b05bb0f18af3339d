// The CUDA kernel sources, all but double's, compiled for the CPU.
#include "../../cuda/pointwise.cu"
