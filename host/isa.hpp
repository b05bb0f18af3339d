// Runs a loop compiled for the best instruction set of the machine at hand, out of one source. RECTIFY_BASELINE_ISA leaves it at the
// baseline of the architecture: tests of the kernel sources do, so that the baseline is tested too, and sanitizers take minutes
// over flattened code. RECTIFY_NO_AVX512 leaves it at AVX2, which a build among the tests does for the same reason.
#pragma once

namespace rectify::detail {

/// What a body is compiled for, as its argument. What is not written for AVX-512 is as for AVX2.
struct Baseline {};
struct Avx2 {};
struct Avx512 : Avx2 {};

#if defined(__x86_64__) && defined(__GNUC__) && !defined(RECTIFY_BASELINE_ISA)
#define RECTIFY_HAS_AVX2_CLONES 1

inline bool runs_avx2() {
  static const bool runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return runs;
}

inline bool runs_avx512() {
  static const bool runs = runs_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  return runs;
}

/// `flatten` pulls the whole body into this function, so its loops are vectorised for AVX2. The result is the same to the bit:
/// contraction is off, and every other step rounds alike in any width (a fused multiply-add is an instruction here, and a call of
/// libm with the same result elsewhere).
template <class Body>
__attribute__((target("avx2,fma"), flatten)) void on_avx2(const Body& body) {
  body(Avx2{});
}

#if !defined(RECTIFY_NO_AVX512)
template <class Body>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"), flatten)) void on_avx512(const Body& body) {
  body(Avx512{});
}
#endif

template <class Body>
void on_best_isa(const Body& body) {
  if (runs_avx2()) {
    on_avx2(body);
  } else {
    body(Baseline{});
  }
}

/// For loops that compute more than they load. In f32 and f64 the others gain nothing; 16-bit types would, but to compile all of theirs
/// takes minutes.
template <class Body>
void on_widest_isa(const Body& body) {
#if !defined(RECTIFY_NO_AVX512)
  if (runs_avx512()) return on_avx512(body);
#endif
  on_best_isa(body);
}

#else

template <class Body>
void on_best_isa(const Body& body) {
  body(Baseline{});
}

template <class Body>
void on_widest_isa(const Body& body) {
  body(Baseline{});
}

#endif

}  // namespace rectify::detail
