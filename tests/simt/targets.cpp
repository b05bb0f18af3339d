// CUDA's kernel sources on this processor, in three thread orders; and the CPU backend, for the sanitizers.
#include "harness.hpp"
#include "simt.hpp"
#include "targets.hpp"

namespace rectify::harness {

/// The fake device's memory is the host's.
const Tools* cuda_tools() { return &cpu_tools(); }

}  // namespace rectify::harness

namespace rectify::test {

std::vector<Target> targets() {
  return {{"cpu", Device::cpu(), [] {}, 2000},
          {"kernels_ascending", Device::cuda(0), [] { simt::set_order(simt::Order::ascending); }, 2000},
          {"kernels_descending", Device::cuda(0), [] { simt::set_order(simt::Order::descending); }, 2000},
          {"kernels_shuffled", Device::cuda(0), [] { simt::set_order(simt::Order::shuffled); }, 2000}};
}

}  // namespace rectify::test
