// The contracts of ops.hpp, one require_ for each line of them; tests/validate_test.cpp has a case for each.
#include "validate.hpp"

#include "layout.hpp"

#include <rectify/detail/dispatch.hpp>

#include <cstdio>
#include <iterator>
#include <limits>
#include <string>

namespace rectify::detail {
namespace {

struct Named {
  const char* name;
  const ConstTensorView& view;
};

[[noreturn]] void refuse(const Named& operand, const std::string& expected, const std::string& got) {
  throw InvalidArgument(std::string(operand.name) + ": expected " + expected + ", got " + got);
}

std::string text(const Dims& dims) {
  std::string all = "[";
  for (int axis = 0; axis < dims.rank(); ++axis) all += (axis > 0 ? ", " : "") + std::to_string(dims[axis]);
  return all + "]";
}

std::string text(DType dtype) {
  constexpr const char* names[] = {"f16", "bf16", "f32", "f64", "u1", "u2"};
  const auto code = static_cast<unsigned>(dtype);
  return code < std::size(names) ? names[code] : "dtype " + std::to_string(code);
}

std::string text(Device device) { return device.kind == Device::Kind::cpu ? "cpu" : "cuda:" + std::to_string(device.index); }

std::string text(const void* address) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "%p", address);
  return buffer;
}

bool is_number(DType dtype) {
  return dtype == DType::f16 || dtype == DType::bf16 || dtype == DType::f32 || dtype == DType::f64;
}

void require_absent(const Named& operand) {
  if (operand.view.present())
    throw Unsupported(std::string(operand.name) + ": expected no such operand, which this version cannot serve, got one");
}

void require_present(const Named& operand) {
  if (!operand.view.present()) refuse(operand, "a tensor", "none");
}

/// Distance in elements from the first element to the last; -1 where it overflows.
std::int64_t last_offset(const ConstTensorView& view) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    std::int64_t reach;
    if (__builtin_mul_overflow(view.shape()[axis] - 1, view.strides()[axis], &reach)) return -1;
    if (__builtin_add_overflow(offset, reach, &offset)) return -1;
  }
  return offset;
}

/// Bytes that the view spans, from its first element to the end of its last; checked by require_tensor before.
std::uintptr_t span_bytes(const ConstTensorView& view) {
  return static_cast<std::uintptr_t>(last_offset(view) + 1) * static_cast<unsigned>(bits_per_element(view.dtype()) / 8);
}

void require_memory(const Named& operand, std::int64_t elements) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const int bytes = bits_per_element(operand.view.dtype()) / 8;
  if (elements > most / bytes) refuse(operand, "at most 2^63 - 1 bytes", "shape " + text(operand.view.shape()));
  const auto address = reinterpret_cast<std::uintptr_t>(operand.view.data());
  const std::int64_t last = last_offset(operand.view);
  if (last < 0 || last >= most / bytes) {
    refuse(operand, "a span of at most 2^63 - 1 bytes",
           "shape " + text(operand.view.shape()) + " over strides " + text(operand.view.strides()));
  }
  if (address == 0) refuse(operand, "data", "null with shape " + text(operand.view.shape()));
  if (address % static_cast<unsigned>(bytes) != 0)
    refuse(operand, "data aligned to " + std::to_string(bytes) + " bytes", text(operand.view.data()));
  if (address + span_bytes(operand.view) < address)
    refuse(operand, "a span within the address space", text(operand.view.data()));
}

void require_tensor(const Named& operand) {
  require_present(operand);
  const ConstTensorView& view = operand.view;
  if (!is_number(view.dtype())) refuse(operand, "dtype f16, bf16, f32 or f64", text(view.dtype()));
  if (view.device().kind != Device::Kind::cpu && view.device().kind != Device::Kind::cuda)
    refuse(operand, "a device of a known kind", "another");
  if (view.device().index < 0) refuse(operand, "a device index from 0 up", text(view.device()));
  const std::int64_t elements = require_elements(operand.name, view.shape());
  for (int axis = 0; axis < view.strides().rank(); ++axis) {
    if (view.strides()[axis] < 0)
      throw Unsupported(std::string(operand.name) + ": expected strides from 0 up, got " + text(view.strides()));
  }
  if (elements > 0) require_memory(operand, elements);
}

/// There is one cpu, whatever its index.
bool same_device(Device a, Device b) { return a.kind == b.kind && (a.kind == Device::Kind::cpu || a.index == b.index); }

void require_like(const Named& operand, const Named& model) {
  const auto as_model = std::string(" as ") + model.name;
  if (operand.view.dtype() != model.view.dtype())
    refuse(operand, "dtype " + text(model.view.dtype()) + as_model, text(operand.view.dtype()));
  if (operand.view.shape() != model.view.shape())
    refuse(operand, "shape " + text(model.view.shape()) + as_model, text(operand.view.shape()));
  if (!same_device(operand.view.device(), model.view.device()))
    refuse(operand, "device " + text(model.view.device()) + as_model, text(operand.view.device()));
}

bool overlap(const ConstTensorView& a, const ConstTensorView& b) {
  const auto begin_a = reinterpret_cast<std::uintptr_t>(a.data()), begin_b = reinterpret_cast<std::uintptr_t>(b.data());
  return begin_a < begin_b + span_bytes(b) && begin_b < begin_a + span_bytes(a);
}

/// Equal data and strides; the shapes are equal already. The stride of an extent of 1 is never walked, so it may differ.
bool same(const ConstTensorView& a, const ConstTensorView& b) {
  bool equal = a.data() == b.data();
  for (int axis = 0; axis < a.shape().rank(); ++axis)
    equal = equal && (a.shape()[axis] == 1 || a.strides()[axis] == b.strides()[axis]);
  return equal;
}

void require_apart(const Named& out, const Named& in) {
  if (overlap(out.view, in.view)) refuse(out, std::string("no byte in common with ") + in.name, "an overlap");
}

void require_apart_or_same(const Named& out, const Named& in) {
  if (!same(out.view, in.view) && overlap(out.view, in.view)) {
    refuse(out, std::string("no byte in common with ") + in.name + ", or the same view", "a partial overlap");
  }
}

void require_nested(const Named& out) {
  if (!nests(out.view)) {
    refuse(out, "an output that does not overlap itself",
           "shape " + text(out.view.shape()) + " over strides " + text(out.view.strides()));
  }
}

/// The parameters that the kernels will see are valid too. (Their values are rounded again where they are used.)
template <class C>
void require_parameters(const Relu& relu) {
  rounded<C>(relu);
}

void require_parameters(const Relu& relu, DType dtype) {
  with_float_type(dtype, [&](auto t) { require_parameters<Compute<typename decltype(t)::type>>(relu); });
}

/// y tells the region only where below and linear differ in sign and a stored max_value is still max_value.
template <class T>
void require_readable_regions(const Relu& relu) {
  using C = Compute<T>;
  const Rectifier<C> f = rounded<C>(relu);
  if (!(f.alpha >= 0)) refuse_parameter("alpha", "a number from 0 up, as the source is y", relu.alpha);
  if (!(f.threshold >= 0)) refuse_parameter("threshold", "a number from 0 up, as the source is y", relu.threshold);
  if (!(f.max_value > 0)) refuse_parameter("max_value", "a number above 0, as the source is y", relu.max_value);
  if (static_cast<C>(T(f.max_value)) != f.max_value)
    refuse_parameter("max_value", "a number exact in y's dtype, as the source is y", relu.max_value);
}

void require_unfused(const Forward& operands) {
  for (const Named& operand :
       {Named{"scale", operands.scale}, Named{"bias", operands.bias}, Named{"residual", operands.residual},
        Named{"alpha", operands.alpha}, Named{"threshold", operands.threshold}, Named{"max_value", operands.max_value},
        Named{"mask", operands.mask}}) {
    require_absent(operand);
  }
}

void require_unfused(const Backward& operands) {
  for (const Named& operand :
       {Named{"scale", operands.scale}, Named{"bias", operands.bias}, Named{"residual", operands.residual},
        Named{"alpha", operands.alpha}, Named{"threshold", operands.threshold}, Named{"max_value", operands.max_value},
        Named{"mask", operands.mask}, Named{"dresidual", operands.dresidual}}) {
    require_absent(operand);
  }
}

/// Exactly one of x, y, mask.
void require_one_source(const Backward& operands) {
  std::string got;
  int count = 0;
  for (const Named& source : {Named{"x", operands.x}, Named{"y", operands.y}, Named{"mask", operands.mask}}) {
    if (source.view.present()) got += (count++ > 0 ? " and " : "") + std::string(source.name);
  }
  if (count != 1) throw InvalidArgument("source: expected exactly one of x, y, mask, got " + (count == 0 ? "none" : got));
}

bool is_empty(const Shape& shape) {
  bool empty = false;
  for (int axis = 0; axis < shape.rank(); ++axis) empty = empty || shape[axis] == 0;
  return empty;
}

/// For operands with at least one element; without one, Elementwise{} is the plan: nothing to do.
Elementwise plan(const Relu& relu, const TensorView& out, const ConstTensorView* const* in, int inputs) {
  Elementwise call;
  call.relu = relu;
  call.dtype = out.dtype();
  call.out = out.data();
  for (int k = 0; k < inputs; ++k) call.in[k] = in[k]->data();
  call.layout = make_layout(out, in, inputs);
  return call;
}

}  // namespace

std::int64_t require_elements(const char* name, const Shape& shape) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] < 0) throw InvalidArgument(std::string(name) + ": expected extents from 0 up, got " + text(shape));
  }
  if (is_empty(shape)) return 0;
  std::int64_t elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (__builtin_mul_overflow(elements, shape[axis], &elements)) {
      throw InvalidArgument(std::string(name) + ": expected at most 2^63 - 1 elements, got shape " + text(shape));
    }
  }
  return elements;
}

void require_no_sums(const Backward& operands) {
  for (const Named& sum : {Named{"dscale", operands.dscale}, Named{"dbias", operands.dbias}, Named{"dalpha", operands.dalpha},
                           Named{"dthreshold", operands.dthreshold}, Named{"dmax_value", operands.dmax_value}}) {
    require_absent(sum);
  }
}

Elementwise plan_forward(const Relu& relu, const Forward& operands) {
  require_unfused(operands);
  const Named x{"x", operands.x}, y{"y", operands.y};
  require_tensor(x);
  require_tensor(y);
  require_like(y, x);
  require_parameters(relu, x.view.dtype());
  if (is_empty(y.view.shape())) return {};
  require_nested(y);
  require_apart_or_same(y, x);
  const ConstTensorView* in[] = {&x.view};
  return plan(relu, operands.y, in, 1);
}

Elementwise plan_backward(const Relu& relu, const Backward& operands) {
  require_one_source(operands);
  require_unfused(operands);
  require_no_sums(operands);
  const bool from_y = operands.y.present();
  const Named dy{"dy", operands.dy}, source{from_y ? "y" : "x", from_y ? operands.y : operands.x}, dx{"dx", operands.dx};
  for (const Named& operand : {dy, source, dx}) require_tensor(operand);
  require_like(dy, source);
  require_like(dx, source);
  require_parameters(relu, dx.view.dtype());
  if (from_y) with_float_type(dx.view.dtype(), [&](auto t) { require_readable_regions<typename decltype(t)::type>(relu); });
  if (is_empty(dx.view.shape())) return {};
  require_nested(dx);
  require_apart_or_same(dx, dy);
  if (from_y) {
    require_apart(dx, source);
  } else {
    require_apart_or_same(dx, source);
  }
  const ConstTensorView* in[] = {&dy.view, &source.view};
  return plan(relu, operands.dx, in, 2);
}

}  // namespace rectify::detail
