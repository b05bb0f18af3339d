// The kernel variants that rectify-sweep measures (sweep.cuh).
#pragma once

#include "workload.hpp"

#include <functional>
#include <string>
#include <vector>

namespace rectify::bench {

/// A kernel of an op. `call_of` returns a call of it on the operands of a workload, whose elements fill whole blocks.
struct Variant {
  std::string name;
  std::function<std::function<void(void* stream)>(const Workload&)> call_of;
};

/// The ops that have variants.
constexpr const char* swept_ops[] = {"forward", "forward_mask", "backward", "backward_mask"};
/// Blocks have at most so many bytes of a tensor.
constexpr std::int64_t swept_block_bytes = 512 * 4 * 16;

std::vector<Variant> variants_f32(const std::string& op);
std::vector<Variant> variants_bf16(const std::string& op);

}  // namespace rectify::bench
