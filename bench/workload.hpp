// An op with its operands in memory: on the device in any size, and on the CPU as the block that those operands repeat
// (Buffer).
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
  /// Takes memory for every operand, but does not fill it. `elements` must be a multiple of op.layout.unit_elements().
  Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, Memory& memory);

  /// A workload on the CPU, of the size of the layout's block, or of this one if that is smaller. Inputs are random, outputs
  /// are the reference's.
  Workload solved_block() const;

  /// Fills inputs with repetitions of the block's. Outputs are overwritten with 0xff bytes, or with 0 if the op adds to them.
  void prepare(const Workload& block) const;
  /// A function that runs the op once. It must not outlive this workload.
  std::function<void()> call() const;
  /// Compares every output with the repeated block's bit by bit, and every sum with that of the repeated block's terms, up to
  /// rounding. Returns "dx at element 17" for the first difference, or "" if there is none.
  std::string difference(const Workload& block) const;

  const Op& op() const { return op_; }
  void* data(Operand operand) const { return buffer(operand).data(); }

 private:
  Buffer make_buffer(Operand operand, Memory& memory) const;
  /// The sums of the terms of the first `units` units.
  std::vector<reference::ExactSum> exact_sums(Operand sum, std::int64_t units) const;
  /// The sums of this tensor's terms, which repeat the block's.
  std::vector<reference::ExactSum> exact_sums(Operand sum, const Workload& block) const;
  /// The first element that differs from the block's, or for a sum by more than rounding; -1 if there is none.
  std::int64_t first_difference(Operand output, const Workload& block) const;
  const Buffer& buffer(Operand operand) const { return buffers_[index_of(operand)]; }
  /// The view of an operand; absent if the op does not use it.
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
