// Vector: floats or doubles in one register of the instruction set that this translation unit is compiled for, with the
// operators that the element ops use on a float; and load and store, which convert from and to the storage types. loop_body.hpp
// is written with them. GCC's vector types do most of it; intrinsics do what these cannot express. Everything here and in
// loop_body.hpp lies in a namespace of the instruction set. Otherwise an inline function compiled for AVX2 could be linked in
// place of the same function for every machine.
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
N load_raw(const void* from) {
  N n;
  std::memcpy(&n, from, sizeof n);
  return n;
}

// Six functions, defined for each width:
//   fused(a, b, c)           a * b + c, rounded once
//   sign_bits(v)             one bit for each lane, the lowest for the first lane
//   f16_to_floats(from)      exact
//   floats_to_f16(v)         rounds to nearest even
//   widened(v), narrowed(v)  16-bit to 32-bit integers and back
// For the last two GCC 12 makes slower code of its vector types than of intrinsics.
#if RECTIFY_VECTOR_BYTES == 64
inline Floats fused(Floats a, Floats b, Floats c) { return _mm512_fmadd_ps(a, b, c); }
inline Doubles fused(Doubles a, Doubles b, Doubles c) { return _mm512_fmadd_pd(a, b, c); }
inline unsigned sign_bits(Floats v) { return _mm512_movepi32_mask(reinterpret_cast<__m512i>(v)); }
inline unsigned sign_bits(Doubles v) { return _mm512_movepi64_mask(reinterpret_cast<__m512i>(v)); }
inline Floats f16_to_floats(const f16* from) { return _mm512_maskz_cvtph_ps(0xffff, load_raw<__m256i>(from)); }
inline Halves floats_to_f16(Floats v) {
  return reinterpret_cast<Halves>(_mm512_maskz_cvtps_ph(0xffff, v, _MM_FROUND_TO_NEAREST_INT));
}
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
inline Floats f16_to_floats(const f16* from) { return _mm256_cvtph_ps(load_raw<__m128i>(from)); }
inline Halves floats_to_f16(Floats v) { return reinterpret_cast<Halves>(_mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT)); }
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
inline Floats f16_to_floats(const f16* from) { return vcvt_f32_f16(load_raw<float16x4_t>(from)); }
inline Halves floats_to_f16(Floats v) { return reinterpret_cast<Halves>(vcvt_f16_f32(v)); }
#else  // The baseline of x86-64 has no instruction for these. They are not inlined, because they would be most of the code.
template <class N>
[[gnu::noinline]] N fused(N a, N b, N c) {
  for (unsigned lane = 0; lane < sizeof c / sizeof c[0]; ++lane) c[lane] = std::fma(a[lane], b[lane], c[lane]);
  return c;
}
[[gnu::noinline]] inline Floats f16_to_floats(const f16* v) {
  return Floats{f16_to_float(v[0].bits), f16_to_float(v[1].bits), f16_to_float(v[2].bits), f16_to_float(v[3].bits)};
}
[[gnu::noinline]] inline Halves floats_to_f16(Floats v) {
  return Halves{float_to_f16(v[0]), float_to_f16(v[1]), float_to_f16(v[2]), float_to_f16(v[3])};
}
#endif
#endif

/// Rounds to nearest even; a NaN may lose its payload. Without `AnyNaN` the lower half of a NaN must be 0, or rounding could
/// carry into its sign. A NaN that comes from a bf16 tensor meets this; one from an f32 parameter may not.
template <bool AnyNaN>
Halves floats_to_bf16(Floats v) {
  Words bits = reinterpret_cast<Words>(v);
  if constexpr (AnyNaN) bits = v != v ? Words{} + 0x7fc00000 : bits;
  return narrowed((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/// The result of a comparison: in each lane, all bits are set or none.
template <class S>
struct LaneCondition {
  using Lanes = decltype(Native<S>{} > Native<S>{});
  Lanes lanes;

  friend LaneCondition operator&(LaneCondition a, LaneCondition b) { return {a.lanes & b.lanes}; }
  friend LaneCondition operator|(LaneCondition a, LaneCondition b) { return {a.lanes | b.lanes}; }
  friend LaneCondition operator!(LaneCondition a) { return {~a.lanes}; }
  unsigned bits() const { return sign_bits(reinterpret_cast<Native<S>>(lanes)); }
};

template <class S>
struct Vector {
  static constexpr int lanes = vector_bytes / sizeof(S);
  Native<S> v;

  Vector() = default;
  Vector(Native<S> lanes_of_v) : v(lanes_of_v) {}
  Vector(S scalar) : v(scalar - Native<S>{}) {}  // in every lane; subtracting 0 changes no value, not even -0

  friend Vector operator+(Vector a, Vector b) { return a.v + b.v; }
  friend Vector operator-(Vector a, Vector b) { return a.v - b.v; }
  friend Vector operator*(Vector a, Vector b) { return a.v * b.v; }
  friend LaneCondition<S> operator>(Vector a, Vector b) { return {a.v > b.v}; }
  friend LaneCondition<S> operator>=(Vector a, Vector b) { return {a.v >= b.v}; }
  friend LaneCondition<S> operator==(Vector a, Vector b) { return {a.v == b.v}; }
  friend LaneCondition<S> operator!=(Vector a, Vector b) { return {a.v != b.v}; }
  friend Vector select(LaneCondition<S> condition, Vector a, Vector b) { return condition.lanes ? a.v : b.v; }
  friend Vector fma(Vector a, Vector b, Vector c) { return fused(a.v, b.v, c.v); }
  Vector& operator+=(Vector b) { return *this = v + b.v; }
  Vector& operator-=(Vector b) { return *this = v - b.v; }
};

// Conversions from and to the storage types happen in load and store, and nowhere else in a loop.
inline Vector<float> load(const float* from) { return load_raw<Floats>(from); }
inline Vector<double> load(const double* from) { return load_raw<Doubles>(from); }
inline Vector<float> load(const f16* from) { return f16_to_floats(from); }
inline Vector<float> load(const bf16* from) { return reinterpret_cast<Floats>(widened(load_raw<Halves>(from)) << 16); }

/// Copies `bytes` bytes; past the caches if `streams`, and then `to` and `bytes` must be multiples of stream_bytes.
inline void store_bytes(void* to, const void* from, std::int64_t bytes, [[maybe_unused]] bool streams) {
#if defined(__SSE2__)
  for (std::int64_t k = 0; streams && k < bytes; k += stream_bytes)
    _mm_stream_si128(reinterpret_cast<__m128i*>(static_cast<char*>(to) + k),
                     load_raw<__m128i>(static_cast<const char*>(from) + k));
  if (streams) return;
#endif
  std::memcpy(to, from, static_cast<std::size_t>(bytes));
}

template <bool AnyNaN = true, class T, class S>
void store(T* to, Vector<S> v, bool streams = false) {
  const auto values = [&v] {
    if constexpr (std::is_same_v<T, f16>) return floats_to_f16(v.v);
    if constexpr (std::is_same_v<T, bf16>) return floats_to_bf16<AnyNaN>(v.v);
    if constexpr (std::is_same_v<T, S>) return v.v;
  }();
  store_bytes(to, &values, sizeof values, streams && sizeof values >= stream_bytes);
}

}  // namespace rectify::detail::RECTIFY_CPU_ISA
