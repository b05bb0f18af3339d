// The CPU reference: the formula of relu.hpp's comment as naive scalar loops. It shares no arithmetic with the backends, not
// even a conversion, so a slip in one shows against the other. For tests and benchmarks; not part of the library.
#pragma once

#include <cstdint>
#include <vector>

#include <rectify/ops.hpp>

namespace rectify::reference {

/// Every elementwise output that is requested, by the contracts of ops.hpp: each operation rounded to the compute type, the
/// store once more; an absent operand performs no operation. CPU views of any strides; arguments are taken as valid, and inputs
/// may lie where outputs do only as the same view.
void forward(const Relu& relu, const Forward& operands);
void backward(const Relu& relu, const Backward& operands);

/// y = value(x), dx = dy * slope(x).
void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y);
void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx);

/// The element at `address` as a number, exact in every dtype.
double load(DType dtype, const void* address);
/// v rounded to nearest even in dtype. For f16 and bf16, v is rounded to float first, as the kernels do.
void store(DType dtype, void* address, double v);

/// The function of the parameters as rounded for dtype, without any rounding after: what the reference's error is measured
/// against.
long double exact_value(const Relu& relu, DType dtype, long double x);
long double exact_gradient(const Relu& relu, DType dtype, long double dy, long double x);

/// A sum of backward before it is rounded: its terms are as computed in the compute type, their sum is all but exact.
struct ExactSum {
  long double sum = 0, magnitude = 0;  ///< of the terms, and of their absolute values
  std::int64_t terms = 0;              ///< elements of the channel, or of all
};

enum class SumName { dscale, dbias, dalpha, dthreshold, dmax_value };

/// One for each element of that output of `operands`, which is present.
std::vector<ExactSum> exact_sums(const Relu& relu, const Backward& operands, SumName name);

}  // namespace rectify::reference
