// The stopwatch of the CPU, and which movers and stopwatch a device has.
#include "timing.hpp"

#include "ceiling.hpp"
#include "devices.hpp"

#include <chrono>
#include <stdexcept>

namespace rectify::harness {
namespace {

std::function<Duration()> cpu_stopwatch(const Work& work) {
  return [work] {
    const auto begin = std::chrono::steady_clock::now();
    work(nullptr);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return Duration{seconds, seconds};
  };
}

}  // namespace

std::function<Duration()> stopwatch(Device device, const Work& work, bool as_graph) {
  if (device.kind == Device::Kind::cuda) return cuda_stopwatch(work, as_graph);
  if (as_graph) throw std::logic_error("the CPU has no graphs");
  return cpu_stopwatch(work);
}

std::vector<Mover> movers(Device device, const std::vector<Stream>& streams) {
  return device.kind == Device::Kind::cuda ? cuda_movers(streams) : cpu_movers(streams);
}

}  // namespace rectify::harness
