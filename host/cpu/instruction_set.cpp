// Chooses the instruction set whose loops this process uses: the widest that the machine has and that RECTIFY_MAX_CPU_ISA
// allows.
#include "loop.hpp"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace rectify::detail {
namespace {

#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
/// __builtin_cpu_supports does not know "f16c" in Clang 14. Whether the system saves the registers is covered by the check for
/// AVX2.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

const AllLoops& loops_of_this_machine() {
  static const AllLoops chosen = [] {
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)  // a sanitized build defines it, and has only the baseline's loops
    const char* const allowed = std::getenv("RECTIFY_MAX_CPU_ISA");
    const auto allows_only = [allowed](const char* name) { return allowed != nullptr && std::strcmp(allowed, name) == 0; };
    // Every feature in the flags of cmake/RectifyCpu.cmake is checked, because a virtual machine may hide any of them.
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx2 && !allows_only("baseline")) return has_avx512 && !allows_only("avx2") ? avx512::loops() : avx2::loops();
#endif
    return baseline::loops();
  }();
  return chosen;
}

}  // namespace rectify::detail
