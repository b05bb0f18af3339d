// Turns a DType, known at run time, into the storage type that code is compiled for. The only switch over DType in both
// backends.
#pragma once

#include "core/half.hpp"
#include <rectify/tensor_view.hpp>

#include <utility>

namespace rectify::detail {

template <class T>
struct Type {
  using type = T;
};

/// Returns f(Type<T>{}), where T is the storage type of `dtype`. Throws InvalidArgument for a mask type, which validation
/// rejects earlier.
template <class F>
decltype(auto) with_float_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f16: return std::forward<F>(f)(Type<f16>{});
    case DType::bf16: return std::forward<F>(f)(Type<bf16>{});
    case DType::f32: return std::forward<F>(f)(Type<float>{});
    case DType::f64: return std::forward<F>(f)(Type<double>{});
    case DType::u1:
    case DType::u2: break;
  }
  throw InvalidArgument("dtype: expected f16, bf16, f32 or f64, got a mask type");
}

}  // namespace rectify::detail
