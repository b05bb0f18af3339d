// Targets of the kernel sources on this CPU: three thread orders; under the sanitizers, one order and the CPU backend.
#include "harness.hpp"
#include "simt.hpp"
#include "targets.hpp"

namespace rectify::harness {

/// The fake device's memory is the host's.
const Tools* cuda_tools() { return &cpu_tools(); }

}  // namespace rectify::harness

namespace rectify::test {

std::vector<Target> targets() {
#if defined(__SANITIZE_ADDRESS__)
  // Every order accesses the same memory, and an order takes minutes here.
  return {{"cpu", Device::cpu(), [] {}, 200, 29, true},
          {"kernels_shuffled", Device::cuda(0), [] { simt::set_order(simt::Order::shuffled); }, 200, 29, true}};
#else
  return {{"kernels_ascending", Device::cuda(0), [] { simt::set_order(simt::Order::ascending); }, 400, 11},
          {"kernels_descending", Device::cuda(0), [] { simt::set_order(simt::Order::descending); }, 400, 11},
          {"kernels_shuffled", Device::cuda(0), [] { simt::set_order(simt::Order::shuffled); }, 2000, 11}};
#endif
}

}  // namespace rectify::test
