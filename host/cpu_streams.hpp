// The CPU backend's stores past the caches, for outputs that are larger than those: else each of their lines would first be read, and
// a float cost 12 bytes instead of 8.
#pragma once

#include "isa.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

// isa.hpp flattens the loops around this; what is seldom on the way, or no matter of vectors, stays a call.
#if defined(__GNUC__)
#define RECTIFY_NOINLINE __attribute__((noinline))
#else
#define RECTIFY_NOINLINE
#endif

namespace rectify::detail {

constexpr int line_bytes = 64;   // of the caches; what a loop computes at a time
constexpr int store_bytes = 32;  // the widest store of AVX2

inline bool is_at_store(const void* p) { return reinterpret_cast<std::uintptr_t>(p) % store_bytes == 0; }

inline void store_vector(Baseline, void* to, const void* from) { std::memcpy(to, from, store_bytes); }

#if defined(__SSE2__)
/// Past the caches, to where is_at_store holds.
inline void stream_vector(Baseline, void* to, const void* from) {
  const auto* const in = static_cast<const __m128i*>(from);
  auto* const out = static_cast<__m128i*>(to);
  _mm_stream_si128(out, _mm_loadu_si128(in));
  _mm_stream_si128(out + 1, _mm_loadu_si128(in + 1));
}
#else
inline void stream_vector(Baseline, void* to, const void* from) { std::memcpy(to, from, store_bytes); }
#endif

#if defined(RECTIFY_HAS_AVX2_CLONES)
// Both in one piece: of a copy in two halves, GCC 12 has the line written to the stack first.
__attribute__((target("avx2"))) inline void store_vector(Avx2, void* to, const void* from) {
  _mm256_storeu_si256(static_cast<__m256i*>(to), _mm256_loadu_si256(static_cast<const __m256i*>(from)));
}
__attribute__((target("avx2"))) inline void stream_vector(Avx2, void* to, const void* from) {
  _mm256_stream_si256(static_cast<__m256i*>(to), _mm256_loadu_si256(static_cast<const __m256i*>(from)));
}

/// A whole line out of one register, in halves where it streams: rows need not begin with a line.
__attribute__((target("avx512f"))) inline void put_line(void* to, const void* from, bool streams) {
  const __m512i line = _mm512_loadu_si512(from);
  if (!streams) return _mm512_storeu_si512(to, line);
  // Masked by all ones, as GCC 12 warns of the plain ones' undefined source.
  auto* const out = static_cast<__m256i*>(to);
  _mm256_stream_si256(out, _mm512_maskz_extracti64x4_epi64(0xff, line, 0));
  _mm256_stream_si256(out + 1, _mm512_maskz_extracti64x4_epi64(0xff, line, 1));
}

template <int N, class T>
__attribute__((target("avx512f"))) inline void put_lines(Avx512, T* out, const T* values, bool streams) {
  if constexpr (N * sizeof(T) % line_bytes == 0) {
    for (int k = 0; k < N; k += line_bytes / sizeof(T)) put_line(out + k, values + k, streams);
  } else {
    put_lines<N>(Avx2{}, out, values, streams);
  }
}
#endif

/// N elements, past the caches where `streams`, to where is_at_store holds then.
template <int N, class Isa, class T>
inline void put_lines(Isa isa, T* out, const T* values, bool streams) {
  constexpr int vector = store_bytes / static_cast<int>(sizeof(T));
  static_assert(N % vector == 0);
  if (streams) {
    for (int k = 0; k < N; k += vector) stream_vector(isa, out + k, values + k);
  } else {
    for (int k = 0; k < N; k += vector) store_vector(isa, out + k, values + k);
  }
}

/// N elements past the caches to anywhere, in vectors where is_at_store holds: the first begins with what stands before `values`, which
/// is what was left of the elements before; what is left now takes its place.
template <int N, class Isa, class T>
inline void stream_on(Isa isa, T* out, T* values) {
  constexpr int vector = store_bytes / static_cast<int>(sizeof(T));
  const std::uintptr_t left = reinterpret_cast<std::uintptr_t>(out) % store_bytes;
  char* const to = reinterpret_cast<char*>(out) - left;
  const char* const from = reinterpret_cast<const char*>(values) - left;
  for (int k = 0; k < N * static_cast<int>(sizeof(T)); k += store_bytes) stream_vector(isa, to + k, from + k);
  store_vector(isa, values - vector, values + N - vector);
}

/// As many of `bytes` as go past the caches in vectors where is_at_store holds; what comes before the first such place is stored. Gives
/// their number.
template <class Isa>
inline std::int64_t stream_bytes(Isa isa, char* out, const char* in, std::int64_t bytes) {
  const auto misaligned = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(out) % store_bytes);
  std::int64_t at = std::min((store_bytes - misaligned) % store_bytes, bytes);
  std::memcpy(out, in, static_cast<std::size_t>(at));
  for (; at + store_bytes <= bytes; at += store_bytes) stream_vector(isa, out + at, in + at);
  return at;
}

/// A call, and for the best instruction set once more, as it is seldom on the way and no kind of loop needs a copy of its own.
RECTIFY_NOINLINE inline std::int64_t stream_tile(char* out, const char* in, std::int64_t bytes) {
  std::int64_t done = 0;
  on_best_isa([&](auto isa) { done = stream_bytes(isa, out, in, bytes); });
  return done;
}

inline void finish_streams() {
#if defined(__SSE2__)
  _mm_sfence();
#endif
}

}  // namespace rectify::detail
