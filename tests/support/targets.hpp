// Where the tests of ops run. Each test binary defines its own list.
#pragma once

#include <rectify/tensor_view.hpp>

#include <ostream>
#include <string>
#include <vector>

namespace rectify::test {

struct Target {
  std::string name;
  Device device;
  void (*prepare)();
  int fuzz_cases;  ///< random cases that a run of all tests affords
};

/// For the names that gtest prints.
inline void PrintTo(const Target& target, std::ostream* out) { *out << target.name; }

std::vector<Target> targets();

}  // namespace rectify::test
