#include "isa.hpp"

#include <rectify/detail/half.hpp>

#include <cstdlib>
#include <cstring>

namespace rectify::detail {
namespace {

// RECTIFY_BASELINE_LOOPS: a build without the others, for the sanitizers.
enum class Isa { baseline, avx2, avx512 };

Isa isa_of_this_machine() {
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
  const char* const asked = std::getenv("RECTIFY_MAX_CPU_ISA");
  const auto is = [asked](const char* name) { return asked != nullptr && std::strcmp(asked, name) == 0; };
  // Every machine with AVX2 has F16C, of which Clang 14 cannot ask.
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (is("baseline") || !has_avx2) return Isa::baseline;
  return is("avx2") || !has_avx512 ? Isa::avx2 : Isa::avx512;
#else
  return Isa::baseline;
#endif
}

}  // namespace

template <class T>
Loops<T> loops_of_this_machine() {
  static const Isa isa = isa_of_this_machine();
#if defined(__x86_64__) && !defined(RECTIFY_BASELINE_LOOPS)
  if (isa == Isa::avx512) return avx512::loops<T>();
  if (isa == Isa::avx2) return avx2::loops<T>();
#endif
  return baseline::loops<T>();
}

template Loops<f16> loops_of_this_machine();
template Loops<bf16> loops_of_this_machine();
template Loops<float> loops_of_this_machine();
template Loops<double> loops_of_this_machine();

}  // namespace rectify::detail
