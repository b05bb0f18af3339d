// The command line of rectify-bench.
#pragma once

#include "cases.hpp"
#include "sampling.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace rectify::bench {

enum class Command { run, check, list, info, compare };

struct Options {
  Command command = Command::run;
  std::vector<std::string> ops{"all"}, dtypes{"f32"}, shape_texts, baselines;
  std::vector<double> alphas{0.01}, thresholds{0}, max_values;
  std::string device = "auto", layout, json, csv, md;
  std::uint64_t min_bytes = 64 << 20, max_bytes = 64 << 20;
  int factor = 4, channel_axis = -1, threads = 0;
  std::int64_t misalign = 0;
  bool is_short = false, in_place = false, hot = false, graph = false, no_check = false, repro = false;
  harness::Rules rules;

  std::vector<std::string> records;  ///< of compare: before, after
  double fail_above = 0.05;
  std::string by = "time";
  bool info_as_json = false;

  /// Of --shape. 0 stands for an extent that the size gives.
  std::vector<Shape> shapes() const;
  static bool has_open_extent(const Shape& shape);
  /// Every combination of alpha, threshold and max_value.
  std::vector<Relu> functions() const;
};

/// Fills in `o`. Returns -1, or the exit status if there is nothing left to do.
int parse(int argc, char** argv, Options& o);

struct NoDevice : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// Makes it the current device. Throws NoDevice if it is a GPU that does not exist.
Device device_of(const Options& o);

}  // namespace rectify::bench
