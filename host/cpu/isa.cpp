// Which loops a machine runs.
#include "loop.hpp"

#include <rectify/detail/half.hpp>

#include <cstdlib>
#include <cstring>

namespace rectify::detail {
namespace {

// RECTIFY_BASELINE_LOOPS: a build without the others, for the sanitizers.
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
int vector_bytes_of_this_machine() {
  const char* const asked = std::getenv("RECTIFY_MAX_CPU_ISA");
  const auto is = [asked](const char* name) { return asked != nullptr && std::strcmp(asked, name) == 0; };
  // Every machine with AVX2 has F16C, of which Clang 14 cannot ask.
  if (is("baseline") || !__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return 16;
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return is("avx2") || !has_avx512 ? 32 : 64;
}

template <class T>
Loops<T> loops_of(int vector_bytes) {
  return vector_bytes == 64 ? avx512::loops<T>() : vector_bytes == 32 ? avx2::loops<T>() : baseline::loops<T>();
}
#else
int vector_bytes_of_this_machine() { return 16; }

template <class T>
Loops<T> loops_of(int) {
  return baseline::loops<T>();
}
#endif

const int vector_bytes = vector_bytes_of_this_machine();

}  // namespace

template <class T>
Loops<T> loops_of_this_machine() {
  return loops_of<T>(vector_bytes);
}

template Loops<f16> loops_of_this_machine();
template Loops<bf16> loops_of_this_machine();
template Loops<float> loops_of_this_machine();
template Loops<double> loops_of_this_machine();

}  // namespace rectify::detail
