// The sweep in bf16.
#include "sweep.cuh"

namespace rectify::bench {

std::vector<Variant> variants_bf16(const std::string& op) { return variants_of<detail::bf16>(op); }

}  // namespace rectify::bench
