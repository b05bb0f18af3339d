// The sweep in bf16.
#include "sweep.cuh"

namespace rectify::gpu_bench {

void sweep_bf16(std::int64_t bytes) { sweep<detail::bf16>("bf16", DType::bf16, bytes); }

}  // namespace rectify::gpu_bench
