// Which instruction set the loops of this process use: the widest that the machine has and the environment allows.
#include "loop.hpp"

#include <cstdlib>
#include <cstring>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace rectify::detail {
namespace {

#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
/// Of which __builtin_cpu_supports knows nothing in Clang 14. That the system saves the registers is asked with AVX2.
bool has_f16c() {
  unsigned a, b, c, d;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

}  // namespace

const AllLoops& loops_of_this_machine() {
  static const AllLoops chosen = [] {
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)  // which is a build without the others, for the sanitizers
    const char* const asked = std::getenv("RECTIFY_MAX_CPU_ISA");
    const auto is = [asked](const char* name) { return asked != nullptr && std::strcmp(asked, name) == 0; };
    // What the loops are compiled for (cmake/RectifyCpu.cmake). Virtual machines may hide any of it.
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_f16c();
    const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                            __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (has_avx2 && !is("baseline")) return has_avx512 && !is("avx2") ? avx512::loops() : avx2::loops();
#endif
    return baseline::loops();
  }();
  return chosen;
}

}  // namespace rectify::detail
