// What rectify-bench can run: an op over tensors of one size, checked against the reference and then timed beside a baseline.
#pragma once

#include "harness.hpp"
#include "op_table.hpp"

#include <cstdint>
#include <string>

namespace rectify::bench {

struct Case {
  const Op& op;
  const Op* against;  ///< the baseline, or null: a copy of as many bytes as the op moves
  Relu relu;          ///< of op and of against
  DType dtype;
  std::int64_t elements;  ///< of op's output and of against's, so a multiple of both layouts' unit_elements()
  Device device;
  int repetitions;

  std::int64_t tensor_bytes() const { return elements * (bits_per_element(dtype) / 8); }
};

struct Row {
  std::string difference;       ///< from the reference, of op or of against, in words; empty where all is right
  std::int64_t bytes = 0;       ///< that one call moves
  double seconds = 0;           ///< of one call, the median of `repetitions` samples; 0 where the result was wrong
  double baseline_seconds = 0;  ///< of the baseline, its samples taken in turn with the op's

  bool equals_reference() const { return difference.empty(); }
};

/// Checks, and times only what is right.
Row run(const Case& c);

using harness::name;

}  // namespace rectify::bench
