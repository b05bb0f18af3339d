// Slow on purpose where slow is plain.
#include "reference.hpp"

#include "formats.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

namespace rectify::reference {
namespace {

/// The three numbers, in the compute type.
template <class C>
struct Numbers {
  C alpha, threshold, max_value;
};

template <class C>
Numbers<C> in_compute_type(const Relu& relu) {
  // Half a step past the largest float is where rounding to nearest begins to overflow; a cap that does is none.
  const double overflow = std::is_same_v<C, double> ? std::numeric_limits<double>::infinity() : 0x1.ffffffp127;
  const C max_value = relu.max_value >= overflow ? std::numeric_limits<C>::infinity() : static_cast<C>(relu.max_value);
  return {static_cast<C>(relu.alpha), static_cast<C>(relu.threshold), max_value};
}

/// The codes of a mask of two bits; in one bit, linear is 1 and the others are 0.
enum Piece : unsigned { below = 0, linear = 1, saturated = 2 };

/// V is C for the reference proper and long double for the exact value of the same numbers.
template <class V, class C>
Piece piece_at(const Numbers<C>& p, V z) {
  if (!(z > p.threshold)) return below;
  if (p.max_value < std::numeric_limits<C>::infinity() && z >= p.max_value) return saturated;
  return linear;
}

template <class V, class C>
V value_at(const Numbers<C>& p, V z) {
  if (std::isnan(z)) return std::numeric_limits<V>::quiet_NaN();
  const Piece at = piece_at(p, z);
  if (at == saturated) return p.max_value;
  if (at == linear) return z;
  if (p.alpha == 0) return 0;
  const V distance = z - p.threshold;
  return p.alpha * distance;
}

template <class V, class C>
V gradient_at(const Numbers<C>& p, V dy, Piece at) {
  if (at == saturated) return 0;
  if (at == linear) return dy;
  if (p.alpha == 0) return 0;
  return p.alpha * dy;
}

/// An element of the common shape, by its index along each axis.
struct Index {
  std::int64_t at[max_rank] = {};
};

std::int64_t offset(const ConstTensorView& view, const Index& index) {
  std::int64_t sum = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) sum += index.at[axis] * view.strides()[axis];
  return sum;
}

std::int64_t address_of(const ConstTensorView& view, const Index& index) {
  return offset(view, index) * (bits_per_element(view.dtype()) / 8);
}

template <class C>
C read(const ConstTensorView& view, const Index& index) {
  return static_cast<C>(load(view.dtype(), static_cast<const char*>(view.data()) + address_of(view, index)));
}

template <class C>
void write(const TensorView& view, const Index& index, C v) {
  if (view.present()) store(view.dtype(), static_cast<char*>(view.data()) + address_of(view, index), static_cast<double>(v));
}

/// What both verbs have: the parameters of the element at `index`, tensors before numbers.
template <class C, class Operands>
class Parameters {
 public:
  Parameters(const Relu& relu, const Operands& operands, const Shape& shape)
      : numbers_(in_compute_type<C>(relu)), operands_(operands) {
    const int axis = operands.channel_axis + (operands.channel_axis < 0 ? shape.rank() : 0);
    if (axis >= 0 && axis < shape.rank()) axis_ = axis;
  }

  Numbers<C> numbers(const Index& index) const {
    Numbers<C> p = numbers_;
    if (operands_.alpha.present()) p.alpha = of(operands_.alpha, index);
    if (operands_.threshold.present()) p.threshold = of(operands_.threshold, index);
    if (operands_.max_value.present()) p.max_value = of(operands_.max_value, index);
    return p;
  }

  /// The input of the rectifier. An absent operand performs no operation.
  C z(const Index& index) const {
    C z = read<C>(operands_.x, index);
    const bool scaled = operands_.scale.present(), biased = operands_.bias.present();
    if (scaled && biased) {
      z = std::fma(z, of(operands_.scale, index), of(operands_.bias, index));
    } else if (scaled) {
      z = z * of(operands_.scale, index);
    } else if (biased) {
      z = z + of(operands_.bias, index);
    }
    if (operands_.residual.present()) z = z + read<C>(operands_.residual, index);
    return z;
  }

  /// The element of a parameter tensor: its only one, or that of the channel.
  C of(const ConstTensorView& tensor, const Index& index) const {
    Index channel;
    for (int axis = 0; axis < tensor.shape().rank(); ++axis) channel.at[axis] = tensor.shape()[axis] == 1 ? 0 : index.at[axis_];
    return read<C>(tensor, channel);
  }

 private:
  Numbers<C> numbers_;
  const Operands& operands_;
  int axis_ = 0;
};

/// The bits of an element in its mask. Not for several threads: elements share bytes.
unsigned read_bits(const ConstTensorView& mask, const Index& index) {
  const int width = bits_per_element(mask.dtype());
  const std::int64_t bit = offset(mask, index) * width;
  return static_cast<const unsigned char*>(mask.data())[bit / 8] >> (bit % 8) & ((1u << width) - 1);
}

void write_bits(const TensorView& mask, const Index& index, Piece at) {
  if (!mask.present()) return;
  const int width = bits_per_element(mask.dtype());
  const std::int64_t bit = offset(mask, index) * width;
  const unsigned bits = width == 2 ? static_cast<unsigned>(at) : at == linear ? 1u : 0u;
  static_cast<unsigned char*>(mask.data())[bit / 8] |= static_cast<unsigned char>(bits << (bit % 8));
}

Index index_of(const Shape& shape, std::int64_t element) {
  Index index;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    index.at[axis] = element % shape[axis];
    element /= shape[axis];
  }
  return index;
}

void advance(const Shape& shape, Index& index) {
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    if (++index.at[axis] < shape[axis]) return;
    index.at[axis] = 0;
  }
}

std::int64_t count(const Shape& shape) {
  std::int64_t elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) elements *= shape[axis];
  return elements;
}

/// f(index) for every element, on all threads where `shared` and there are many.
template <class F>
void for_each_element(const Shape& shape, bool shared, const F& f) {
  constexpr std::int64_t block = 1024;
  const std::int64_t elements = count(shape);
#pragma omp parallel for if (shared && elements > 10 * block)
  for (std::int64_t first = 0; first < elements; first += block) {
    Index index = index_of(shape, first);
    for (std::int64_t i = first; i < std::min(first + block, elements); ++i, advance(shape, index)) f(index);
  }
}

template <class C>
void forward_in(const Relu& relu, const Forward& operands) {
  const Parameters<C, Forward> parameters(relu, operands, operands.x.shape());
  for_each_element(operands.x.shape(), !operands.mask.present(), [&](const Index& index) {
    const Numbers<C> p = parameters.numbers(index);
    const C z = parameters.z(index);
    write(operands.y, index, value_at(p, z) * static_cast<C>(operands.gain));
    write_bits(operands.mask, index, piece_at(p, z));
  });
}

template <class C>
Piece piece_of_source(const Backward& operands, const Parameters<C, Backward>& parameters, const Numbers<C>& p,
                      const Index& index) {
  if (operands.x.present()) return piece_at(p, parameters.z(index));
  if (operands.mask.present()) return static_cast<Piece>(read_bits(operands.mask, index));
  const C y = read<C>(operands.y, index);
  if (!(y > 0)) return below;
  if (std::isinf(p.max_value)) return linear;
  double cap;  // as forward stored it
  store(operands.y.dtype(), &cap, p.max_value * static_cast<C>(operands.gain));
  return y == static_cast<C>(load(operands.y.dtype(), &cap)) ? saturated : linear;
}

/// What arrives at value(z).
template <class C>
C dvalue_at(const Backward& operands, const Index& index) {
  return read<C>(operands.dy, index) * static_cast<C>(operands.gain);
}

const TensorView& output_of(const Backward& operands, SumName name) {
  switch (name) {
    case SumName::dscale: return operands.dscale;
    case SumName::dbias: return operands.dbias;
    case SumName::dalpha: return operands.dalpha;
    case SumName::dthreshold: return operands.dthreshold;
    case SumName::dmax_value: break;
  }
  return operands.dmax_value;
}

/// What an element adds to a sum: each operation rounds to C, but for the product of dscale, which is added by fma. A slope of 0 is
/// selected, so -alpha g is 0 where alpha is.
template <class C>
long double term_of(SumName name, const Backward& operands, const Parameters<C, Backward>& parameters, const Index& index) {
  const Numbers<C> p = parameters.numbers(index);
  const Piece at = piece_of_source(operands, parameters, p, index);
  const C g = dvalue_at<C>(operands, index);
  switch (name) {
    case SumName::dscale: return static_cast<long double>(gradient_at(p, g, at)) * read<C>(operands.x, index);
    case SumName::dbias: return gradient_at(p, g, at);
    case SumName::dalpha: {
      if (at != below) return 0;
      const C distance = parameters.z(index) - p.threshold;
      return g * distance;
    }
    case SumName::dthreshold: return at == below ? -gradient_at(p, g, at) : 0;
    case SumName::dmax_value: break;
  }
  return at == saturated ? g : 0;
}

template <class C>
std::vector<ExactSum> exact_sums_in(const Relu& relu, const Backward& operands, SumName name) {
  const TensorView& out = output_of(operands, name);
  const Shape& shape = operands.dy.shape();
  const Parameters<C, Backward> parameters(relu, operands, shape);
  std::vector<ExactSum> sums(static_cast<std::size_t>(count(out.shape())));
  const int axis = operands.channel_axis + (operands.channel_axis < 0 ? shape.rank() : 0);
  for_each_element(shape, false, [&](const Index& index) {
    ExactSum& sum = sums[sums.size() == 1 ? 0 : static_cast<std::size_t>(index.at[axis])];
    const long double term = term_of<C>(name, operands, parameters, index);
    sum.sum += term;
    sum.magnitude += std::fabs(term);
    ++sum.terms;
  });
  return sums;
}

void write_sums(const Relu& relu, const Backward& operands) {
  for (SumName name : {SumName::dscale, SumName::dbias, SumName::dalpha, SumName::dthreshold, SumName::dmax_value}) {
    const TensorView& out = output_of(operands, name);
    if (!out.present()) continue;
    const std::vector<ExactSum> sums = exact_sums(relu, operands, name);
    std::int64_t stride = 0;
    for (int i = 0; i < out.shape().rank(); ++i) stride = out.shape()[i] != 1 ? out.strides()[i] : stride;
    const int bytes = bits_per_element(out.dtype()) / 8;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      char* const at = static_cast<char*>(out.data()) + static_cast<std::int64_t>(i) * stride * bytes;
      const long double old = operands.accumulate ? load(out.dtype(), at) : 0;
      store(out.dtype(), at, static_cast<double>(old + sums[i].sum));
    }
  }
}

template <class C>
void backward_in(const Relu& relu, const Backward& operands) {
  const Parameters<C, Backward> parameters(relu, operands, operands.dy.shape());
  for_each_element(operands.dy.shape(), true, [&](const Index& index) {
    const Numbers<C> p = parameters.numbers(index);
    const C dz = gradient_at(p, dvalue_at<C>(operands, index), piece_of_source(operands, parameters, p, index));
    write(operands.dx, index, operands.scale.present() ? dz * parameters.of(operands.scale, index) : dz);
    write(operands.dresidual, index, dz);
  });
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
  // Decoded once each: tests load millions.
  static const std::vector<double> of_f16 = every(f16), of_bf16 = every(bf16);
  return (dtype == DType::f16 ? of_f16 : of_bf16)[read<std::uint16_t>(address)];
}

void store(DType dtype, void* address, double v) {
  if (dtype == DType::f64) return write(address, v);
  if (dtype == DType::f32) return write(address, static_cast<float>(v));
  write(address, encode(dtype == DType::f16 ? f16 : bf16, static_cast<float>(v)));
}

void forward(const Relu& relu, const Forward& operands) {
  if (operands.mask.present()) {  // also the bits past the last element are 0
    const std::int64_t bits = count(operands.mask.shape()) * bits_per_element(operands.mask.dtype());
    std::fill_n(static_cast<unsigned char*>(operands.mask.data()), (bits + 7) / 8, static_cast<unsigned char>(0));
  }
  operands.x.dtype() == DType::f64 ? forward_in<double>(relu, operands) : forward_in<float>(relu, operands);
}

void backward(const Relu& relu, const Backward& operands) {
  write_sums(relu, operands);  // first, as dx may be written over dy or x
  operands.dy.dtype() == DType::f64 ? backward_in<double>(relu, operands) : backward_in<float>(relu, operands);
}

std::vector<ExactSum> exact_sums(const Relu& relu, const Backward& operands, SumName name) {
  return operands.dy.dtype() == DType::f64 ? exact_sums_in<double>(relu, operands, name)
                                           : exact_sums_in<float>(relu, operands, name);
}

void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y) {
  Forward operands;
  operands.x = x;
  operands.y = y;
  reference::forward(relu, operands);
}

void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx) {
  Backward operands;
  operands.dy = dy;
  operands.x = x;
  operands.dx = dx;
  reference::backward(relu, operands);
}

long double exact_value(const Relu& relu, DType dtype, long double x) {
  return dtype == DType::f64 ? value_at(in_compute_type<double>(relu), x) : value_at(in_compute_type<float>(relu), x);
}

long double exact_gradient(const Relu& relu, DType dtype, long double dy, long double x) {
  const auto exact = [&](const auto& p) { return gradient_at(p, dy, piece_at(p, x)); };
  return dtype == DType::f64 ? exact(in_compute_type<double>(relu)) : exact(in_compute_type<float>(relu));
}

}  // namespace rectify::reference
