// Calls of both functions with every operand that they take, for tests of the surroundings of a call: its stack, its process, its floating-point
// environment. They run on the CPU.
#pragma once

#include "tensor.hpp"

#include <rectify/ops.hpp>

#include <memory>
#include <vector>

namespace rectify::test {

/// What a call wrote into one of its outputs.
struct Result {
  const char* call;
  const char* output;
  DType dtype;
  Bytes bytes;
};
using Results = std::vector<Result>;

/// Equal bits, or both NaN. The message names the call and the output.
testing::AssertionResult same_results(const Results& got, const Results& expected);

class WholeCall {
 public:
  /// finite: numbers of moderate size, of which no result is NaN. all: by channel, such numbers, subnormal ones, the largest ones, and
  /// infinities and NaN, so that each kind has its own sums.
  enum class Values { finite, all };

  /// Inputs lie at `in`, outputs at `out`. Channels go along axis 1.
  WholeCall(DType dtype, const Placement& in, const Placement& out, Values values);
  WholeCall(DType dtype, const Placement& at, Values values) : WholeCall(dtype, at, at, values) {}

  /// All calls, with outputs and workspaces of their own. Apart from the library, nothing here computes with floating point.
  Results run() const;

 private:
  class Outputs;
  void run_numbers(Outputs& outputs) const;
  void run_tensors(Outputs& outputs) const;
  void run_mask(const ConstTensorView& mask, Outputs& outputs) const;
  void run_plain(Outputs& outputs) const;
  void run_backward(const Relu& relu, Backward operands, unsigned asked, std::int64_t length, Outputs& outputs) const;

  DType dtype_;
  Placement in_, out_;
  std::unique_ptr<Tensor> x_, dy_, residual_;
  std::vector<std::unique_ptr<Tensor>> parameters_;  ///< in the order of sum_parameters, an element for each channel
};

}  // namespace rectify::test
