// See sweep.cuh.
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// The kernels of each number of packs, of threads and kind of store, over tensors of this size.
void sweep_f32(std::int64_t bytes);
void sweep_bf16(std::int64_t bytes);

}  // namespace rectify::gpu_bench
