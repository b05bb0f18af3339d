// What rectify-bench can run: an op over tensors of one size, checked against the reference and then timed beside a copy.
#pragma once

#include "harness.hpp"

#include <rectify/rectify.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace rectify::bench {

/// An op by its name, with the tensors that it must move at least once: bytes per element are this times the element's size.
struct Op {
  std::string name;
  int tensors;
};
const std::vector<Op>& ops();

struct Case {
  Op op;
  Relu relu;
  DType dtype;
  std::int64_t elements;
  Device device;
  int repetitions;
};

struct Row {
  bool equals_reference = false;
  std::int64_t bytes = 0;   ///< that one call moves
  double seconds = 0;       ///< of one call, the median of `repetitions` samples; 0 where the result was wrong
  double copy_seconds = 0;  ///< of a plain copy of the same bytes, its samples taken in turn with the op's
};

/// Checks, and times only what is right.
Row run(const Case& c);

using harness::name;

}  // namespace rectify::bench
