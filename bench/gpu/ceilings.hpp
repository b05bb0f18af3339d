// The ceilings of this GPU's memory: plain kernels and cudaMemcpyAsync, which move as many bytes as an op and compute nothing.
#pragma once

#include "timing.hpp"

namespace rectify::gpu_bench {

/// Inputs a and b and an output y of one size. There are several sets of them (rotations) if the L2 cache could hold one.
struct Tensors {
  std::vector<Buffer> a, b, y;
  std::int64_t bytes;

  Tensors(std::int64_t bytes, int rotations, const std::string& dtype);
  int rotations() const { return static_cast<int>(a.size()); }
};

/// The number of sets that a cold run needs, so that each has left the L2 cache before it is used again.
int rotations_for(std::int64_t tensor_bytes);

/// Contenders called copy (one read, one write) and, if requested, add (two reads, one write). The fastest of each is a
/// ceiling.
std::vector<Contender> ceilings(const Tensors& tensors, bool add, const char* part);

/// Measures them at several sizes, and also kernels that only read or only write.
void run_ceilings();

}  // namespace rectify::gpu_bench
