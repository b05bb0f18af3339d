// Vectors of floats and doubles for the instruction set that this translation unit is compiled for: as many lanes as its registers
// have, with the operators that the element ops ask of a number. Compiler vector types do most of it; intrinsics only what those
// cannot say. What stands here and in loop_body.hpp lives in a namespace of the instruction set, so that no code for AVX2 has the name
// of code for every machine.
#pragma once

#include "stream.hpp"

#include <rectify/detail/half.hpp>
#include <rectify/relu.hpp>

#include <cstdint>
#include <cstring>
#include <utility>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define RECTIFY_CPU_ISA avx512
#elif defined(__AVX2__)
#define RECTIFY_CPU_ISA avx2
#else
#define RECTIFY_CPU_ISA baseline
#endif

namespace rectify::detail::RECTIFY_CPU_ISA {

#if defined(__AVX512F__)
constexpr int vector_bytes = 64;
#elif defined(__AVX2__)
constexpr int vector_bytes = 32;
#else
constexpr int vector_bytes = 16;
#endif

template <class S, int Bytes = vector_bytes>
struct Native {
  typedef S type __attribute__((vector_size(Bytes)));
};
using Floats = Native<float>::type;
using Doubles = Native<double>::type;
using Words = Native<std::uint32_t>::type;
using Halves = Native<std::uint16_t, vector_bytes / 2>::type;

template <class N>
N read(const void* from) {
  N n;
  std::memcpy(&n, from, sizeof n);
  return n;
}

// What has no instruction is a call for each vector: inlined, it would make up most of the code.
#define RECTIFY_BY_LANE __attribute__((noinline)) inline

// fused: a * b + c, rounded once. sign_bits: of each lane, the first the lowest. f16s to numbers and back, rounded to nearest even.
#if defined(__AVX512F__)
inline Floats fused(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline unsigned sign_bits(Floats v) { return _mm512_movepi32_mask(reinterpret_cast<__m512i>(v)); }
inline unsigned sign_bits(Doubles v) { return _mm512_movepi64_mask(reinterpret_cast<__m512i>(v)); }
inline Floats of_f16(const f16* from) { return _mm512_maskz_cvtph_ps(0xffff, read<__m256i>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(_mm512_maskz_cvtps_ph(0xffff, v, _MM_FROUND_TO_NEAREST_INT)); }
#elif defined(__AVX2__)
inline Floats fused(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
inline unsigned sign_bits(Floats v) { return static_cast<unsigned>(_mm256_movemask_ps(v)); }
inline unsigned sign_bits(Doubles v) { return static_cast<unsigned>(_mm256_movemask_pd(v)); }
inline Floats of_f16(const f16* from) { return _mm256_cvtph_ps(read<__m128i>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
#elif defined(__aarch64__)
inline Floats fused(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return vfmaq_f64(c, a, b); }
inline Floats of_f16(const f16* from) { return vcvt_f32_f16(read<float16x4_t>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(vcvt_f16_f32(v)); }
#else
RECTIFY_BY_LANE Floats fused(Floats a, Floats b, Floats c) {
  for (int lane = 0; lane < 4; ++lane) c[lane] = __builtin_fmaf(a[lane], b[lane], c[lane]);
  return c;
}
RECTIFY_BY_LANE Doubles fused(Doubles a, Doubles b, Doubles c) {
  for (int lane = 0; lane < 2; ++lane) c[lane] = __builtin_fma(a[lane], b[lane], c[lane]);
  return c;
}
RECTIFY_BY_LANE Floats of_f16(const f16* from) {
  return Floats{f16_to_float(from[0].bits), f16_to_float(from[1].bits), f16_to_float(from[2].bits), f16_to_float(from[3].bits)};
}
RECTIFY_BY_LANE Halves to_f16(Floats v) {
  return Halves{float_to_f16(v[0]), float_to_f16(v[1]), float_to_f16(v[2]), float_to_f16(v[3])};
}
#if defined(__SSE2__)
inline unsigned sign_bits(Floats v) { return static_cast<unsigned>(_mm_movemask_ps(v)); }
inline unsigned sign_bits(Doubles v) { return static_cast<unsigned>(_mm_movemask_pd(v)); }
#endif
#endif
#if !defined(__SSE2__)
template <class N>
inline unsigned sign_bits(N v) {
  unsigned bits = 0;
  for (unsigned lane = 0; lane < vector_bytes / sizeof v[0]; ++lane)
    bits |= static_cast<unsigned>(__builtin_signbit(v[lane]) != 0) << lane;
  return bits;
}
#endif

// Where GCC 12 takes a detour for a conversion of integers, AVX2 has its own.
inline Floats of_bf16(const bf16* from) {
#if defined(__AVX2__) && !defined(__AVX512F__)
  return reinterpret_cast<Floats>(reinterpret_cast<Words>(_mm256_cvtepu16_epi32(read<__m128i>(from))) << 16);
#else
  return reinterpret_cast<Floats>(__builtin_convertvector(read<Halves>(from), Words) << 16);
#endif
}
/// Rounds to nearest even; a NaN may lose its payload. `AnyNaN`: there may be some of a payload in the lower half, which rounding could carry
/// into the sign: those of f32 parameters. What else is computed from bf16s has none.
template <bool AnyNaN>
Halves to_bf16(Floats v) {
  Words bits = reinterpret_cast<Words>(v);
  if constexpr (AnyNaN) bits = v != v ? Words{} + 0x7fc00000 : bits;
  const Words rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
#if defined(__AVX2__) && !defined(__AVX512F__)
  const auto lanes = reinterpret_cast<__m256i>(rounded);
  return reinterpret_cast<Halves>(_mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
#else
  return __builtin_convertvector(rounded, Halves);
#endif
}

/// A condition for each lane: all bits of it, or none.
template <class S>
struct Mask {
  using Lanes = decltype(typename Native<S>::type{} > typename Native<S>::type{});
  Lanes lanes;

  friend Mask operator&(Mask a, Mask b) { return {a.lanes & b.lanes}; }
  friend Mask operator!(Mask a) { return {~a.lanes}; }
  unsigned bits() const { return sign_bits(reinterpret_cast<typename Native<S>::type>(lanes)); }
};

template <class S>
struct Vector {
  static constexpr int lanes = vector_bytes / sizeof(S);
  typename Native<S>::type v;

  Vector() = default;
  Vector(typename Native<S>::type numbers) : v(numbers) {}
  Vector(S number) : v(number - typename Native<S>::type{}) {}  // in every lane; less 0 is the number itself, -0 too

  friend Vector operator+(Vector a, Vector b) { return a.v + b.v; }
  friend Vector operator-(Vector a, Vector b) { return a.v - b.v; }
  friend Vector operator*(Vector a, Vector b) { return a.v * b.v; }
  friend Mask<S> operator>(Vector a, Vector b) { return {a.v > b.v}; }
  friend Mask<S> operator<(Vector a, Vector b) { return {a.v < b.v}; }
  friend Mask<S> operator>=(Vector a, Vector b) { return {a.v >= b.v}; }
  friend Mask<S> operator==(Vector a, Vector b) { return {a.v == b.v}; }
  friend Mask<S> operator!=(Vector a, Vector b) { return {a.v != b.v}; }
  friend Vector select(Mask<S> condition, Vector a, Vector b) { return condition.lanes ? a.v : b.v; }
  friend Vector fma(Vector a, Vector b, Vector c) { return fused(a.v, b.v, c.v); }
  Vector& operator+=(Vector b) { return *this = v + b.v; }
  Vector& operator-=(Vector b) { return *this = v - b.v; }
};

// Loads and stores convert, and here alone. What is stored of a vector, for a tensor of T:
inline Vector<float> load(const float* from) { return read<Floats>(from); }
inline Vector<double> load(const double* from) { return read<Doubles>(from); }
inline Vector<float> load(const f16* from) { return of_f16(from); }
inline Vector<float> load(const bf16* from) { return of_bf16(from); }
template <bool>
Floats packed(const float*, Vector<float> v) {
  return v.v;
}
template <bool>
Doubles packed(const double*, Vector<double> v) {
  return v.v;
}
template <bool>
Halves packed(const f16*, Vector<float> v) {
  return to_f16(v.v);
}
template <bool AnyNaN>
Halves packed(const bf16*, Vector<float> v) {
  return to_bf16<AnyNaN>(v.v);
}

/// A multiple of stream_bytes, past the caches where `streams`; `to` is such a multiple too then.
inline void put(void* to, const void* from, std::int64_t bytes, bool streams) {
  if (!streams) return static_cast<void>(std::memcpy(to, from, static_cast<std::size_t>(bytes)));
  for (std::int64_t k = 0; k < bytes; k += stream_bytes) stream(static_cast<char*>(to) + k, static_cast<const char*>(from) + k);
}

/// Likewise.
template <bool AnyNaN = true, class T, class S>
void store(T* to, Vector<S> v, [[maybe_unused]] bool streams = false) {
  const auto values = packed<AnyNaN>(to, v);
  if constexpr (sizeof values >= stream_bytes) {
    put(to, &values, sizeof values, streams);
  } else {
#if defined(__SSE2__)
    if (streams) return _mm_stream_si64(reinterpret_cast<long long*>(to), read<long long>(&values));
#endif
    std::memcpy(static_cast<void*>(to), &values, sizeof values);
  }
}

}  // namespace rectify::detail::RECTIFY_CPU_ISA

namespace rectify::detail {
template <class S>
constexpr S no_cap<RECTIFY_CPU_ISA::Vector<S>> = no_cap<S>;
}
