// rectify as an activation functor of a CUTLASS epilogue (cutlass/epilogue/thread/activation.h). It calls rectify::ReluForward.
#pragma once

#include <rectify/relu.hpp>

#include <cutlass/array.h>
#include <cutlass/cutlass.h>

namespace examples {

/// The ActivationFunctor for an epilogue D = value(alpha * accumulator + beta * C). T is the type in which the epilogue
/// computes. With float, D has the same bits as rectify::forward of the same linear combination.
template <class T>
struct EpilogueRelu {
  static const bool kIsHeavy = false;

  /// To be filled in on the host: arguments.f = rectify::ReluForward<T>(relu). That throws InvalidArgument for parameters that
  /// are not valid.
  struct Arguments {
    rectify::ReluForward<T> f;
  };

  CUTLASS_HOST_DEVICE T operator()(const T& value, const Arguments& arguments = Arguments()) const {
    return arguments.f(value);
  }
};

template <class T, int N>
struct EpilogueRelu<cutlass::Array<T, N>> {
  static const bool kIsHeavy = false;
  using Arguments = typename EpilogueRelu<T>::Arguments;

  CUTLASS_HOST_DEVICE cutlass::Array<T, N> operator()(const cutlass::Array<T, N>& values,
                                                      const Arguments& arguments = Arguments()) const {
    cutlass::Array<T, N> results;
    CUTLASS_PRAGMA_UNROLL
    for (int i = 0; i < N; ++i) results[i] = arguments.f(values[i]);
    return results;
  }
};

}  // namespace examples
