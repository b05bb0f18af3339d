// The tools of the CPU, and functions common to both devices.
#include "harness.hpp"

#include <rectify/ops.hpp>

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>

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

/// The least of the memory that the machine has to spare, and of what this process may still map (ulimit -v).
std::size_t cpu_free_bytes() {
  std::size_t spare = ~std::size_t{0}, mapped = 0;
  std::ifstream machine("/proc/meminfo"), process("/proc/self/statm");
  for (std::string word; machine >> word;) {
    if (word == "MemAvailable:" && machine >> spare) spare *= 1024;
  }
  process >> mapped;
  mapped *= static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  rlimit limit{};
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return spare;
  return std::min(spare, limit.rlim_cur - std::min<std::size_t>(mapped, limit.rlim_cur));
}

}  // namespace

const Tools& cpu_tools() {
  static constexpr Tools all{cpu_name, cpu_allocate, cpu_memcpy, cpu_memcpy, cpu_free_bytes};
  return all;
}

const Tools& tools(Device device) {
  if (device.kind == Device::Kind::cpu) return cpu_tools();
  if (const Tools* cuda = cuda_tools()) return *cuda;
  throw std::logic_error("harness: a CUDA device was requested from a build without CUDA");
}

std::string name(DType dtype) {
  constexpr const char* names[] = {"f16", "bf16", "f32", "f64", "u1", "u2"};
  return names[static_cast<int>(dtype)];
}

Device best_device() { return cuda_available() ? Device::cuda(0) : Device::cpu(); }

}  // namespace rectify::harness
