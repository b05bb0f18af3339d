// rectify-gpu-bench: measures the ceilings of a GPU's memory, and rectify beside them. It writes rows of JSON to stdout, and
// needs no library except the CUDA runtime. Exit status: 0; 1 if a part failed; 2 for an invalid command line; 77 without a
// GPU. A row whose result was wrong has a field "failed".
#include "ceilings.hpp"
#include "peers.hpp"
#include "shapes.hpp"
#include "sweep.hpp"
#include "units.hpp"

#include <rectify/ops.hpp>

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace {

using namespace rectify::gpu_bench;

int usage() {
  std::fputs("usage: rectify-gpu-bench ceilings | sweep MIB | shapes MIB | host | peers MIB\n", stderr);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 3) return usage();
  const std::string part = argv[1];
  const std::int64_t bytes = argc == 3 ? std::atoll(argv[2]) * mebi : gibi;
  if (bytes < mebi || bytes > 8 * gibi) return usage();
  if (!rectify::cuda_available()) {
    std::fputs("rectify-gpu-bench: no GPU\n", stderr);
    return 77;
  }
  try {
    if (part == "ceilings") {
      run_ceilings();
    } else if (part == "sweep") {
      sweep_f32(bytes);
      sweep_bf16(bytes);
    } else if (part == "shapes") {
      run_shapes(bytes);
    } else if (part == "host") {
      run_host();
    } else if (part == "peers") {
      run_peers(bytes);
    } else {
      return usage();
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "rectify-gpu-bench %s: %s\n", part.c_str(), error.what());
    return 1;
  }
  return 0;
}
