// One random call of each function, determined by a 64-bit seed: any operands, any layout, any numbers. fuzz_test.cpp runs it.
#pragma once

#include "random_layout.hpp"
#include "random_numbers.hpp"

#include "core/operand_table.hpp"

#include <rectify/ops.hpp>

#include <optional>
#include <string>
#include <vector>

namespace rectify::test {

struct Operand {
  const char* name;
  DType dtype;
  Placement at;
  Bytes bytes;  ///< before the call
};

constexpr int sum_count = detail::sum_kinds;
/// The row of a sum, by its SumKind.
const detail::Operand& sum_operand(int kind);
inline const char* sum_name(int kind) { return sum_operand(kind).name; }
inline TensorView Backward::*sum_member(int kind) { return sum_operand(kind).backward.output; }

/// Which outputs a backward writes, and where: to tensors of their own, or over dy or x.
struct BackwardCall {
  using From = detail::Source;
  enum class Over { none, dy, x };
  From from;
  bool dx, dresidual;
  Over dx_over, dresidual_over;
  bool sums[sum_count];
};

struct FuzzCase {
  std::uint64_t seed;
  Relu relu;
  DType dtype;
  Shape shape;
  int channel_axis;
  /// Absent operands are passed to neither function. dy is always present.
  std::optional<Operand> x, dy, scale, bias, residual, alpha, threshold, max_value;
  /// Outputs, as they are before a call; y and the mask are sources of the backward too.
  std::optional<Operand> y, mask, dx, dresidual;
  std::optional<Operand> sums[sum_count];  ///< of a backward
  double gain;                             ///< of both functions
  bool accumulate;                         ///< of every backward
  bool writes_y, writes_mask;
  std::optional<Operand> FuzzCase::*y_over = &FuzzCase::y;  ///< y, or what it is written over
  std::vector<BackwardCall> backwards;
};

FuzzCase fuzz_case(std::uint64_t seed, Size size);

/// On one line.
std::string describe(const FuzzCase& c);

/// An input of the case, and its row in the table of operands. y and mask are not here.
struct FuzzInput {
  std::optional<Operand> FuzzCase::*operand;
  const detail::Operand* row;
};
extern const std::vector<FuzzInput> fuzz_inputs;

/// dx from y may differ from dx from x at an element of y that rounding has brought there.
bool may_hide_the_region(const FuzzCase& c, double y);

/// One bit of mask serves, by the contract of ops.hpp.
bool one_bit_serves(const FuzzCase& c);

struct Target;

/// Runs the case of a number, and checks it; in fuzz_test.cpp.
void run_fuzz_case(const Target& target, std::uint64_t seed, Size size);

}  // namespace rectify::test
