// Reads /proc and /sys. Files that a machine does not have leave their fields empty.
#include "machine.hpp"

#include "harness.hpp"

#include <rectify/rectify.hpp>

#include <omp.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <vector>

namespace rectify::bench {
namespace {

std::string first_line(const std::string& file) {
  std::string line;
  std::ifstream in(file);
  std::getline(in, line);
  return line;
}

std::string environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// "32K", "1024K", "16M" as bytes.
std::int64_t bytes_of(const std::string& text) {
  const std::int64_t number = std::atoll(text.c_str());
  return number * (text.find('M') != std::string::npos ? 1 << 20 : text.find('K') != std::string::npos ? 1 << 10 : 1);
}

std::map<std::string, std::int64_t> caches() {
  std::map<std::string, std::int64_t> all;
  for (int index = 0; index < 8; ++index) {
    const std::string folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index) + "/";
    const std::string level = first_line(folder + "level"), type = first_line(folder + "type");
    if (level.empty() || type == "Instruction") continue;
    all["L" + level + (level == "1" ? "d" : "")] = bytes_of(first_line(folder + "size"));
  }
  return all;
}

/// "0-1,4" for the cores 0, 1 and 4.
std::string ranges(const std::vector<int>& cores) {
  std::string all;
  for (std::size_t i = 0; i < cores.size();) {
    std::size_t last = i;
    while (last + 1 < cores.size() && cores[last + 1] == cores[last] + 1) ++last;
    all += (all.empty() ? "" : ",") + std::to_string(cores[i]);
    if (last > i) all += "-" + std::to_string(cores[last]);
    i = last + 1;
  }
  return all;
}

std::vector<int> usable_cores() {
  std::vector<int> cores;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

/// The widest set of which the library has loops, as instruction_set.cpp chooses it.
std::string instruction_set() {
#if defined(__x86_64__)
  const std::string limit = environment("RECTIFY_MAX_CPU_ISA");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (limit != "baseline" && limit != "avx2" && avx512) return "avx512";
  if (limit != "baseline" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return "avx2";
#endif
  return "baseline";
}

}  // namespace

std::int64_t Machine::cold_bytes() const {
  std::int64_t last_cache = 32 << 20;
  for (const auto& [level, bytes] : caches) last_cache = std::max(last_cache, bytes);
  return 2 * last_cache;
}

Machine machine_of(Device device) {
  Machine all;
  const std::vector<int> cores = usable_cores();
  all.host = harness::cpu_tools().name();
  all.cores = static_cast<int>(cores.size());
  all.threads = omp_get_max_threads();
  all.affinity = ranges(cores);
  all.instruction_set = instruction_set();
  all.omp_wait_policy = environment("OMP_WAIT_POLICY");
  all.gomp_spincount = environment("GOMP_SPINCOUNT");
  double load[1] = {};
  if (getloadavg(load, 1) == 1) all.load = load[0];
  all.device = device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index);
  all.name = harness::tools(device).name();
  if (device.kind == Device::Kind::cpu) {
    all.caches = caches();
    all.memory = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  } else {
    const harness::GpuFacts facts = harness::gpu_facts();
    all.caches = {{"L2", facts.l2}};
    all.memory = facts.memory;
    all.driver = facts.driver;
    all.compute_capability = facts.compute_capability;
  }
  return all;
}

void use_threads(int threads) {
  if (threads > 0) omp_set_num_threads(threads);
}

Build build() { return {RECTIFY_BENCH_VERSION, RECTIFY_COMMIT, RECTIFY_COMPILER, RECTIFY_CUDA_VERSION}; }

}  // namespace rectify::bench
