// The sweep over kernel variants (sweep.cuh).
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// Measures every variant of the elementwise kernels on tensors of this size.
void sweep_f32(std::int64_t bytes);
void sweep_bf16(std::int64_t bytes);

}  // namespace rectify::gpu_bench
