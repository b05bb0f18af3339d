// Tensors of floats whose contents a test lists, and their comparison.
#pragma once

#include "targets.hpp"
#include "tensor.hpp"

#include <vector>

namespace rectify::test {

using Floats = std::vector<float>;

/// A tensor on the target that holds `values` in the order of the memory.
inline Tensor floats(const Target& target, const Placement& at, const Floats& values) {
  return Tensor(target.device, DType::f32, at, bytes_of(values));
}

/// Compares bits, including the signs of zeros.
inline void expect(const Tensor& tensor, const Floats& values) {
  EXPECT_TRUE(same_numbers(DType::f32, tensor.contents(), bytes_of(values)));
  EXPECT_TRUE(tensor.guards_intact());
}

}  // namespace rectify::test
