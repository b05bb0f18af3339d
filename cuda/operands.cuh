// What a kernel reads and writes at a place: the tensors' items, the parameters of its lanes, and the bits of a mask.
#pragma once

#include "spaces.cuh"

#include "core/element_ops.hpp"
#include "core/mask.hpp"
#include "core/operand_set.hpp"

#include <cstdint>

namespace rectify::detail {

/// A parameter of a call; `packs` where its values for the lanes of any pack are neighbours on a 16-byte boundary.
struct LaneParameter : Parameter {
  bool packs;
};

/// A call without its layout. Null pointers are absent operands.
template <class T>
struct Operands {
  const T *x, *dy, *residual;
  T *out, *dresidual;
  unsigned char* mask;
  int mask_bits;
  Rectifier<Compute<T>> f;
  Compute<T> gain;
  LaneParameter scale, bias, alpha, threshold, max_value;
};

/// The width of the mask that a kernel reads or writes. The strided kernels ask at run time.
struct NoMask {
  static constexpr int bits = 0;
};
struct U1 {
  static constexpr int bits = 1;
};
struct U2 {
  static constexpr int bits = 2;
};
struct AnyMask {
  static constexpr int bits = -1;
};

template <class T>
__device__ Compute<T> parameter_at(const Parameter& p, std::int64_t channel) {
  const std::int64_t at = channel * p.stride;
  if (p.in_compute_type) return static_cast<const Compute<T>*>(p.data)[at];
  return static_cast<Compute<T>>(static_cast<const T*>(p.data)[at]);
}

/// v[l] = the parameter of channel + l, by aligned loads of 128 bits (64 for four lanes of a 16-bit type).
template <class P, class C, int L>
__device__ void load_neighbours(const void* data, std::int64_t channel, C (&v)[L]) {
  const P* const from = static_cast<const P*>(data) + channel;
  constexpr int bytes = L * sizeof(P) < 16 ? 8 : 16, lanes = bytes / sizeof(P);
#pragma unroll
  for (int first = 0; first < L; first += lanes) {
    const auto pack = Pack<P, bytes>::load(from + first);
#pragma unroll
    for (int l = 0; l < lanes; ++l) v[first + l] = pack.lane(l);
  }
}

/// v[l] = the parameter of channel + l * apart.
template <class T, int L>
__device__ void load_strided(const Parameter& p, std::int64_t channel, std::int64_t apart, Compute<T> (&v)[L]) {
  const auto load = [&](const auto* from) {
#pragma unroll
    for (int l = 0; l < L; ++l, from += apart * p.stride) v[l] = static_cast<Compute<T>>(*from);
  };
  const std::int64_t at = channel * p.stride;
  p.in_compute_type ? load(static_cast<const Compute<T>*>(p.data) + at) : load(static_cast<const T*>(p.data) + at);
}

/// The parameters of a pack's lanes from a channel on, one after the other.
template <class T, class Space, int L>
__device__ void load_channel_by_channel(const Parameter& p, const Space& space, Channel at, Compute<T> (&v)[L]) {
  v[0] = parameter_at<T>(p, at.index);
#pragma unroll
  for (int l = 1; l < L; ++l) {
    v[l] = v[l - 1];
    if (--at.left > 0) continue;
    at = space.next_channel(at);
    v[l] = parameter_at<T>(p, at.index);
  }
}

/// v[l] = the parameter of lane l: the number, neighbours in memory, those of two channels that a pack meets at most, or whatever
/// channel each is in. A pack within a view's row meets neighbouring channels, or one.
template <class T, class Space, int L>
__device__ void load_parameter(const LaneParameter& p, Compute<T> number, const Space& space, Channel at, Compute<T> (&v)[L]) {
  if (p.data == nullptr) {
#pragma unroll
    for (int l = 0; l < L; ++l) v[l] = number;
    return;
  }
  if constexpr (L == 1) {
    v[0] = parameter_at<T>(p, at.index);
  } else if (p.packs) {
    p.in_compute_type ? load_neighbours<Compute<T>>(p.data, at.index, v) : load_neighbours<T>(p.data, at.index, v);
  } else if constexpr (!Space::is_dense) {
    load_strided<T>(p, at.index, space.channels_apart(), v);
  } else if (space.inner >= L || space.channels == 1) {
    const int left = at.left < L ? static_cast<int>(at.left) : L;
    const Compute<T> here = parameter_at<T>(p, at.index);
    const Compute<T> next = left < L ? parameter_at<T>(p, space.next_channel(at).index) : here;
#pragma unroll
    for (int l = 0; l < L; ++l) v[l] = l < left ? here : next;
  } else if (space.inner == 1 && at.index + L <= space.channels) {
    load_strided<T>(p, at.index, 1, v);
  } else {
    load_channel_by_channel<T>(p, space, at, v);
  }
}

/// The tensors' items of one place, and its codes of a mask.
template <class Item>
struct Loaded {
  Item x, dy, residual;
  unsigned codes;
};

/// The bits of `lanes` elements from `element` on, which lie in one byte, or in two of an aligned pair.
template <int Lanes, class Mask>
__device__ unsigned load_codes(const unsigned char* mask, int width, std::int64_t element) {
  if constexpr (Lanes * Mask::bits == 16) {
    return reinterpret_cast<const std::uint16_t*>(mask)[element / Lanes];
  } else {
    const int bits = Mask::bits > 0 ? Mask::bits : width;
    const std::int64_t bit = element * bits;
    return static_cast<unsigned>(mask[bit / 8]) >> (bit % 8);
  }
}

/// The same, written by a warp whose threads have neighbouring packs, first lanes at whole bytes. Bytes are put together from
/// integers: no loop over single bytes (nvcc 13.0 miscompiled vectors of them on sm_90: pytorch#174977).
template <int Bits>
__device__ void store_codes(unsigned char* mask, std::int64_t element, int lanes, unsigned codes) {
  if constexpr (Bits == 16) {
    reinterpret_cast<std::uint16_t*>(mask)[element / lanes] = static_cast<std::uint16_t>(codes);
  } else {
#pragma unroll
    for (int have = Bits, threads = 1; have < 8; have *= 2, threads *= 2)
      codes |= __shfl_down_sync(0xffffffffu, codes, threads) << have;
    if (threadIdx.x % (8 / Bits) == 0) mask[element / lanes * Bits / 8] = static_cast<unsigned char>(codes);
  }
}

/// Eight elements' bits by one thread; `count` of them exist.
__device__ inline void store_octet(unsigned char* mask, int bits, std::int64_t octet, std::int64_t count, unsigned codes) {
  mask[octet * bits] = static_cast<unsigned char>(codes);
  if (count * bits > 8) mask[octet * bits + 1] = static_cast<unsigned char>(codes >> 8);
}

}  // namespace rectify::detail
