// An op with its operands in memory: on the device in any size, and on the CPU as the block that those operands repeat
// (Buffer).
#pragma once

#include "buffer.hpp"
#include "ceiling.hpp"
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
  /// Where the operands of a workload are, beside its layout.
  struct Placement {
    bool in_place = false;      ///< y is x; dx is dy
    std::int64_t misalign = 0;  ///< elements from a multiple of 256 bytes to the first of x, or of dy if the op does not read x
  };

  /// Takes memory for every operand, but does not fill it. `elements` must be a multiple of op.layout.unit_elements().
  Workload(const Op& op, const Relu& relu, DType dtype, std::int64_t elements, const Memory& memory, Placement placement);

  /// A workload on the CPU, of the size of the layout's block, or of this one if that is smaller. Inputs are random, outputs
  /// are the reference's.
  Workload solved_block() const;

  /// Fills inputs with repetitions of the block's. Outputs are overwritten with 0xff bytes, or with 0 if the op adds to them.
  void prepare(const Workload& block) const;
  /// Makes the inputs that the op overwrites (in place, or sums that it adds to) what prepare() made them.
  void restore(const Workload& block) const;
  bool overwrites_inputs() const { return placement_.in_place || op_.accumulate; }

  /// A function that runs the op once on a stream. It must not outlive this workload.
  std::function<void(void* stream)> call() const;
  /// Compares every output with the repeated block's bit by bit, and every sum with that of the repeated block's terms, up to
  /// rounding. Returns "dx at element 17" for the first difference, or "" if there is none. With a tolerance, in units of the last
  /// place, peers are compared: they may round otherwise, and write no mask.
  std::string difference(const Workload& block, int tolerance = 0) const;

  const Op& op() const { return op_; }
  const Relu& relu() const { return relu_; }
  DType dtype() const { return dtype_; }
  bool in_place() const { return placement_.in_place; }
  /// The view of an operand; absent if the op does not use it.
  TensorView view(Operand operand) const;
  /// What the op must move: each tensor of many elements, each mask. From the first aligned byte of its memory on, without gaps.
  std::vector<harness::Stream> streams() const;

 private:
  Buffer make_buffer(Operand operand, const Memory& memory) const;
  /// The sums of the terms of the first `units` units.
  std::vector<reference::ExactSum> exact_sums(Operand sum, std::int64_t units) const;
  /// The sums of this tensor's terms, which repeat the block's.
  std::vector<reference::ExactSum> exact_sums(Operand sum, const Workload& block) const;
  /// The first element that differs from the block's, or for a sum by more than rounding; -1 if there is none.
  std::int64_t first_difference(Operand output, const Workload& block, int tolerance) const;
  bool is_in_place(Operand operand) const;  ///< y, or dx, if it is the input
  const Buffer& buffer(Operand operand) const { return buffers_[index_of(operand)]; }
  template <class Operands>
  Operands operands() const;
  Forward forward_operands() const;
  Backward backward_operands() const;

  const Op& op_;
  Relu relu_;
  DType dtype_;
  std::int64_t units_;
  Device device_;
  Placement placement_;
  std::array<Buffer, operand_count> buffers_;
  std::shared_ptr<void> workspace_;
  std::size_t workspace_bytes_ = 0;
};

}  // namespace rectify::bench
