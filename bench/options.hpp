// The command line of rectify-bench, and the cases that it requests.
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
  std::int64_t channels = 0, inner = 1;  ///< channels: 0 for each op's own layout
  int factor = 4, repetitions = 15;
  Relu relu = presets::torch::leaky_relu();
  bool is_short = false;
  std::vector<Op> table = bench::ops();  ///< in the requested layouts; cases point into it
};

/// Fills in `o`. Returns -1, or the exit status if there is nothing left to do.
int parse(int argc, char** argv, Options& o);

/// The baseline; null for a copy.
const Op* against(const Options& o);

Device device_of(const Options& o);

/// The cases, in the order of the table of ops. Sizes are rounded down to whole units of the layouts, at least one, and equal
/// sizes are run once. Throws InvalidArgument if alpha, threshold or max_value is not valid in a requested type.
std::vector<Case> cases_of(const Options& o);

}  // namespace rectify::bench
