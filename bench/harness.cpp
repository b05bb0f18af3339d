// The CPU's tools, and what is common to both devices.
#include "harness.hpp"

#include <rectify/ops.hpp>

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>
#include <vector>

namespace rectify::harness {
namespace {

std::string cpu_name() {
  std::ifstream facts("/proc/cpuinfo");
  for (std::string line; std::getline(facts, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

std::shared_ptr<void> cpu_allocate(std::size_t bytes) {
  constexpr std::align_val_t alignment{256};
  return {::operator new(bytes, alignment), [](void* p) { ::operator delete(p, alignment); }};
}

void cpu_memcpy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

/// One memcpy a thread, over all of its share: only a large one does glibc stream past the caches.
void cpu_copy(void* to, const void* from, std::size_t bytes) {
#pragma omp parallel
  {
    const auto threads = static_cast<std::size_t>(omp_get_num_threads()), thread = static_cast<std::size_t>(omp_get_thread_num());
    const std::size_t begin = bytes / threads * thread, end = thread + 1 == threads ? bytes : bytes / threads * (thread + 1);
    cpu_memcpy(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, end - begin);
  }
}

double cpu_seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

const Tools& cpu_tools() {
  static constexpr Tools all{cpu_name, cpu_allocate, cpu_memcpy, cpu_memcpy, cpu_copy, cpu_seconds};
  return all;
}

const Tools& tools(Device device) {
  if (device.kind == Device::Kind::cpu) return cpu_tools();
  if (const Tools* cuda = cuda_tools()) return *cuda;
  throw std::logic_error("a CUDA device in a build without CUDA");
}

Device best_device() { return cuda_available() ? Device::cuda(0) : Device::cpu(); }

double median_seconds(const Tools& on, int repetitions, const std::function<void()>& work) {
  on.seconds(work);
  std::vector<double> all;
  for (int i = 0; i < repetitions; ++i) all.push_back(on.seconds(work));
  std::nth_element(all.begin(), all.begin() + repetitions / 2, all.end());
  return all[static_cast<std::size_t>(repetitions / 2)];
}

}  // namespace rectify::harness
