// Unusual views and small calls (shapes.cu).
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// Measures forward and backward on pitched, misaligned and scattered views of buffers of this size, in f32 and bf16.
void run_shapes(std::int64_t bytes);

/// Measures the host's time for a call, and the GPU's time for a graph node.
void run_host();

}  // namespace rectify::gpu_bench
