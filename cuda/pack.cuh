// What a thread moves at once: a pack of 16 bytes, or a single element. Both hand out numbers in the compute type.
#pragma once

#include "core/half.hpp"
#include <rectify/relu.hpp>

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// 16 or 8 bytes as the memory sees them. may_alias, because they stand for elements of any type; a cast to uint4 is undefined.
template <int Bytes>
struct Words;
template <>
struct __attribute__((aligned(16), may_alias)) Words<16> {
  std::uint32_t word[4];
};
template <>
struct __attribute__((aligned(8), may_alias)) Words<8> {
  std::uint32_t word[2];
};

/// How a pack is stored. write_back is __stwb, which nvcc 13.0 makes a store that is strong at the level of a multiprocessor (sm_80 and
/// later); weak is the plain 128-bit store; streaming (__stcs) asks the L2 cache to evict its line first.
enum class Store { write_back, weak, streaming };

/// Of every pack that the library stores. bench/gpu measures the three side by side.
constexpr Store store_of_packs = Store::write_back;

template <class T>
struct Single {
  static constexpr int lanes = 1;
  T element;

  __device__ static Single load(const T* from) { return {*from}; }
  __device__ void store(T* to) const { *to = element; }

  __device__ Compute<T> lane(int) const { return static_cast<Compute<T>>(element); }
  __device__ static Single of(const Compute<T> (&v)[lanes]) { return {T(v[0])}; }
};

/// One 128-bit store, or one of 64 bits. The casts are sound, as no store goes through the type that it is given.
template <Store How>
__device__ void store_words(void* to, const std::uint32_t (&w)[4]) {
  uint4* const at = static_cast<uint4*>(to);
  if constexpr (How == Store::write_back) __stwb(at, make_uint4(w[0], w[1], w[2], w[3]));
  if constexpr (How == Store::streaming) __stcs(at, make_uint4(w[0], w[1], w[2], w[3]));
  if constexpr (How == Store::weak) {  // by PTX, for there is no intrinsic that is just a store
#if defined(__CUDA_ARCH__)
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(at), "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3]) : "memory");
#else
    __stwb(at, make_uint4(w[0], w[1], w[2], w[3]));
#endif
  }
}
template <Store How>
__device__ void store_words(void* to, const std::uint32_t (&w)[2]) {
  __stwb(static_cast<uint2*>(to), make_uint2(w[0], w[1]));
}

/// Always words, never an array of 16-bit lanes, and stored by an intrinsic: nvcc 13.0 tears the store of such an array into
/// eight, and every second one of four words into four.
template <class T, int Bytes = 16, Store How = store_of_packs>
struct Pack {
  static constexpr int lanes = Bytes / sizeof(T);
  Words<Bytes> words;

  /// One access each; `from` and `to` are aligned to the pack's bytes.
  __device__ static Pack load(const T* from) { return {*reinterpret_cast<const Words<Bytes>*>(from)}; }
  __device__ void store(T* to) const { store_words<How>(to, words.word); }

  __device__ Compute<T> lane(int l) const {
    T element;
    if constexpr (sizeof(T) == 2) {
      element.bits = static_cast<std::uint16_t>(words.word[l / 2] >> (l % 2 * 16));
    } else {
      memcpy(&element, &words.word[l * sizeof(T) / 4], sizeof element);
    }
    return static_cast<Compute<T>>(element);
  }

  __device__ static Pack of(const Compute<T> (&v)[lanes]) {
    Pack pack;
    if constexpr (sizeof(T) == 2) {
#pragma unroll
      for (int w = 0; w < Bytes / 4; ++w) pack.words.word[w] = T::pair(v[2 * w], v[2 * w + 1]);
    } else {
      memcpy(&pack.words, v, sizeof pack.words);
    }
    return pack;
  }
};

}  // namespace rectify::detail
