// The sweep in f32.
#include "sweep.cuh"

namespace rectify::gpu_bench {

void sweep_f32(std::int64_t bytes) { sweep<float>("f32", DType::f32, bytes); }

}  // namespace rectify::gpu_bench
