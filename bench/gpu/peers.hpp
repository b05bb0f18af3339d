// rectify beside other libraries (peers.cu).
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// Measures rectify, CUB, Thrust and cuDNN on the same buffers: of `bytes` bytes, and of 16 MiB and 1 MiB, which the L2 cache
/// holds.
void run_peers(std::int64_t bytes);

}  // namespace rectify::gpu_bench
