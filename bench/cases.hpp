// A case of rectify-bench: an op on tensors of one size, checked against the reference and then timed beside a baseline.
#pragma once

#include "harness.hpp"
#include "op_table.hpp"

#include <cstdint>
#include <string>

namespace rectify::bench {

struct Case {
  const Op& op;
  const Op* against;  ///< the baseline; null for a copy of as many bytes as the op moves
  Relu relu;          ///< of op and of against
  DType dtype;
  std::int64_t elements;  ///< of the output of both ops: a multiple of unit_elements() of both layouts
  Device device;
  int repetitions;

  std::int64_t tensor_bytes() const { return elements * (bits_per_element(dtype) / 8); }
};

struct Row {
  std::string difference;       ///< of op or of against from the reference, as text; empty if there is none
  std::int64_t bytes = 0;       ///< moved by one call
  double seconds = 0;           ///< of one call, the median of `repetitions` samples; 0 if the result was wrong
  double baseline_seconds = 0;  ///< of the baseline, whose samples alternate with the op's

  bool equals_reference() const { return difference.empty(); }
};

/// Checks the case, and times it if its results are right.
Row run(const Case& c);

using harness::name;

}  // namespace rectify::bench
