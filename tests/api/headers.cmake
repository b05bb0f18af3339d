# Each public header compiles alone, first and twice, as C++17 in a .cpp and, with nvcc, in a .cu.
file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/rectify/*.hpp
  ${PROJECT_SOURCE_DIR}/include/rectify/*.h)
if(NOT RECTIFY_DLPACK)
  list(REMOVE_ITEM headers rectify/dlpack.hpp)  # which includes dlpack.h
endif()
foreach(header IN LISTS headers)
  string(MAKE_C_IDENTIFIER ${header} stem)
  file(CONFIGURE OUTPUT headers/${stem}.cpp CONTENT "#include <${header}>\n#include <${header}>\n")
  list(APPEND header_sources ${CMAKE_CURRENT_BINARY_DIR}/headers/${stem}.cpp)
  if(RECTIFY_WITH_CUDA)
    file(CONFIGURE OUTPUT headers/${stem}.cu CONTENT "#include <${header}>\n#include <${header}>\n")
    list(APPEND header_sources ${CMAKE_CURRENT_BINARY_DIR}/headers/${stem}.cu)
  endif()
endforeach()
add_library(rectify_header_tests OBJECT ${header_sources})
target_link_libraries(rectify_header_tests PRIVATE rectify_headers rectify_flags)
if(RECTIFY_DLPACK)
  target_include_directories(rectify_header_tests PRIVATE ${RECTIFY_DLPACK})
endif()

# Calls with designated initializers of C++20 compile without warnings.
file(CONFIGURE OUTPUT headers/designated.cpp CONTENT [=[
#include <rectify/rectify.hpp>
void call(rectify::ConstTensorView x, rectify::ConstTensorView dy, rectify::TensorView out) {
  rectify::forward(rectify::relu(), {.x = x, .y = out});
  rectify::forward(rectify::relu(), {.x = x, .bias = dy, .y = out, .mask = out, .channel_axis = -1});
  rectify::backward(rectify::relu(), {.dy = dy, .x = x, .dx = out});
}
]=] @ONLY)
add_library(rectify_designated_test OBJECT ${CMAKE_CURRENT_BINARY_DIR}/headers/designated.cpp)
set_target_properties(rectify_designated_test PROPERTIES CXX_STANDARD 20)
target_compile_options(rectify_designated_test PRIVATE -Wall -Wextra -Wmissing-field-initializers -Werror)
target_link_libraries(rectify_designated_test PRIVATE rectify_headers)

# The C ABI in a program without exceptions: its functions are noexcept.
file(CONFIGURE OUTPUT headers/no_exceptions.cpp CONTENT [=[
#include <rectify/rectify.h>
static_assert(noexcept(rectify_forward(nullptr, nullptr, nullptr)) && noexcept(rectify_backward(nullptr, nullptr, nullptr)));
static_assert(noexcept(rectify_workspace_bytes(nullptr, nullptr, nullptr)) && noexcept(rectify_last_error()));
rectify_status call(const rectify_tensor& x, const rectify_tensor& y) {
  rectify_forward_operands operands{};
  operands.struct_size = sizeof operands;
  operands.x = x;
  operands.y = y;
  const rectify_relu relu = RECTIFY_RELU_INIT;
  return rectify_forward(&relu, &operands, nullptr);
}
]=] @ONLY)
add_library(rectify_no_exceptions_test OBJECT ${CMAKE_CURRENT_BINARY_DIR}/headers/no_exceptions.cpp)
target_compile_options(rectify_no_exceptions_test PRIVATE -fno-exceptions -fno-rtti -Wall -Wextra -Wpedantic -Werror)
target_link_libraries(rectify_no_exceptions_test PRIVATE rectify_headers)

# The headers in a program with more warnings than rectify itself enables.
file(CONFIGURE OUTPUT headers/warnings.cpp CONTENT [=[
#include <rectify/rectify.hpp>
template float rectify::value(const Relu&, float);
template double rectify::slope(const Relu&, double);
template struct rectify::ReluForward<float>;
template struct rectify::ReluBackward<double>;
]=] @ONLY)
add_library(rectify_warnings_test OBJECT ${CMAKE_CURRENT_BINARY_DIR}/headers/warnings.cpp)
target_compile_options(rectify_warnings_test PRIVATE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Wfloat-equal -Wdouble-promotion -Wundef -Wswitch-enum $<$<CXX_COMPILER_ID:GNU>:-Wuseless-cast>
  $<$<CXX_COMPILER_ID:Clang,AppleClang>:-Wweak-vtables> -Werror)
target_link_libraries(rectify_warnings_test PRIVATE rectify_headers)

# The headers after macros of X11, Windows, complex.h and terminal libraries, and in a file without exceptions.
file(CONFIGURE OUTPUT headers/macros.cpp CONTENT [=[
#include <algorithm>
#include <clocale>
#include <cmath>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#define Bool int
#define True 1
#define False 0
#define None 0L
#define Always 2
#define Status int
#define Success 0
#define Complex 0
#define min(a, b) ((a) < (b) ? (a) : (b))
#define max(a, b) ((a) > (b) ? (a) : (b))
#define near
#define far
#define small char
#define interface struct
#define ERROR 0
#define I _Complex_I
#define OK 0
#define ERR -1
#define emit
#define slots
#define signals public
#define foreach for
#define major(x) x
#define minor(x) x
#define linux 1
#define unix 1
#include <rectify/rectify.h>
#include <rectify/rectify.hpp>
#if __has_include(<dlpack/dlpack.h>)
#include <rectify/dlpack.hpp>
#endif
template struct rectify::ReluForward<float>;
template struct rectify::ReluBackward<double>;
]=] @ONLY)
file(CONFIGURE OUTPUT headers/function_without_exceptions.cpp CONTENT [=[
#include <rectify/rectify.hpp>
#if __has_include(<dlpack/dlpack.h>)
#include <rectify/dlpack.hpp>
#endif
float leaky(float x) {
  const rectify::Relu f = rectify::leaky_relu(0.1);
  const rectify::ReluBackward<float> backward(f);
  float y = rectify::ReluForward<float>(f)(x) + 0 * (backward(x, x) + rectify::value(f, x) + rectify::slope(f, x));
#if __has_include(<dlpack/dlpack.h>)
  float number = 0;
  DLTensor tensor{};
  tensor.data = &number;
  tensor.device = {kDLCPU, 0};
  tensor.dtype = {kDLFloat, 32, 1};
  if (!rectify::view_of(tensor).present()) y = 0;
#endif
  return y;
}
]=] @ONLY)
target_sources(rectify_warnings_test PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/headers/macros.cpp)
target_sources(rectify_no_exceptions_test PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/headers/function_without_exceptions.cpp)
