// The reference: the formula in the comment of relu.hpp, as plain scalar loops on the CPU. It shares no arithmetic with the
// backends, not even a conversion, so a mistake in one shows against the other. Tests and benchmarks call it; it is not part of
// the library.
#pragma once

#include <cstdint>
#include <vector>

#include <rectify/ops.hpp>

namespace rectify::reference {

/// Computes every output that is requested, by the contracts of ops.hpp. Each operation rounds to the compute type and the
/// store rounds once more. For an absent operand no operation is performed. Views are on the CPU, with any strides. Arguments
/// are not checked; an input may share memory with an output only as the same view.
void forward(const Relu& relu, const Forward& operands);
void backward(const Relu& relu, const Backward& operands);

/// y = value(x), dx = dy * slope(x).
void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y);
void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx);

/// The value of the element at `address`; exact in every dtype.
double load(DType dtype, const void* address);
/// Stores v, rounded to nearest even in dtype. For f16 and bf16, v is rounded to float first, as the kernels do.
void store(DType dtype, void* address, double v);

/// The function with its parameters rounded for dtype, but without rounding of results. The reference's error is measured
/// against it.
long double exact_value(const Relu& relu, DType dtype, long double x);
long double exact_gradient(const Relu& relu, DType dtype, long double dy, long double x);

/// A sum of backward before it is rounded: terms are computed in the compute type, and added in long double.
struct ExactSum {
  long double sum = 0, magnitude = 0;  ///< sums of the terms, and of their absolute values
  std::int64_t terms = 0;              ///< number of elements in the channel, or in the tensor
};

enum class SumName { dscale, dbias, dalpha, dthreshold, dmax_value };

/// One ExactSum for each element of the output `name` of `operands`, which must be present.
std::vector<ExactSum> exact_sums(const Relu& relu, const Backward& operands, SumName name);

}  // namespace rectify::reference
