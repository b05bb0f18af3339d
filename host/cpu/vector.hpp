// Vectors of floats and doubles for the instruction set that this translation unit is compiled for, with the operators that the element
// ops ask of a number. Compiler vector types do most of it; intrinsics only what those cannot say. All of it, as of loop_body.hpp, lives
// in a namespace of the instruction set, so that no code for AVX2 has the name of code for every machine.
#pragma once

#include "loop.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#if defined(__SSE2__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define RECTIFY_VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__) && defined(__F16C__)
#define RECTIFY_VECTOR_BYTES 32
#else
#define RECTIFY_VECTOR_BYTES 16
#endif

namespace rectify::detail::RECTIFY_CPU_ISA {

constexpr int vector_bytes = RECTIFY_VECTOR_BYTES;
typedef float Floats __attribute__((vector_size(vector_bytes)));
typedef double Doubles __attribute__((vector_size(vector_bytes)));
typedef std::uint32_t Words __attribute__((vector_size(vector_bytes)));
typedef std::uint16_t Halves __attribute__((vector_size(vector_bytes / 2)));
template <class S>
using Native = std::conditional_t<std::is_same_v<S, float>, Floats, Doubles>;

template <class N>
N read(const void* from) {
  N n;
  std::memcpy(&n, from, sizeof n);
  return n;
}

// fused: a * b + c, rounded once. sign_bits: of each lane, the first the lowest. of_f16 and to_f16: to numbers and back, rounded to
// nearest even. widened and narrowed: integers, for which GCC 12 takes detours where there are intrinsics.
#if RECTIFY_VECTOR_BYTES == 64
inline Floats fused(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline unsigned sign_bits(Floats v) { return _mm512_movepi32_mask(reinterpret_cast<__m512i>(v)); }
inline unsigned sign_bits(Doubles v) { return _mm512_movepi64_mask(reinterpret_cast<__m512i>(v)); }
inline Floats of_f16(const f16* from) { return _mm512_maskz_cvtph_ps(0xffff, read<__m256i>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(_mm512_maskz_cvtps_ph(0xffff, v, _MM_FROUND_TO_NEAREST_INT)); }
inline Words widened(Halves v) {
  return reinterpret_cast<Words>(_mm512_maskz_cvtepu16_epi32(0xffff, reinterpret_cast<__m256i>(v)));
}
inline Halves narrowed(Words v) {
  return reinterpret_cast<Halves>(_mm512_maskz_cvtepi32_epi16(0xffff, reinterpret_cast<__m512i>(v)));
}
#elif RECTIFY_VECTOR_BYTES == 32
inline Floats fused(Floats a, Floats b, Floats c) { return _mm256_fmadd_ps(a, b, c); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return _mm256_fmadd_pd(a, b, c); }
inline unsigned sign_bits(Floats v) { return static_cast<unsigned>(_mm256_movemask_ps(v)); }
inline unsigned sign_bits(Doubles v) { return static_cast<unsigned>(_mm256_movemask_pd(v)); }
inline Floats of_f16(const f16* from) { return _mm256_cvtph_ps(read<__m128i>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
inline Words widened(Halves v) { return reinterpret_cast<Words>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(v))); }
inline Halves narrowed(Words v) {
  const auto lanes = reinterpret_cast<__m256i>(v);
  return reinterpret_cast<Halves>(_mm_packus_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256(lanes, 1)));
}
#else
inline Words widened(Halves v) { return __builtin_convertvector(v, Words); }
inline Halves narrowed(Words v) { return __builtin_convertvector(v, Halves); }
template <class N>
inline unsigned sign_bits(N v) {
  unsigned bits = 0;
  for (unsigned lane = 0; lane < sizeof v / sizeof v[0]; ++lane) bits |= (std::signbit(v[lane]) ? 1u : 0u) << lane;
  return bits;
}
#if defined(__aarch64__)
inline Floats fused(Floats a, Floats b, Floats c) { return vfmaq_f32(c, a, b); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return vfmaq_f64(c, a, b); }
inline Floats of_f16(const f16* from) { return vcvt_f32_f16(read<float16x4_t>(from)); }
inline Halves to_f16(Floats v) { return reinterpret_cast<Halves>(vcvt_f16_f32(v)); }
#else  // x86-64's baseline has no instruction for these: each is a call, as inlined they would make up most of the code
template <class N>
[[gnu::noinline]] N fused(N a, N b, N c) {
  for (unsigned lane = 0; lane < sizeof c / sizeof c[0]; ++lane) c[lane] = std::fma(a[lane], b[lane], c[lane]);
  return c;
}
[[gnu::noinline]] inline Floats of_f16(const f16* v) {
  return Floats{f16_to_float(v[0].bits), f16_to_float(v[1].bits), f16_to_float(v[2].bits), f16_to_float(v[3].bits)};
}
[[gnu::noinline]] inline Halves to_f16(Floats v) {
  return Halves{float_to_f16(v[0]), float_to_f16(v[1]), float_to_f16(v[2]), float_to_f16(v[3])};
}
#endif
#endif

/// Rounds to nearest even; a NaN may lose its payload. `AnyNaN`: there may be some of a payload in the lower half, which rounding could carry
/// into the sign: those of f32 parameters. What else is computed from bf16s has none.
template <bool AnyNaN>
Halves to_bf16(Floats v) {
  Words bits = reinterpret_cast<Words>(v);
  if constexpr (AnyNaN) bits = v != v ? Words{} + 0x7fc00000 : bits;
  return narrowed((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// A condition for each lane: all bits of it, or none.
template <class S>
struct Mask {
  using Lanes = decltype(Native<S>{} > Native<S>{});
  Lanes lanes;

  friend Mask operator&(Mask a, Mask b) { return {a.lanes & b.lanes}; }
  friend Mask operator|(Mask a, Mask b) { return {a.lanes | b.lanes}; }
  friend Mask operator!(Mask a) { return {~a.lanes}; }
  unsigned bits() const { return sign_bits(reinterpret_cast<Native<S>>(lanes)); }
};

template <class S>
struct Vector {
  static constexpr int lanes = vector_bytes / sizeof(S);
  Native<S> v;

  Vector() = default;
  Vector(Native<S> numbers) : v(numbers) {}
  Vector(S number) : v(number - Native<S>{}) {}  // in every lane; less 0 is the number itself, -0 too

  friend Vector operator+(Vector a, Vector b) { return a.v + b.v; }
  friend Vector operator-(Vector a, Vector b) { return a.v - b.v; }
  friend Vector operator*(Vector a, Vector b) { return a.v * b.v; }
  friend Mask<S> operator>(Vector a, Vector b) { return {a.v > b.v}; }
  friend Mask<S> operator>=(Vector a, Vector b) { return {a.v >= b.v}; }
  friend Mask<S> operator==(Vector a, Vector b) { return {a.v == b.v}; }
  friend Mask<S> operator!=(Vector a, Vector b) { return {a.v != b.v}; }
  friend Vector select(Mask<S> condition, Vector a, Vector b) { return condition.lanes ? a.v : b.v; }
  friend Vector fma(Vector a, Vector b, Vector c) { return fused(a.v, b.v, c.v); }
  Vector& operator+=(Vector b) { return *this = v + b.v; }
  Vector& operator-=(Vector b) { return *this = v - b.v; }
};

// Loads and stores convert, and here alone.
inline Vector<float> load(const float* from) { return read<Floats>(from); }
inline Vector<double> load(const double* from) { return read<Doubles>(from); }
inline Vector<float> load(const f16* from) { return of_f16(from); }
inline Vector<float> load(const bf16* from) { return reinterpret_cast<Floats>(widened(read<Halves>(from)) << 16); }

/// Copies `bytes`; past the caches where `streams`, and then `to` and `bytes` are multiples of stream_bytes.
inline void put(void* to, const void* from, std::int64_t bytes, [[maybe_unused]] bool streams) {
#if defined(__SSE2__)
  for (std::int64_t k = 0; streams && k < bytes; k += stream_bytes)
    _mm_stream_si128(reinterpret_cast<__m128i*>(static_cast<char*>(to) + k), read<__m128i>(static_cast<const char*>(from) + k));
  if (streams) return;
#endif
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

template <bool AnyNaN = true, class T, class S>
void store(T* to, Vector<S> v, bool streams = false) {
  const auto values = [&v] {
    if constexpr (std::is_same_v<T, f16>) return to_f16(v.v);
    if constexpr (std::is_same_v<T, bf16>) return to_bf16<AnyNaN>(v.v);
    if constexpr (std::is_same_v<T, S>) return v.v;
  }();
  put(to, &values, sizeof values, streams && sizeof values >= stream_bytes);
}

}  // namespace rectify::detail::RECTIFY_CPU_ISA
