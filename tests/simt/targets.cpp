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
  constexpr int cases = 2000;
#if defined(__SANITIZE_ADDRESS__)
  // What is touched is the same in every order, and here an order takes minutes.
  return {{"cpu", Device::cpu(), [] {}, cases},
          {"kernels_shuffled", Device::cuda(0), [] { simt::set_order(simt::Order::shuffled); }, cases}};
#else
  return {{"cpu", Device::cpu(), [] {}, cases},
          {"kernels_ascending", Device::cuda(0), [] { simt::set_order(simt::Order::ascending); }, cases},
          {"kernels_descending", Device::cuda(0), [] { simt::set_order(simt::Order::descending); }, cases},
          {"kernels_shuffled", Device::cuda(0), [] { simt::set_order(simt::Order::shuffled); }, cases}};
#endif
}

}  // namespace rectify::test
