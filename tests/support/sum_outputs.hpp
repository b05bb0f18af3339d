// The sums of backward() on a target: outputs of chosen lengths and a workspace of the required size, all between guards.
#pragma once

#include "fuzz_case.hpp"
#include "reference.hpp"
#include "targets.hpp"
#include "tensor.hpp"

#include <rectify/ops.hpp>

#include <array>
#include <cstdint>
#include <vector>

namespace rectify::test {

/// Bits for sets of the five sums.
enum Which : unsigned { of_scale = 1, of_bias = 2, of_alpha = 4, of_threshold = 8, of_max_value = 16, of_all_five = 31 };
constexpr ConstTensorView Backward::*sum_parameters[] = {&Backward::scale, &Backward::bias, &Backward::alpha,
                                                         &Backward::threshold, &Backward::max_value};

/// The dtype of sums over tensors of `dtype`.
DType sum_dtype(DType dtype);

/// Elements of each output; `absent` for one that is not requested.
using Lengths = std::array<std::int64_t, sum_count>;
constexpr std::int64_t absent = -1;
Lengths lengths_of(unsigned requested, std::int64_t length);

/// The exact sum of each channel, for each requested output.
using Exact = std::array<std::vector<reference::ExactSum>, sum_count>;
/// `operands` must be on the host.
Exact exact_sums(const Relu& relu, Backward operands, unsigned requested, std::int64_t channels);

/// The constructor runs backward() with its own outputs and workspace, and checks that the memory around them is not written.
class SumOutputs {
 public:
  SumOutputs(const Target& target, const Relu& relu, Backward operands, const Lengths& lengths, std::int64_t stride = 1);

  double value(int sum, std::int64_t element) const;
  /// The bits of each sum; empty if it is not requested.
  const std::array<Bytes, sum_count>& bits() const { return contents_; }

  /// Within the bound of is_sum_of().
  void expect_near(const Exact& exact) const;
  void expect_equal(const Exact& exact) const;

 private:
  std::size_t at(std::int64_t element) const;
  void expect_gaps_untouched(int sum) const;
  template <class Check>
  void expect_each(const Exact& exact, const Check& check) const;

  DType dtype_;
  Lengths lengths_;
  std::int64_t stride_;
  std::array<Bytes, sum_count> contents_;
};

}  // namespace rectify::test
