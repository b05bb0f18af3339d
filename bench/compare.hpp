// Compares two records of rectify-bench, case by case.
#pragma once

#include <string>

namespace rectify::bench {

struct Comparison {
  std::string before, after;  ///< files
  double fail_above;          ///< 0.05: a case that takes more than 5 % longer fails
  bool by_ceiling;            ///< compares shares of each run's own ceiling, not times
};

/// Prints a row for each case that both records have. Returns 1 if one is slower by more than `fail_above` and by more than its
/// noise, 77 if the records have no case in common, else 0. Throws std::runtime_error if a file is no record.
int compare(const Comparison& comparison);

}  // namespace rectify::bench
