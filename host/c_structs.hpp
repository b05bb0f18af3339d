// Conversion of C structs into C++ ones. Each function throws an error that names the field, the expected value and the actual
// one, if a C++ caller could not have written the value. Whether a call is valid is checked later, by validate.cpp.
#pragma once

#include "require.hpp"

#include <rectify/ops.hpp>
#include <rectify/rectify.h>

#include <cstdint>

namespace rectify::detail {

Relu relu_of(const rectify_relu* relu);
Forward forward_of(const rectify_forward_operands* operands);
Backward backward_of(const rectify_backward_operands* operands);

/// `owner` is the name of the operand in errors.
DType dtype_of(const char* owner, std::int32_t dtype);
Shape mask_shape_of(const std::int64_t* shape, std::int32_t rank);

template <class T>
T& require_pointer(const char* name, T* pointer) {
  if (pointer == nullptr) reject(name, "a pointer", "null");
  return *pointer;
}

}  // namespace rectify::detail
