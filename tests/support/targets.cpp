// The library as built: the CPU, and the GPU where there is one.
#include "targets.hpp"

#include <rectify/ops.hpp>

namespace rectify::test {

std::vector<Target> targets() {
  std::vector<Target> all{{"cpu", Device::cpu(), [] {}, 20000}};
  if (cuda_available()) all.push_back({"cuda", Device::cuda(0), [] {}, 20000});
  return all;
}

}  // namespace rectify::test
