// Slow on purpose where slow is plain. Every number is found by the definition of its format, not by bit tricks.
#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace rectify::reference {
namespace {

/// A binary format of 16 bits: sign, exponent, `fraction` bits of fraction; `smallest` is the exponent of the smallest normal.
struct Half {
  int fraction, smallest;
  std::uint16_t infinity;
};
constexpr Half f16{10, -14, 0x7c00};
constexpr Half bf16{7, -126, 0x7f80};

double decode(Half format, std::uint16_t bits) {
  const int magnitude = bits & 0x7fff, exponent = magnitude >> format.fraction,
            fraction = magnitude & ((1 << format.fraction) - 1);
  double v;
  if (magnitude > format.infinity) return std::numeric_limits<double>::quiet_NaN();
  if (magnitude == format.infinity) {
    v = std::numeric_limits<double>::infinity();
  } else if (exponent == 0) {
    v = std::ldexp(fraction, format.smallest - format.fraction);
  } else {
    v = std::ldexp(fraction + (1 << format.fraction), exponent - 1 + format.smallest - format.fraction);
  }
  return bits & 0x8000 ? -v : v;
}

std::uint16_t encode(Half format, float v) {
  const int sign = std::signbit(v) ? 0x8000 : 0;
  if (std::isnan(v)) return static_cast<std::uint16_t>(format.infinity + 1);
  if (std::isinf(v)) return static_cast<std::uint16_t>(sign | format.infinity);
  const double magnitude = std::fabs(static_cast<double>(v));
  const int exponent = magnitude == 0 ? format.smallest : std::max(std::ilogb(magnitude), format.smallest);
  const double steps = std::nearbyint(std::ldexp(magnitude, format.fraction - exponent));  // to even, and exact before
  // A carry into the next exponent is the next number; past the largest, that is infinity.
  const double bits = steps + std::ldexp(exponent - format.smallest, format.fraction);
  return static_cast<std::uint16_t>(sign | static_cast<int>(std::fmin(bits, format.infinity)));
}

/// Parameters in the compute type.
template <class C>
struct Parameters {
  C alpha, threshold, max_value;
};

template <class C>
Parameters<C> in_compute_type(const Relu& relu) {
  const bool no_cap = relu.max_value > static_cast<double>(std::numeric_limits<C>::max());
  return {static_cast<C>(relu.alpha), static_cast<C>(relu.threshold),
          no_cap ? std::numeric_limits<C>::infinity() : static_cast<C>(relu.max_value)};
}

/// V is C for the reference proper and long double for the exact value of the same parameters.
template <class V, class C>
V value_at(const Parameters<C>& p, V x) {
  if (std::isnan(x)) return std::numeric_limits<V>::quiet_NaN();
  if (!(x > p.threshold)) {
    if (p.alpha == 0) return 0;
    const V distance = x - p.threshold;
    return p.alpha * distance;
  }
  if (!std::isinf(p.max_value) && x >= p.max_value) return p.max_value;
  return x;
}

template <class V, class C>
V gradient_at(const Parameters<C>& p, V dy, V x) {
  if (!(x > p.threshold)) {
    if (p.alpha == 0) return 0;
    return p.alpha * dy;
  }
  if (!std::isinf(p.max_value) && x >= p.max_value) return 0;
  return dy;
}

std::int64_t count(const Shape& shape) {
  std::int64_t elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) elements *= shape[axis];
  return elements;
}

const char* element(const ConstTensorView& view, std::int64_t index) {
  std::int64_t offset = 0;
  for (int axis = view.shape().rank() - 1; axis >= 0; --axis) {
    offset += index % view.shape()[axis] * view.strides()[axis];
    index /= view.shape()[axis];
  }
  return static_cast<const char*>(view.data()) + offset * (bits_per_element(view.dtype()) / 8);
}

char* element(const TensorView& view, std::int64_t index) {
  return const_cast<char*>(element(static_cast<const ConstTensorView&>(view), index));
}

template <class C>
void forward_in(const Relu& relu, const ConstTensorView& x, const TensorView& y) {
  const Parameters<C> p = in_compute_type<C>(relu);
#pragma omp parallel for if (count(x.shape()) > 10000)
  for (std::int64_t i = 0; i < count(x.shape()); ++i)
    store(y.dtype(), element(y, i), value_at(p, static_cast<C>(load(x.dtype(), element(x, i)))));
}

template <class C>
void backward_in(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx) {
  const Parameters<C> p = in_compute_type<C>(relu);
#pragma omp parallel for if (count(x.shape()) > 10000)
  for (std::int64_t i = 0; i < count(x.shape()); ++i) {
    const C upstream = static_cast<C>(load(dy.dtype(), element(dy, i))), at = static_cast<C>(load(x.dtype(), element(x, i)));
    store(dx.dtype(), element(dx, i), gradient_at(p, upstream, at));
  }
}

template <class T>
T read(const void* address) {
  T v;
  std::memcpy(&v, address, sizeof v);
  return v;
}

template <class T>
void write(void* address, T v) {
  std::memcpy(address, &v, sizeof v);
}

}  // namespace

double load(DType dtype, const void* address) {
  if (dtype == DType::f64) return read<double>(address);
  if (dtype == DType::f32) return static_cast<double>(read<float>(address));
  return decode(dtype == DType::f16 ? f16 : bf16, read<std::uint16_t>(address));
}

void store(DType dtype, void* address, double v) {
  if (dtype == DType::f64) return write(address, v);
  if (dtype == DType::f32) return write(address, static_cast<float>(v));
  write(address, encode(dtype == DType::f16 ? f16 : bf16, static_cast<float>(v)));
}

void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y) {
  x.dtype() == DType::f64 ? forward_in<double>(relu, x, y) : forward_in<float>(relu, x, y);
}

void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx) {
  x.dtype() == DType::f64 ? backward_in<double>(relu, dy, x, dx) : backward_in<float>(relu, dy, x, dx);
}

long double exact_value(const Relu& relu, DType dtype, long double x) {
  return dtype == DType::f64 ? value_at(in_compute_type<double>(relu), x) : value_at(in_compute_type<float>(relu), x);
}

long double exact_gradient(const Relu& relu, DType dtype, long double dy, long double x) {
  return dtype == DType::f64 ? gradient_at(in_compute_type<double>(relu), dy, x)
                             : gradient_at(in_compute_type<float>(relu), dy, x);
}

}  // namespace rectify::reference
