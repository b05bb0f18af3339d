// Where the tests of ops run. Each test binary defines its own list.
#pragma once

#include <rectify/tensor_view.hpp>

#include <string>
#include <vector>

namespace rectify::test {

struct Target {
  std::string name;
  Device device;
  void (*prepare)();
};

std::vector<Target> targets();

}  // namespace rectify::test
