// C structs into the C++ ones. All throw an error that names the field, what was expected and what came; whether the operands
// serve a verb is for validate.hpp.
#pragma once

#include "require.hpp"

#include <rectify/ops.hpp>
#include <rectify/rectify.h>

#include <cstdint>

namespace rectify::detail {

Relu relu_of(const rectify_relu* relu);
Forward forward_of(const rectify_forward_operands* operands);
Backward backward_of(const rectify_backward_operands* operands);

/// `owner`: whose dtype it is.
DType dtype_of(const char* owner, std::int32_t dtype);
Shape mask_shape_of(const std::int64_t* shape, std::int32_t rank);

template <class T>
T& require_pointer(const char* name, T* pointer) {
  if (pointer == nullptr) reject(name, "a pointer", "null");
  return *pointer;
}

}  // namespace rectify::detail
