// The items that a thread loads and stores at once: a Pack of 16 or 8 bytes, or a Single element. Lane l of an item is its l-th
// element, which is read and written in the compute type. Used by elementwise_item.cuh, through the space of a kernel
// (spaces.cuh).
#pragma once

#include "core/half.hpp"
#include <rectify/relu.hpp>

#include <cuda_runtime.h>

#include <cstdint>
#include <cstring>

namespace rectify::detail {

/// The bytes of a pack. may_alias, because elements of any type are read through it; a read through uint4 is undefined.
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

/// How a pack is stored. write_back is __stwb, which nvcc 13.0 compiles to a strong store with the scope of a multiprocessor
/// (on sm_80 and later); weak is the plain 128-bit store; streaming is __stcs, whose line the L2 cache evicts first.
enum class Store { write_back, weak, streaming };

/// How the library stores every pack. bench/gpu measures the three ways side by side.
constexpr Store store_of_packs = Store::write_back;

/// One element.
template <class T>
struct Single {
  static constexpr int lanes = 1;
  T element;

  __device__ static Single load(const T* from) { return {*from}; }
  __device__ void store(T* to) const { *to = element; }

  __device__ Compute<T> lane(int) const { return static_cast<Compute<T>>(element); }
  __device__ static Single from_lanes(const Compute<T> (&v)[lanes]) { return {T(v[0])}; }
};

/// Stores a pack in one access. The cast to uint4 is valid, because an intrinsic or PTX makes the store, not an assignment to a
/// uint4.
template <Store How>
__device__ void store_words(void* to, const std::uint32_t (&w)[4]) {
  uint4* const words = static_cast<uint4*>(to);
  if constexpr (How == Store::write_back) __stwb(words, make_uint4(w[0], w[1], w[2], w[3]));
  if constexpr (How == Store::streaming) __stcs(words, make_uint4(w[0], w[1], w[2], w[3]));
  if constexpr (How == Store::weak) {  // PTX, because no intrinsic is a plain store
#if defined(__CUDA_ARCH__)
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(words), "r"(w[0]), "r"(w[1]), "r"(w[2]), "r"(w[3])
                 : "memory");
#else
    __stwb(words, make_uint4(w[0], w[1], w[2], w[3]));
#endif
  }
}
template <Store How>
__device__ void store_words(void* to, const std::uint32_t (&w)[2]) {
  __stwb(static_cast<uint2*>(to), make_uint2(w[0], w[1]));
}

/// Neighbouring elements, as many as fit in `Bytes`. They are kept as words and stored by an intrinsic, because nvcc 13.0
/// compiled a store of eight 16-bit lanes to eight stores, and about every second store of four words to four.
template <class T, int Bytes = 16, Store How = store_of_packs>
struct Pack {
  static constexpr int lanes = Bytes / sizeof(T);
  Words<Bytes> words;

  /// One access each. `from` and `to` are aligned to `Bytes`.
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

  __device__ static Pack from_lanes(const Compute<T> (&v)[lanes]) {
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
