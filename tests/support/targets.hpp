// Where the tests of ops run. Each test binary defines its own list.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace rectify::test {

struct Target {
  std::string name;
  Device device;
  void (*prepare)();
  int fuzz_cases;  ///< random cases that a run of all tests affords
  /// Of long lists of calls one in so many is tried, for kernels that run on this processor, and sanitizers, take their time.
  int one_in = 1;
  bool sanitized =
      false;  ///< ten times as slow: of long lists of sizes those around the edges of bytes, vectors, tiles and blocks
};

/// Every call and every comparison on a GPU waits for it, a hundred times as long as the work of a small tensor takes: tests of a hundred
/// thousand calls make a share of them there, of which `number` says which.
inline bool is_left_out(const Target& target, std::int64_t number, std::int64_t share = 16) {
  return target.name == "cuda" && number % share != 0;
}

/// For the names that gtest prints.
inline void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

std::vector<Target> targets();

}  // namespace rectify::test
