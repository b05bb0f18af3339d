// The operands of a kernel: their pointers, the loads of parameters, and the bits of masks. Called by elementwise_item.cuh and
// elementwise_kernel.cuh; finds channels by spaces.cuh. load_codes, store_codes and store_octet are the only functions in which
// CUDA reads or writes the bits of a mask. On the CPU, write_mask and compute_group in host/cpu/loop_body.hpp do so, and
// host/cpu/tensors.hpp copies the bits of a partial group.
#pragma once

#include "spaces.cuh"

#include "core/element_ops.hpp"
#include "core/mask.hpp"
#include "core/operand_set.hpp"

#include <cstdint>

namespace rectify::detail {

/// A parameter of a call. `in_packs`: its values for the lanes of any pack are contiguous, and begin on a 16-byte boundary.
struct LaneParameter : Parameter {
  bool in_packs;
};

/// A call without its layout, which is the space's. Null pointers are absent operands.
template <class T>
struct Operands {
  const T *x, *dy, *residual;
  T *out, *dresidual;
  unsigned char* mask;
  int mask_bits;
  Scalars<Compute<T>> scalars;
  LaneParameter parameters[parameter_kinds];
};

/// The width of the mask that a kernel is compiled for. With AnyMask, the width is Operands::mask_bits, at run time.
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
  const std::int64_t offset = channel * p.stride;
  if (p.in_compute_type) return static_cast<const Compute<T>*>(p.data)[offset];
  return static_cast<Compute<T>>(static_cast<const T*>(p.data)[offset]);
}

/// v[l] = the parameter of channel + l, by aligned loads of 128 bits (of 64 bits for four lanes of a 16-bit type).
template <class P, class C, int L>
__device__ void load_in_packs(const void* data, std::int64_t channel, C (&v)[L]) {
  const P* const from = static_cast<const P*>(data) + channel;
  constexpr int bytes = L * sizeof(P) < 16 ? 8 : 16, lanes = bytes / sizeof(P);
#pragma unroll
  for (int first = 0; first < L; first += lanes) {
    const auto pack = Pack<P, bytes>::load(from + first);
#pragma unroll
    for (int l = 0; l < lanes; ++l) v[first + l] = pack.lane(l);
  }
}

/// v[l] = the parameter of channel + l * apart, where `apart` is 0 or 1.
template <class T, int L>
__device__ void load_strided(const Parameter& p, std::int64_t channel, std::int64_t apart, Compute<T> (&v)[L]) {
  const auto load = [&](const auto* from) {
#pragma unroll
    for (int l = 0; l < L; ++l, from += apart * p.stride) v[l] = static_cast<Compute<T>>(*from);
  };
  const std::int64_t offset = channel * p.stride;
  p.in_compute_type ? load(static_cast<const Compute<T>*>(p.data) + offset) : load(static_cast<const T*>(p.data) + offset);
}

/// v[l] = the parameter of lane l, for lanes of several short runs. `channel` is that of lane 0.
template <class T, class Space, int L>
__device__ void load_channel_by_channel(const Parameter& p, const Space& space, Channel channel, Compute<T> (&v)[L]) {
  v[0] = parameter_at<T>(p, channel.index);
#pragma unroll
  for (int l = 1; l < L; ++l) {
    v[l] = v[l - 1];
    if (--channel.remaining > 0) continue;
    channel = space.next_channel(channel);
    v[l] = parameter_at<T>(p, channel.index);
  }
}

/// v[l] = the parameter of lane l, of an item whose first element has `channel`; `scalar` if there is no tensor. A pack of a
/// Strided space has one channel, or a new channel in each lane. A pack of a Dense space meets at most two channels if runs are
/// at least as long as a pack.
template <class T, class Space, int L>
__device__ void load_parameter(const LaneParameter& p, Compute<T> scalar, const Space& space, Channel channel,
                               Compute<T> (&v)[L]) {
  if (p.data == nullptr) {
#pragma unroll
    for (int l = 0; l < L; ++l) v[l] = scalar;
    return;
  }
  if constexpr (L == 1) {
    v[0] = parameter_at<T>(p, channel.index);
  } else if (p.in_packs) {
    p.in_compute_type ? load_in_packs<Compute<T>>(p.data, channel.index, v) : load_in_packs<T>(p.data, channel.index, v);
  } else if constexpr (!Space::is_dense) {
    load_strided<T>(p, channel.index, space.channels_apart(), v);
  } else if (space.inner >= L || space.channels == 1) {
    const int remaining = channel.remaining < L ? static_cast<int>(channel.remaining) : L;
    const Compute<T> first = parameter_at<T>(p, channel.index);
    const Compute<T> second = remaining < L ? parameter_at<T>(p, space.next_channel(channel).index) : first;
#pragma unroll
    for (int l = 0; l < L; ++l) v[l] = l < remaining ? first : second;
  } else if (space.inner == 1 && channel.index + L <= space.channels) {
    load_strided<T>(p, channel.index, 1, v);
  } else {
    load_channel_by_channel<T>(p, space, channel, v);
  }
}

/// What has been loaded of one place: an item of each tensor, and the codes of its lanes in a mask (core/mask.hpp).
template <class Item>
struct Loaded {
  Item x, dy, residual;
  unsigned codes;
};

/// The codes of the `Lanes` elements from `element` on, in the lowest bits of the result. They lie in one byte, or in two that
/// are aligned to two.
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

/// Stores the codes of a pack, which are `Bits` bits. All threads of a warp call it, for neighbouring packs, the first of which
/// begins at a whole byte. If a pack has less than a byte, shuffles put the byte together for one thread. No loop goes over
/// single bytes, because nvcc 13.0 miscompiled loops over vectors of them on sm_90 (pytorch#174977).
template <int Bits>
__device__ void store_codes(unsigned char* mask, std::int64_t element, int lanes, unsigned codes) {
  if constexpr (Bits == 16) {
    reinterpret_cast<std::uint16_t*>(mask)[element / lanes] = static_cast<std::uint16_t>(codes);
  } else {
#pragma unroll
    for (int bits = Bits, threads = 1; bits < 8; bits *= 2, threads *= 2)
      codes |= __shfl_down_sync(0xffffffffu, codes, threads) << bits;
    if (threadIdx.x % (8 / Bits) == 0) mask[element / lanes * Bits / 8] = static_cast<unsigned char>(codes);
  }
}

/// Stores the codes of the eight elements from 8 * octet on, of which `count` exist.
__device__ inline void store_octet(unsigned char* mask, int bits, std::int64_t octet, std::int64_t count, unsigned codes) {
  mask[octet * bits] = static_cast<unsigned char>(codes);
  if (count * bits > 8) mask[octet * bits + 1] = static_cast<unsigned char>(codes >> 8);
}

}  // namespace rectify::detail
