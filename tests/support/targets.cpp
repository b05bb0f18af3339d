// Targets of the library as built: the CPU, and a GPU if there is one.
#include "targets.hpp"

#include <rectify/ops.hpp>

#include <cstdlib>

namespace rectify::test {

std::vector<Target> targets() {
  Target cpu{"cpu", Device::cpu(), [] {}, 20000};
  if (std::getenv("RECTIFY_MAX_CPU_ISA") != nullptr) {  // a second run, of other loops
    cpu.fuzz_cases = 2000;
    cpu.one_in = 4;
  }
  std::vector<Target> all{cpu};
  if (cuda_available()) all.push_back({"cuda", Device::cuda(0), [] {}, 20000});
  return all;
}

}  // namespace rectify::test
