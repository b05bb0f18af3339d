// The sweep in f32.
#include "sweep.cuh"

namespace rectify::bench {

std::vector<Variant> variants_f32(const std::string& op) { return variants_of<float>(op); }

}  // namespace rectify::bench
