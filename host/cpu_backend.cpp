// The CPU backend's table. Its loops are compiled a storage type at a time: cpu_f16.cpp, cpu_bf16.cpp, cpu_f32.cpp, cpu_f64.cpp.
#include "cpu_backend.hpp"
#include "cpu_sum_tiles.hpp"

#include <rectify/detail/dispatch.hpp>

namespace rectify::detail {
namespace {

int forward(const Elementwise& call, int, Stream) {
  with_float_type(call.dtype, [&](auto t) { cpu_forward<typename decltype(t)::type>(call); });
  return 0;
}

int backward(const Elementwise& call, int, Stream) {
  with_float_type(call.dtype, [&](auto t) { cpu_backward<typename decltype(t)::type>(call); });
  return 0;
}

SumGrain sum_grain(DType dtype) {
  return with_float_type(dtype, [](auto t) { return cpu_sum_grain<Compute<typename decltype(t)::type>>; });
}

}  // namespace

const Backend& cpu_backend() {
  static constexpr Backend backend{forward, backward, sum_grain, [] { return true; }, [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
