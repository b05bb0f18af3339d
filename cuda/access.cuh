// Where a kernel's elements lie. A space counts items (packs or single elements), finds the place of each, loads and stores it.
// Plain data, passed to kernels by value.
#pragma once

#include "launch.cuh"
#include "vec.cuh"

#include <rectify/detail/backend.hpp>

#include <cstdint>

namespace rectify::detail {

template <class T, int Inputs>
struct Pointers {
  const T* in[Inputs];
  T* out;
};

/// The elements before the first and after the last whole pack of a Dense space, one by one.
template <class T, int Inputs>
struct Edge {
  using Item = Single<T>;
  using Place = std::int64_t;

  Pointers<T, Inputs> at;
  std::int64_t elements;
  std::int64_t head;  // elements before the packs
  std::int64_t body;  // elements in packs

  __host__ __device__ std::int64_t items() const { return elements - body; }
  __device__ Place locate(std::int64_t item) const { return item < head ? item : item + body; }
  __device__ void load(Place place, Item (&x)[Inputs]) const {
#pragma unroll
    for (int k = 0; k < Inputs; ++k) x[k].element = at.in[k][place];
  }
  __device__ void store(Place place, const Item& y) const { at.out[place] = y.element; }
};

/// One run of neighbours, all operands misaligned alike: packs from the first 16-byte boundary on, and an Edge.
template <class T, int Inputs>
struct Dense {
  using Item = Pack<T>;
  using Place = std::int64_t;

  Edge<T, Inputs> edge;

  static constexpr int in_flight = packs_in_flight(code_architecture, Inputs);
  static int in_flight_on(int architecture) { return packs_in_flight(architecture, Inputs); }
  __host__ __device__ std::int64_t items() const { return edge.body / Item::lanes; }
  __device__ Place locate(std::int64_t item) const { return edge.head + item * Item::lanes; }
  __device__ void load(Place place, Item (&x)[Inputs]) const {
#pragma unroll
    for (int k = 0; k < Inputs; ++k) x[k] = Item::load(edge.at.in[k] + place);
  }
  __device__ void store(Place place, const Item& y) const { y.store(edge.at.out + place); }
};

/// Any layout, element by element.
template <class T, int Inputs>
struct Strided {
  using Item = Single<T>;
  struct Place {
    std::int64_t in[Inputs];
    std::int64_t out;
  };

  Pointers<T, Inputs> at;
  Layout layout;

  static constexpr int in_flight = strided_in_flight;
  static int in_flight_on(int) { return strided_in_flight; }
  __host__ __device__ std::int64_t items() const { return layout.elements; }

  __device__ Place locate(std::int64_t item) const {
    Place place{};
    for (int axis = layout.rank - 1; axis >= 0; --axis) {
      const Layout::Axis& a = layout.axes[axis];
      const std::int64_t outer = axis == 0 ? 0 : quotient(item, a.extent);
      const std::int64_t coordinate = item - outer * a.extent;
#pragma unroll
      for (int k = 0; k < Inputs; ++k) place.in[k] += coordinate * a.in_stride[k];
      place.out += coordinate * a.out_stride;
      item = outer;
    }
    return place;
  }
  __device__ void load(const Place& place, Item (&x)[Inputs]) const {
#pragma unroll
    for (int k = 0; k < Inputs; ++k) x[k].element = at.in[k][place.in[k]];
  }
  __device__ void store(const Place& place, const Item& y) const { at.out[place.out] = y.element; }

 private:
  /// A 64-bit division costs four times one of 32 bits; the branch is the same for all threads of all but the largest calls.
  __device__ static std::int64_t quotient(std::int64_t item, std::int64_t extent) {
    const bool narrow = ((item | extent) >> 32) == 0;
    return narrow ? static_cast<std::uint32_t>(item) / static_cast<std::uint32_t>(extent) : item / extent;
  }
};

template <class T, int Inputs>
Pointers<T, Inputs> pointers(const Elementwise& call) {
  Pointers<T, Inputs> at{};
  for (int k = 0; k < Inputs; ++k) at.in[k] = static_cast<const T*>(call.in[k]);
  at.out = static_cast<T*>(call.out);
  return at;
}

/// True where packs can serve the call: one run of neighbours, and every operand equally far from a 16-byte boundary.
template <class T, int Inputs>
bool packs_serve(const Elementwise& call) {
  const auto offset = [](const void* p) { return reinterpret_cast<std::uintptr_t>(p) % sizeof(Words); };
  bool alike = call.layout.dense;
  for (int k = 0; k < Inputs; ++k) alike = alike && offset(call.in[k]) == offset(call.out);
  return alike;
}

template <class T, int Inputs>
Dense<T, Inputs> dense(const Elementwise& call) {
  constexpr std::int64_t lanes = Pack<T>::lanes;
  const auto misaligned = static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(call.out) % sizeof(Words) / sizeof(T));
  const std::int64_t head = std::min((lanes - misaligned) % lanes, call.layout.elements);
  const std::int64_t body = (call.layout.elements - head) / lanes * lanes;
  return {{pointers<T, Inputs>(call), call.layout.elements, head, body}};
}

template <class T, int Inputs>
Strided<T, Inputs> strided(const Elementwise& call) {
  return {pointers<T, Inputs>(call), call.layout};
}

}  // namespace rectify::detail
