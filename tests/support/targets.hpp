// The devices and configurations on which the tests of ops run. Each test binary defines its own list.
#pragma once

#include <rectify/tensor_view.hpp>

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

namespace rectify::test {

struct Target {
  std::string name;
  Device device;
  void (*prepare)();
  int fuzz_cases;  ///< the number of random cases that a run of all tests has time for
  /// Slow targets try one in so many of a long list of calls: kernels emulated on the CPU, and code under sanitizers.
  int one_in = 1;
  /// Ten times as slow: of long lists of sizes, only those near the edges of bytes, vectors, tiles and blocks are tried.
  bool sanitized = false;
};

/// On a GPU, every call and comparison waits for the device, a hundred times as long as a small tensor takes. Tests of a hundred thousand
/// calls try one in `share` there; `number` is that of the call.
inline bool is_left_out(const Target& target, std::int64_t number, std::int64_t share = 16) {
  return target.name == "cuda" && number % share != 0;
}

/// The text that GoogleTest prints for a target.
inline void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }
/// The last part of the name of a test, as in OnEveryTarget/Ops.RankZeroIsOneElement/cpu.
inline std::string target_name(const testing::TestParamInfo<Target>& test) { return test.param.name; }

std::vector<Target> targets();

}  // namespace rectify::test
