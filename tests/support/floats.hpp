// Tensors of floats that a test writes out, and what they must hold afterwards.
#pragma once

#include "targets.hpp"
#include "tensor.hpp"

#include <cstring>
#include <vector>

namespace rectify::test {

using Floats = std::vector<float>;

inline Bytes bytes_of(const Floats& values) {
  Bytes bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

/// On the target, `values` in the order of the memory.
inline Tensor floats(const Target& target, const Placement& at, const Floats& values) {
  return Tensor(target.device, DType::f32, at, bytes_of(values));
}

/// Bit for bit, so the signs of zeros too.
inline void expect(const Tensor& tensor, const Floats& values) {
  EXPECT_TRUE(same_numbers(DType::f32, tensor.contents(), bytes_of(values)));
  EXPECT_TRUE(tensor.guards_intact());
}

}  // namespace rectify::test
