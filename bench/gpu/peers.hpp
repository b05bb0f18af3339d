// See peers.cu.
#pragma once

#include <cstdint>

namespace rectify::gpu_bench {

/// rectify beside CUB, Thrust and cuDNN on the same buffers, at 1 GiB (or less, if requested) and where the L2 cache holds them.
void run_peers(std::int64_t bytes);

}  // namespace rectify::gpu_bench
