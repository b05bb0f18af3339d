// Errors of the CUDA runtime as exceptions.
#pragma once

#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

namespace rectify::harness {

inline void require_cuda(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(error));
}

/// Throws std::runtime_error, with the text of the call, unless it returns cudaSuccess.
#define RECTIFY_REQUIRE_CUDA(call) ::rectify::harness::require_cuda(call, #call)

}  // namespace rectify::harness
