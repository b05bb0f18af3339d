// The command line, and the cases that it asks for.
#pragma once

#include "cases.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace rectify::bench {

struct Options {
  std::vector<std::string> ops{"all"}, dtypes{"all"};
  std::string against, device = "auto", json;
  std::uint64_t min_bytes = 64 << 10, max_bytes = 256 << 20;
  std::int64_t channels = 0, inner = 1;  ///< 0 channels: each op's own layout
  int factor = 4, repetitions = 15;
  Relu relu = presets::torch::leaky_relu();
  bool is_short = false;
  std::vector<Op> table = bench::ops();  ///< in the layouts that are requested; cases point into it
};

/// Fills in `o`. The exit status where there is nothing left to do, else -1.
int parse(int argc, char** argv, Options& o);

/// The op to measure against; null for a copy.
const Op* against(const Options& o);

Device device_of(const Options& o);

/// In the order of the table of ops. Sizes are rounded down to whole units of the layouts, one at least, and none comes twice.
/// Throws InvalidArgument where alpha, threshold and max_value are not valid in a type.
std::vector<Case> cases_of(const Options& o);

}  // namespace rectify::bench
