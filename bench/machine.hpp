// The machine and the build that figures depend on.
#pragma once

#include <rectify/tensor_view.hpp>

#include <cstdint>
#include <map>
#include <string>

namespace rectify::bench {

struct Machine {
  std::string device;                          ///< "cpu", "cuda:0"
  std::string name;                            ///< of the processor or the GPU
  std::map<std::string, std::int64_t> caches;  ///< "L2": bytes
  std::int64_t memory = 0;                     ///< of the device, bytes
  std::string host, affinity, instruction_set, omp_wait_policy, gomp_spincount, driver, compute_capability;
  int cores = 0, threads = 0;  ///< of the CPU that this process may use, and uses
  double load = 0;             ///< average of the last minute, when the run began

  /// What cold calls touch before they come back to the same buffers: twice the last cache, and no less than 64 MiB.
  std::int64_t cold_bytes() const;
};

Machine machine_of(Device device);

/// Threads that the CPU's calls use from now on; 0 leaves them as they are.
void use_threads(int threads);

/// "0.2.0", "89322da4e1b2", "GNU 12.2.0", "13.0.88": the library's version, the commit, the compiler, the CUDA toolkit or "".
struct Build {
  std::string version, commit, compiler, cuda;
};
Build build();

}  // namespace rectify::bench
