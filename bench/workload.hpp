// An op with its operands in memory: on the device at any size, and on the CPU as the block that those repeat.
#pragma once

#include "buffer.hpp"
#include "op_table.hpp"
#include "reference.hpp"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace rectify::bench {

class Workload {
 public:
  /// Takes memory for every operand, and leaves it as it is. `elements` is a multiple of op.layout.unit_elements().
  Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, Memory& memory);

  /// On the CPU: as large as the layout's block, or as this is; inputs are random, outputs the reference's.
  Workload solved_block() const;

  /// Inputs repeat those of the block, outputs are spoiled; sums that are added to are 0.
  void prepare(const Workload& block) const;
  /// What runs the op once, for as long as this workload lives.
  std::function<void()> call() const;
  /// Every output against the block's, bit for bit, and every sum against that of the block's terms, as often as they are
  /// repeated: "dx at element 17", or empty where all is right.
  std::string difference(const Workload& block) const;

  const Op& op() const { return op_; }
  void* data(Operand operand) const { return buffer(operand).data(); }

 private:
  Buffer make_buffer(Operand operand, Memory& memory) const;
  /// Of the terms of the block's first `units` units.
  std::vector<reference::ExactSum> exact_sums(Operand sum, std::int64_t units) const;
  /// Of this tensor's terms, which repeat the block's.
  std::vector<reference::ExactSum> exact_sums(Operand sum, const Workload& block) const;
  /// The first element that differs from the block's, or is too far off where it is a sum; -1 where none is.
  std::int64_t first_difference(Operand output, const Workload& block) const;
  const Buffer& buffer(Operand operand) const { return buffers_[index_of(operand)]; }
  /// Absent where the op does not use the operand.
  TensorView view(Operand operand) const;
  template <class Operands>
  Operands operands() const;
  Forward forward_operands() const;
  Backward backward_operands() const;

  const Op& op_;
  Relu relu_;
  DType dtype_;
  std::int64_t units_;
  Device device_;
  std::array<Buffer, operand_count> buffers_;
  std::shared_ptr<void> workspace_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace rectify::bench
