// The contracts of ops.hpp, verb by verb, and the plan of a call that keeps them. The single checks are in require.cpp;
// tests/validate_test.cpp has a case for each.
#include "validate.hpp"

#include "layout.hpp"
#include "require.hpp"

#include <rectify/detail/dispatch.hpp>

#include <string>

namespace rectify::detail {
namespace {

/// The operands of one element or one per channel, which both verbs have.
struct Parameters {
  Named scale, bias, alpha, threshold, max_value;
  int channel_axis;

  template <class Operands>
  explicit Parameters(const Operands& all)
      : scale{"scale", all.scale},
        bias{"bias", all.bias},
        alpha{"alpha", all.alpha},
        threshold{"threshold", all.threshold},
        max_value{"max_value", all.max_value},
        channel_axis(all.channel_axis) {}

  template <class F>
  void for_each(F&& f) const {
    for (const Named* each : {&scale, &bias, &alpha, &threshold, &max_value}) f(*each);
  }
};

void require_parameters(const Parameters& parameters, const Named& model) {
  parameters.for_each([&](const Named& each) { require_parameter(each, model, parameters.channel_axis); });
}

/// The numbers are valid as given and after rounding. (Their values are rounded again where they are used.)
template <class C>
void require_numbers(const Relu& relu) {
  rounded<C>(relu);
}

void require_numbers(const Relu& relu, DType dtype) {
  with_float_type(dtype, [&](auto t) { require_numbers<Compute<typename decltype(t)::type>>(relu); });
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

/// Exactly one of x, y, mask.
void require_one_source(const Backward& operands) {
  std::string got;
  int count = 0;
  for (const Named& source : {Named{"x", operands.x}, Named{"y", operands.y}, Named{"mask", operands.mask}}) {
    if (source.view.present()) got += (count++ > 0 ? " and " : "") + std::string(source.name);
  }
  if (count != 1) throw InvalidArgument("source: expected exactly one of x, y, mask, got " + (count == 0 ? "none" : got));
}

/// Operands that a source other than x makes no use of.
void require_used(const Backward& operands) {
  const Parameters parameters(operands);
  const Named residual{"residual", operands.residual};
  if (operands.y.present()) {
    parameters.for_each([](const Named& each) { require_absent(each, "the source is y"); });
    require_absent(residual, "the source is y");
  } else if (operands.mask.present()) {
    require_absent(parameters.bias, "the source is a mask");
    require_absent(residual, "the source is a mask");
  }
}

void require_wide_enough(const Named& mask, const Relu& relu, DType dtype, const Parameters& parameters) {
  if (mask.view.dtype() == DType::u1 && needs_two_bits(relu, dtype, parameters.alpha.view, parameters.max_value.view))
    refuse(mask, "dtype u2, as there is a cap and alpha is not the number 0", "u1");
}

/// Every output apart from every other operand. `may_share` says which input an output may be the same view as.
template <class MayShare>
void require_separate(std::initializer_list<Named> outputs, std::initializer_list<Named> inputs, const MayShare& may_share) {
  for (auto out = outputs.begin(); out != outputs.end(); ++out) {
    if (!out->view.present()) continue;
    require_nested(*out);
    for (const Named& in : inputs) {
      if (in.view.present() && !is_empty(in.view.shape()))
        require_apart(*out, in, may_share(out->view, in.view) ? Sharing::same_view : Sharing::none);
    }
    for (auto other = out + 1; other != outputs.end(); ++other) {
      if (other->view.present()) require_apart(*out, *other, Sharing::none);
    }
  }
}

Parameter planned(const Named& operand, DType dtype) {
  const ConstTensorView& view = operand.view;
  Parameter parameter;
  if (!view.present()) return parameter;
  parameter.data = view.data();
  parameter.in_compute_type = view.dtype() != dtype;
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    if (view.shape()[axis] != 1) parameter.stride = view.strides()[axis];
  }
  return parameter;
}

const ConstTensorView* or_null(const ConstTensorView& view) { return view.present() ? &view : nullptr; }

/// For calls with at least one element. `tensors` has all of them in place.
Elementwise plan(const Relu& relu, const Tensors& tensors, Slot lead, const Parameters& parameters) {
  const auto data = [&](Slot slot) { return tensors[slot] != nullptr ? tensors[slot]->data() : nullptr; };
  // Outputs are TensorViews, made from writable data; a mask that is read is never written.
  const auto writable = [&](Slot slot) { return const_cast<void*>(data(slot)); };
  const ConstTensorView& model = tensors[slot_x] != nullptr ? *tensors[slot_x] : *tensors[slot_dy];
  Elementwise call;
  call.relu = relu;
  call.dtype = model.dtype();
  call.x = data(slot_x);
  call.dy = data(slot_dy);
  call.residual = data(slot_residual);
  call.out = writable(slot_out);
  call.dresidual = writable(slot_dresidual);
  call.mask = writable(slot_mask);
  call.mask_bits = tensors[slot_mask] != nullptr ? bits_per_element(tensors[slot_mask]->dtype()) : 0;
  bool per_channel = false;
  parameters.for_each([&](const Named& each) { per_channel = per_channel || is_per_channel(each.view); });
  call.layout = make_layout(tensors, lead, per_channel ? require_axis(parameters.channel_axis, model.shape()) : no_channels);
  call.scale = planned(parameters.scale, call.dtype);
  call.bias = planned(parameters.bias, call.dtype);
  call.alpha = planned(parameters.alpha, call.dtype);
  call.threshold = planned(parameters.threshold, call.dtype);
  call.max_value = planned(parameters.max_value, call.dtype);
  return call;
}

}  // namespace

bool needs_two_bits(const Relu& relu, DType dtype, const ConstTensorView& alpha, const ConstTensorView& max_value) {
  return with_float_type(dtype, [&](auto t) {
    const auto f = rounded<Compute<typename decltype(t)::type>>(relu);
    const bool capped = max_value.present() || f.max_value < Relu{}.max_value;
    const bool zero_below = !alpha.present() && f.alpha == 0;
    return capped && !zero_below;
  });
}

void require_no_sums(const Backward& operands) {
  for (const Named& sum : {Named{"dscale", operands.dscale}, Named{"dbias", operands.dbias}, Named{"dalpha", operands.dalpha},
                           Named{"dthreshold", operands.dthreshold}, Named{"dmax_value", operands.dmax_value}}) {
    require_not_asked_for(sum);
  }
}

Elementwise plan_forward(const Relu& relu, const Forward& operands) {
  const Named x{"x", operands.x}, residual{"residual", operands.residual}, y{"y", operands.y}, mask{"mask", operands.mask};
  const Parameters parameters(operands);
  require_tensor(x);
  if (!y.view.present() && !mask.view.present()) throw InvalidArgument("y, mask: expected a tensor in one of them, got none");
  for (const Named& each : {y, residual}) {
    if (!each.view.present()) continue;
    require_tensor(each);
    require_like(each, x);
  }
  require_parameters(parameters, x);
  require_numbers(relu, x.view.dtype());
  if (mask.view.present()) {
    require_mask(mask, x);
    require_wide_enough(mask, relu, x.view.dtype(), parameters);
  }
  if (is_empty(x.view.shape())) return {};
  require_separate(
      {y, mask}, {x, residual, parameters.scale, parameters.bias, parameters.alpha, parameters.threshold, parameters.max_value},
      [&](const ConstTensorView& out, const ConstTensorView& in) {
        return &out == &y.view && (&in == &x.view || &in == &residual.view);
      });
  Tensors tensors = {};
  tensors[slot_x] = &x.view;
  tensors[slot_residual] = or_null(residual.view);
  tensors[slot_out] = or_null(y.view);
  tensors[slot_mask] = or_null(mask.view);
  // Whole bytes of a mask are written at once, so its order is the one to walk in.
  return plan(relu, tensors, mask.view.present() ? slot_mask : slot_out, parameters);
}

Elementwise plan_backward(const Relu& relu, const Backward& operands) {
  require_one_source(operands);
  require_used(operands);
  require_no_sums(operands);
  const bool from_y = operands.y.present(), from_mask = operands.mask.present();
  const Named dy{"dy", operands.dy}, mask{"mask", operands.mask}, residual{"residual", operands.residual},
      dx{"dx", operands.dx}, dresidual{"dresidual", operands.dresidual},
      source{from_y ? "y" : "x", from_y ? operands.y : operands.x};
  const Named& model = from_mask ? dy : source;
  const Parameters parameters(operands);
  if (!dx.view.present() && !dresidual.view.present())
    throw InvalidArgument("dx, dresidual: expected a tensor in one of the outputs, got none");
  require_tensor(dy);
  for (const Named& each : {source, residual, dx, dresidual}) {
    if (each.view.present()) require_tensor(each);
  }
  for (const Named& each : {dy, residual, dx, dresidual}) {
    if (each.view.present()) require_like(each, model);
  }
  require_parameters(parameters, model);
  const DType dtype = model.view.dtype();
  require_numbers(relu, dtype);
  if (from_y) with_float_type(dtype, [&](auto t) { require_readable_regions<typename decltype(t)::type>(relu); });
  if (from_mask) {
    require_mask(mask, model);
    require_wide_enough(mask, relu, dtype, parameters);
  }
  if (is_empty(model.view.shape())) return {};
  require_separate({dx, dresidual},
                   {dy, source, mask, residual, parameters.scale, parameters.bias, parameters.alpha, parameters.threshold,
                    parameters.max_value},
                   [&](const ConstTensorView& out, const ConstTensorView& in) {
                     return &in == &dy.view || (&out == &dx.view && &in == &source.view && !from_y);
                   });
  Tensors tensors = {};
  tensors[slot_dy] = &dy.view;
  tensors[slot_x] = or_null(source.view);
  tensors[slot_mask] = or_null(mask.view);
  tensors[slot_residual] = or_null(residual.view);
  tensors[slot_out] = or_null(dx.view);
  tensors[slot_dresidual] = or_null(dresidual.view);
  return plan(relu, tensors, dx.view.present() ? slot_out : slot_dresidual, parameters);
}

}  // namespace rectify::detail
