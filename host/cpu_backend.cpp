// The CPU backend's table. Its loops are compiled a storage type at a time: cpu_f16.cpp, cpu_bf16.cpp, cpu_f32.cpp, cpu_f64.cpp.
#include "cpu_backend.hpp"

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

}  // namespace

const Backend& cpu_backend() {
  static constexpr Backend backend{forward, backward, [] { return true; }, [](int) { return "success"; }};
  return backend;
}

}  // namespace rectify::detail
