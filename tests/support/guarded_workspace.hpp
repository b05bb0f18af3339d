// A workspace of the required size between guards. It is filled with NaN, which shows reads before the first write.
#pragma once

#include "tensor.hpp"

#include <rectify/ops.hpp>

namespace rectify::test {

class GuardedWorkspace {
 public:
  GuardedWorkspace(Device device, const Relu& relu, const Backward& operands)
      : bytes_(workspace_bytes(relu, operands)),
        memory_(device, DType::f32, Shape{static_cast<std::int64_t>(bytes_ / sizeof(float))}, Bytes(bytes_, 0xff)) {}

  Workspace view() const { return {memory_.view().data(), bytes_}; }
  void expect_guards_intact() const { EXPECT_TRUE(memory_.guards_intact()) << "bytes around the workspace were written"; }

 private:
  std::size_t bytes_;
  Tensor memory_;
};

}  // namespace rectify::test
