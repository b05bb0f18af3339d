// The storage types of 16 bits, f16 and bf16. They are for storage only: arithmetic is done in float, and a store rounds once,
// to nearest even. Device code converts with the functions of the CUDA toolkit. Host code converts with integer arithmetic,
// which needs neither the toolkit nor a processor with instructions for f16; the CPU backend's loops convert whole vectors
// (host/cpu/vector.hpp).
#pragma once

#include <rectify/detail/host_device.hpp>

#include <cstdint>
#include <cstring>

#if defined(__CUDACC__)
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#endif

namespace rectify::detail {

template <class V>
RECTIFY_HD inline std::uint32_t word_of(const V& v) {
  static_assert(sizeof(V) == 4);
  std::uint32_t word;
  std::memcpy(&word, &v, sizeof word);
  return word;
}

RECTIFY_HD inline std::uint32_t bits_of(float v) { return word_of(v); }

RECTIFY_HD inline float float_of(std::uint32_t bits) {
  float v;
  std::memcpy(&v, &bits, sizeof v);
  return v;
}

inline float f16_to_float(std::uint16_t h) {
  const std::uint32_t magnitude = (h & 0x7fffu) << 13;
  const std::uint32_t rebias = 112u << 23;
  const std::uint32_t normal =
      magnitude +
      (magnitude >= 31u << 23 ? 2 * rebias : rebias);  // rebias twice: inf and NaN have the largest exponent in both
  // A subnormal f16 is a normal float: 2^-14 is added to its digits and subtracted, exactly. No step produces a subnormal
  // float, so the result does not depend on whether the processor flushes them to zero.
  const std::uint32_t subnormal = bits_of(float_of(magnitude + (113u << 23)) - float_of(113u << 23));
  return float_of((magnitude < 1u << 23 ? subnormal : normal) | (h & 0x8000u) << 16);
}

inline std::uint16_t float_to_f16(float v) {
  const std::uint32_t sign = bits_of(v) & 0x80000000u;
  const std::uint32_t magnitude = bits_of(v) ^ sign;
  const std::uint32_t odd = (magnitude >> 13) & 1u;
  const std::uint32_t normal = (magnitude - (112u << 23) + 0xfffu + odd) >> 13;
  const std::uint32_t subnormal = bits_of(float_of(magnitude) + 0.5f) - bits_of(0.5f);  // the ulp of 0.5f is the smallest f16
  const std::uint32_t special = magnitude > 0x7f800000u ? 0x7e00u : 0x7c00u;            // NaN; infinity for 65,536 and more
  const std::uint32_t finite = magnitude < 113u << 23 ? subnormal : normal;
  return static_cast<std::uint16_t>((magnitude >= 143u << 23 ? special : finite) | sign >> 16);
}

inline std::uint16_t float_to_bf16(float v) {
  const std::uint32_t bits = bits_of(v);
  const std::uint32_t nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  const std::uint32_t quiet = bits | 0x400000u;
  return static_cast<std::uint16_t>((v != v ? quiet : nearest) >> 16);
}

// The conversions that f16 and bf16 use: the toolkit's in device code, the functions above in host code.
#if defined(__CUDA_ARCH__)
__device__ inline std::uint16_t f16_bits(float v) { return __half_as_ushort(__float2half_rn(v)); }
__device__ inline std::uint16_t bf16_bits(float v) { return __bfloat16_as_ushort(__float2bfloat16_rn(v)); }
__device__ inline std::uint32_t f16_pair(float low, float high) { return word_of(__floats2half2_rn(low, high)); }
__device__ inline std::uint32_t bf16_pair(float low, float high) { return word_of(__floats2bfloat162_rn(low, high)); }
__device__ inline float f16_value(std::uint16_t bits) { return __half2float(__ushort_as_half(bits)); }
#else
inline std::uint16_t f16_bits(float v) { return float_to_f16(v); }
inline std::uint16_t bf16_bits(float v) { return float_to_bf16(v); }
inline std::uint32_t f16_pair(float low, float high) {
  return f16_bits(low) | static_cast<std::uint32_t>(f16_bits(high)) << 16;
}
inline std::uint32_t bf16_pair(float low, float high) {
  return bf16_bits(low) | static_cast<std::uint32_t>(bf16_bits(high)) << 16;
}
inline float f16_value(std::uint16_t bits) { return f16_to_float(bits); }
#endif

/// IEEE 754 binary16, with the bits of __half.
struct f16 {
  std::uint16_t bits;

  f16() = default;
  RECTIFY_HD explicit f16(float v) : bits(f16_bits(v)) {}
  RECTIFY_HD explicit operator float() const { return f16_value(bits); }

  /// Two values in one word, `low` in the lower half.
  RECTIFY_HD static std::uint32_t pair(float low, float high) { return f16_pair(low, high); }
};

/// bfloat16: the upper half of a float, with the bits of __nv_bfloat16.
struct bf16 {
  std::uint16_t bits;

  bf16() = default;
  RECTIFY_HD explicit bf16(float v) : bits(bf16_bits(v)) {}
  RECTIFY_HD explicit operator float() const { return float_of(static_cast<std::uint32_t>(bits) << 16); }

  RECTIFY_HD static std::uint32_t pair(float low, float high) { return bf16_pair(low, high); }
};

}  // namespace rectify::detail
