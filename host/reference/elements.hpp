// Internal to the reference: the formula for one element, and how an element and its parameters are found in the operands.
// elementwise.cpp and sums.cpp use it. Slow on purpose wherever slow code is plainer.
#pragma once

#include "reference.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <type_traits>

namespace rectify::reference {

/// The three parameters of the rectifier, in the compute type.
template <class C>
struct Parameters {
  C alpha, threshold, max_value;
};

template <class C>
Parameters<C> in_compute_type(const Relu& relu) {
  // From half a step above the largest float on, rounding to nearest gives infinity; such a cap is no cap.
  const double overflow = std::is_same_v<C, double> ? std::numeric_limits<double>::infinity() : 0x1.ffffffp127;
  const C max_value = relu.max_value >= overflow ? std::numeric_limits<C>::infinity() : static_cast<C>(relu.max_value);
  return {static_cast<C>(relu.alpha), static_cast<C>(relu.threshold), max_value};
}

/// The values are the codes of a mask of two bits. In a mask of one bit, linear is 1 and the others are 0.
enum Piece : unsigned { below = 0, linear = 1, saturated = 2 };

/// V is C for the reference itself, and long double for the exact value with the same parameters.
template <class V, class C>
Piece piece_of(const Parameters<C>& p, V z) {
  if (!(z > p.threshold)) return below;
  if (p.max_value < std::numeric_limits<C>::infinity() && z >= p.max_value) return saturated;
  return linear;
}

template <class V, class C>
V value_of(const Parameters<C>& p, V z) {
  if (std::isnan(z)) return std::numeric_limits<V>::quiet_NaN();
  const Piece piece = piece_of(p, z);
  if (piece == saturated) return p.max_value;
  if (piece == linear) return z;
  if (p.alpha == 0) return 0;
  const V distance = z - p.threshold;
  return p.alpha * distance;
}

template <class V, class C>
V gradient_of(const Parameters<C>& p, V dy, Piece piece) {
  if (piece == saturated) return 0;
  if (piece == linear) return dy;
  if (p.alpha == 0) return 0;
  return p.alpha * dy;
}

/// An element of the common shape, by its index along each axis.
using Index = std::array<std::int64_t, max_rank>;

inline std::int64_t element_offset(const ConstTensorView& view, const Index& index) {
  std::int64_t sum = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) sum += index[axis] * view.strides()[axis];
  return sum;
}

inline std::int64_t byte_offset(const ConstTensorView& view, const Index& index) {
  return element_offset(view, index) * (bits_per_element(view.dtype()) / 8);
}

template <class C>
C read_element(const ConstTensorView& view, const Index& index) {
  return static_cast<C>(load(view.dtype(), static_cast<const char*>(view.data()) + byte_offset(view, index)));
}

/// The channel axis as an index from 0; 0 if the shape does not have that axis.
inline int channel_axis_of(int channel_axis, const Shape& shape) {
  const int axis = channel_axis + (channel_axis < 0 ? shape.rank() : 0);
  return axis >= 0 && axis < shape.rank() ? axis : 0;
}

/// The operands that forward and backward have in common. A parameter is that of the tensor if there is one, else that of Relu.
template <class C, class Operands>
class SharedOperands {
 public:
  SharedOperands(const Relu& relu, const Operands& operands, const Shape& shape)
      : scalars_(in_compute_type<C>(relu)), operands_(operands), axis_(channel_axis_of(operands.channel_axis, shape)) {}

  Parameters<C> parameters(const Index& index) const {
    Parameters<C> p = scalars_;
    if (operands_.alpha.present()) p.alpha = channel_value(operands_.alpha, index);
    if (operands_.threshold.present()) p.threshold = channel_value(operands_.threshold, index);
    if (operands_.max_value.present()) p.max_value = channel_value(operands_.max_value, index);
    return p;
  }

  /// The input of the rectifier. For an absent operand no operation is performed.
  C z(const Index& index) const {
    C z = read_element<C>(operands_.x, index);
    const bool scaled = operands_.scale.present(), biased = operands_.bias.present();
    if (scaled && biased) {
      z = std::fma(z, channel_value(operands_.scale, index), channel_value(operands_.bias, index));
    } else if (scaled) {
      z = z * channel_value(operands_.scale, index);
    } else if (biased) {
      z = z + channel_value(operands_.bias, index);
    }
    if (operands_.residual.present()) z = z + read_element<C>(operands_.residual, index);
    return z;
  }

  /// The value of a parameter tensor for an element: its only one, or that of the element's channel.
  C channel_value(const ConstTensorView& tensor, const Index& index) const {
    Index channel{};
    for (int axis = 0; axis < tensor.shape().rank(); ++axis) channel[axis] = tensor.shape()[axis] == 1 ? 0 : index[axis_];
    return read_element<C>(tensor, channel);
  }

 private:
  Parameters<C> scalars_;
  const Operands& operands_;
  int axis_;
};

/// The bits of an element in its mask.
inline unsigned read_bits(const ConstTensorView& mask, const Index& index) {
  const int width = bits_per_element(mask.dtype());
  const std::int64_t bit = element_offset(mask, index) * width;
  return static_cast<const unsigned char*>(mask.data())[bit / 8] >> (bit % 8) & ((1u << width) - 1);
}

/// The piece of an element, by the source that the backward has: x, the mask or y.
template <class C>
Piece piece_of_source(const Backward& operands, const SharedOperands<C, Backward>& shared, const Parameters<C>& p,
                      const Index& index) {
  if (operands.x.present()) return piece_of(p, shared.z(index));
  if (operands.mask.present()) return static_cast<Piece>(read_bits(operands.mask, index));
  const C y = read_element<C>(operands.y, index);
  if (!(y > 0)) return below;
  if (std::isinf(p.max_value)) return linear;
  double cap;  // as forward stored it
  store(operands.y.dtype(), &cap, p.max_value * static_cast<C>(operands.gain));
  return y == static_cast<C>(load(operands.y.dtype(), &cap)) ? saturated : linear;
}

/// The gradient of value(z), of which y is the product with the gain.
template <class C>
C value_gradient(const Backward& operands, const Index& index) {
  return read_element<C>(operands.dy, index) * static_cast<C>(operands.gain);
}

inline std::int64_t element_count(const Shape& shape) {
  std::int64_t elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) elements *= shape[axis];
  return elements;
}

inline Index index_of(const Shape& shape, std::int64_t element) {
  Index index{};
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

inline void advance(const Shape& shape, Index& index) {
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (++index[axis] < shape[axis]) return;
    index[axis] = 0;
  }
}

/// f(index) for every element. On all threads if `is_parallel` and there are many elements; then f must not write what two
/// elements share.
template <class F>
void for_each_element(const Shape& shape, bool is_parallel, const F& f) {
  constexpr std::int64_t block = 1024;
  const std::int64_t elements = element_count(shape);
#pragma omp parallel for if (is_parallel && elements > 10 * block)
  for (std::int64_t first = 0; first < elements; first += block) {
    Index index = index_of(shape, first);
    for (std::int64_t i = first; i < std::min(first + block, elements); ++i, advance(shape, index)) f(index);
  }
}

/// Writes every sum that is requested (sums.cpp).
void write_sums(const Relu& relu, const Backward& operands);

}  // namespace rectify::reference
