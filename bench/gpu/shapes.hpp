// See shapes.cu.
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// Views that are pitched, misaligned or scattered, of buffers of this size, in f32 and bf16.
void run_shapes(std::int64_t bytes);

/// The host's time of a call, and a graph node's on the GPU.
void run_host();

}  // namespace rectify::gpu_bench
