// From a DType to a type: the one switch over it.
#pragma once

#include "core/half.hpp"
#include <rectify/tensor_view.hpp>

#include <utility>

namespace rectify::detail {

template <class T>
struct Type {
  using type = T;
};

/// f(Type<T>{}) with T the storage type of a floating-point dtype. Validation has turned the masks away before.
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
