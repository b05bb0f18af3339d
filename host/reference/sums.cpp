// The sums of the reference's backward: dscale, dbias, dalpha, dthreshold and dmax_value.
#include "elements.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

namespace rectify::reference {
namespace {

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

/// What an element adds to a sum. Each operation rounds to C, except for the product of dscale, which the backends add by fma.
/// A slope of 0 is selected and not multiplied by, so the term of dthreshold, -alpha * g, is 0 if alpha is 0.
template <class C>
long double term_of(SumName name, const Backward& operands, const SharedOperands<C, Backward>& shared, const Index& index) {
  const Parameters<C> p = shared.parameters(index);
  const Piece piece = piece_of_source(operands, shared, p, index);
  const C g = value_gradient<C>(operands, index);
  switch (name) {
    case SumName::dscale: return static_cast<long double>(gradient_of(p, g, piece)) * read_element<C>(operands.x, index);
    case SumName::dbias: return gradient_of(p, g, piece);
    case SumName::dalpha: {
      if (piece != below) return 0;
      const C distance = shared.z(index) - p.threshold;
      return g * distance;
    }
    case SumName::dthreshold: return piece == below ? -gradient_of(p, g, piece) : 0;
    case SumName::dmax_value: break;
  }
  return piece == saturated ? g : 0;
}

template <class C>
std::vector<ExactSum> exact_sums_in(const Relu& relu, const Backward& operands, SumName name) {
  const TensorView& out = output_of(operands, name);
  const Shape& shape = operands.dy.shape();
  const SharedOperands<C, Backward> shared(relu, operands, shape);
  std::vector<ExactSum> sums(static_cast<std::size_t>(element_count(out.shape())));
  const int axis = channel_axis_of(operands.channel_axis, shape);
  for_each_element(shape, false, [&](const Index& index) {
    ExactSum& sum = sums[sums.size() == 1 ? 0 : static_cast<std::size_t>(index[axis])];
    const long double term = term_of<C>(name, operands, shared, index);
    sum.sum += term;
    sum.magnitude += std::fabs(term);
    ++sum.terms;
  });
  return sums;
}

}  // namespace

std::vector<ExactSum> exact_sums(const Relu& relu, const Backward& operands, SumName name) {
  return operands.dy.dtype() == DType::f64 ? exact_sums_in<double>(relu, operands, name)
                                           : exact_sums_in<float>(relu, operands, name);
}

void write_sums(const Relu& relu, const Backward& operands) {
  for (SumName name : {SumName::dscale, SumName::dbias, SumName::dalpha, SumName::dthreshold, SumName::dmax_value}) {
    const TensorView& out = output_of(operands, name);
    if (!out.present()) continue;
    const std::vector<ExactSum> sums = exact_sums(relu, operands, name);
    std::int64_t stride = 0;
    for (int axis = 0; axis < out.shape().rank(); ++axis) stride = out.shape()[axis] != 1 ? out.strides()[axis] : stride;
    const int bytes = bits_per_element(out.dtype()) / 8;
    for (std::size_t i = 0; i < sums.size(); ++i) {
      char* const element = static_cast<char*>(out.data()) + static_cast<std::int64_t>(i) * stride * bytes;
      const long double old = operands.accumulate ? load(out.dtype(), element) : 0;
      store(out.dtype(), element, static_cast<double>(old + sums[i].sum));
    }
  }
}

}  // namespace rectify::reference
