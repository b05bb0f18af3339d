// Runs a loop compiled for the best instruction set of the machine at hand, out of one source.
#pragma once

namespace rectify::detail {

#if defined(__x86_64__) && defined(__GNUC__)

/// `flatten` pulls the whole body into this function, so its loops are vectorised for AVX2. The result is the same to the bit:
/// contraction is off, and every other step rounds alike in any width. AVX-512 brought no more on a loop bound by memory.
template <class Body>
__attribute__((target("avx2"), flatten)) void on_avx2(const Body& body) {
  body();
}

template <class Body>
void on_best_isa(const Body& body) {
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) {
    on_avx2(body);
  } else {
    body();
  }
}

#else

template <class Body>
void on_best_isa(const Body& body) {
  body();
}

#endif

}  // namespace rectify::detail
