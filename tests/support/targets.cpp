// The library as built: the CPU, and the GPU where there is one.
#include "targets.hpp"

#include <rectify/ops.hpp>

#include <cstdlib>

namespace rectify::test {

std::vector<Target> targets() {
  Target cpu{"cpu", Device::cpu(), [] {}, 20000};
  if (std::getenv("RECTIFY_MAX_CPU_ISA") != nullptr) {  // the same once more, on other loops
    cpu.fuzz_cases = 2000;
    cpu.one_in = 4;
  }
  std::vector<Target> all{cpu};
  if (cuda_available()) all.push_back({"cuda", Device::cuda(0), [] {}, 20000});
  return all;
}

}  // namespace rectify::test
