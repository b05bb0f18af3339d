// What the memory of this GPU gives: plain kernels and cudaMemcpy that move the bytes of an op and compute nothing.
#pragma once

#include "timing.hpp"

namespace rectify::gpu_bench {

/// Tensors of a size, several times where the cache would hold them: inputs a and b, output y.
struct Tensors {
  std::vector<Buffer> a, b, y;
  std::int64_t bytes;

  Tensors(std::int64_t bytes, int rotations, const std::string& dtype);
  int rotations() const { return static_cast<int>(a.size()); }
};

/// Sets of buffers that a cold run of tensors of this size needs, so that each has left the L2 cache before it comes again.
int rotations_for(std::int64_t tensor_bytes);

/// Contenders called copy (one read, one write) and add (two reads, one write), the best of which are ceilings.
std::vector<Contender> ceilings(const Tensors& tensors, bool add, const char* part);

/// All of them at several sizes, with what reads alone and writes alone.
void run_ceilings();

}  // namespace rectify::gpu_bench
