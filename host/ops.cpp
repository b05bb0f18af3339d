// The public functions of rectify/ops.hpp. forward and backward validate a call (plan_forward and plan_backward in
// validate.cpp), choose the backend by the device of the tensors, and run the call through the backend's table
// (core/backend.hpp): cpu/backend.cpp or cuda/backend.cu.
#include <rectify/ops.hpp>

#include "float_environment.hpp"
#include "require.hpp"
#include "validate.hpp"

#include "core/backend.hpp"
#include "core/sum_plan.hpp"

#include <string>

namespace rectify {
namespace {

const detail::Backend& backend_of(const char* operand, Device device) {
  if (device.kind == Device::Kind::cpu) return detail::cpu_backend();
  if (const detail::Backend* cuda = detail::cuda_backend()) return *cuda;
  throw Unsupported(std::string(operand) +
                    ": expected a tensor on the cpu, as this build has no CUDA, got cuda:" + std::to_string(device.index));
}

void require_success(int code, const detail::Backend& backend, const char* function, Device device) {
  if (code == 0) return;
  throw CudaError(code, std::string(function) + " on cuda:" + std::to_string(device.index) + ": expected success, got " +
                            backend.error_name(code) + " (" + std::to_string(code) + ")");
}

}  // namespace

void forward(const Relu& relu, const Forward& operands, Stream stream) {
  const detail::DefaultFloatEnvironment environment;
  const detail::Elementwise call = detail::plan_forward(relu, operands);
  const Device device = operands.x.device();
  const detail::Backend& backend = backend_of("x", device);
  if (call.layout.elements > 0) require_success(backend.forward(call, device.index, stream), backend, "forward", device);
}

void forward(const Relu& relu, const ConstTensorView& x, const TensorView& y, Stream stream) {
  Forward operands;
  operands.x = x;
  operands.y = y;
  forward(relu, operands, stream);
}

void backward(const Relu& relu, const Backward& operands, Stream stream) {
  const detail::DefaultFloatEnvironment environment;
  const detail::Elementwise call = detail::plan_backward(relu, operands);
  const Device device = operands.dy.device();
  const detail::Backend& backend = backend_of("dy", device);
  if (call.has_sums()) detail::require_workspace(operands, sum_workspace_bytes(call, backend.sum_grain(call.dtype)));
  if (call.layout.elements > 0 || call.has_sums())
    require_success(backend.backward(call, device.index, stream), backend, "backward", device);
}

void backward(const Relu& relu, const ConstTensorView& dy, const ConstTensorView& x, const TensorView& dx, Stream stream) {
  Backward operands;
  operands.dy = dy;
  operands.x = x;
  operands.dx = dx;
  backward(relu, operands, stream);
}

std::size_t workspace_bytes(const Relu& relu, const Backward& operands) {
  const detail::DefaultFloatEnvironment environment;
  const detail::Elementwise call = detail::plan_backward_sizes(relu, operands);
  const detail::Backend& backend = backend_of("dy", operands.dy.device());
  return call.has_sums() ? sum_workspace_bytes(call, backend.sum_grain(call.dtype)) : 0;
}

DType mask_dtype(const Relu& relu, const Forward& operands) {
  const detail::DefaultFloatEnvironment environment;
  detail::require_number({"x", operands.x});
  return detail::needs_two_bits(relu, operands.x.dtype(), operands.alpha, operands.max_value) ? DType::u2 : DType::u1;
}

std::size_t mask_bytes(DType dtype, const Shape& shape) {
  detail::require_mask_dtype("mask", dtype);
  const auto per_byte = 8 / bits_per_element(dtype);
  const std::int64_t elements = detail::require_elements("mask", shape);
  return static_cast<std::size_t>(elements / per_byte + (elements % per_byte != 0));
}

bool cuda_available() noexcept {
  const detail::Backend* cuda = detail::cuda_backend();
  return cuda != nullptr && cuda->available();
}

}  // namespace rectify
