// The CUDA backend's table, compiled for the CPU.
#include "../../cuda/backend.cu"
