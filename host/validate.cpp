// The contracts of ops.hpp, verb by verb, and the plan of a call that keeps them. The single checks are in require.cpp;
// tests/validate_*_test.cpp have a case for each.
#include "validate.hpp"

#include "layout.hpp"
#include "require.hpp"

#include "core/dispatch.hpp"

#include <string>

namespace rectify::detail {
namespace {

/// The operands of one element or one per channel, which both verbs have.
struct Parameters {
  Named scale, bias, alpha, threshold, max_value;
  int channel_axis;

  template <class Operands>
  explicit Parameters(const Operands& all, bool sizes_only = false)
      : scale{"scale", all.scale, sizes_only},
        bias{"bias", all.bias, sizes_only},
        alpha{"alpha", all.alpha, sizes_only},
        threshold{"threshold", all.threshold, sizes_only},
        max_value{"max_value", all.max_value, sizes_only},
        channel_axis(all.channel_axis) {}

  template <class F>
  void for_each(F&& f) const {
    for (const Named* each : {&scale, &bias, &alpha, &threshold, &max_value}) f(*each);
  }
};

/// The outputs of backward that are sums, in the order of SumKind.
struct Sums {
  Named all[sum_kinds];

  Sums(const Backward& operands, bool sizes_only)
      : all{{"dscale", operands.dscale, sizes_only},
            {"dbias", operands.dbias, sizes_only},
            {"dalpha", operands.dalpha, sizes_only},
            {"dthreshold", operands.dthreshold, sizes_only},
            {"dmax_value", operands.dmax_value, sizes_only}} {}

  const Named& operator[](SumKind slot) const { return all[slot]; }
  bool any() const {
    bool found = false;
    for (const Named& each : all) found = found || each.view.present();
    return found;
  }
};

void require_parameters(const Parameters& parameters, const Named& model) {
  parameters.for_each([&](const Named& each) { require_parameter(each, model, parameters.channel_axis); });
}

/// The numbers are valid as given and after rounding. (Their values are rounded again where they are used.)
template <class C>
void require_numbers(const Relu& relu, double gain) {
  rounded<C>(relu);
  if (!is_finite(gain) || gain == 0) reject_parameter("gain", "a finite number other than 0", gain);
  const C in_c = round_to<C>(gain);
  if (!is_finite(in_c) || in_c == 0) reject_parameter("gain", "a number within the range of float", gain);
}

void require_numbers(const Relu& relu, double gain, DType dtype) {
  with_float_type(dtype, [&](auto t) { require_numbers<Compute<typename decltype(t)::type>>(relu, gain); });
}

/// The function whose regions at y are those of `relu` at z: y is above 0 where z is above the threshold, and the product of max_value
/// and gain where z reached max_value. So the backward from x serves, and there is no second kernel. y tells the region only where below
/// and linear differ in sign, and the stored cap is one.
template <class T>
Relu read_off_y(const Relu& relu, double gain) {
  using C = Compute<T>;
  const Rectifier<C> f = rounded<C>(relu);
  if (!(f.alpha >= 0)) reject_parameter("alpha", "a number from 0 up, as the source is y", relu.alpha);
  if (!(f.threshold >= 0)) reject_parameter("threshold", "a number from 0 up, as the source is y", relu.threshold);
  if (!(gain > 0)) reject_parameter("gain", "a number above 0, as the source is y", gain);
  if (!(f.max_value > 0)) reject_parameter("max_value", "a number above 0, as the source is y", relu.max_value);
  if (static_cast<C>(T(f.max_value)) != f.max_value)
    reject_parameter("max_value", "a number exact in y's dtype, as the source is y", relu.max_value);
  const C cap = static_cast<C>(T(f.max_value * round_to<C>(gain)));
  if (f.max_value < no_cap<C> && !(cap > 0 && cap < no_cap<C>))
    reject_parameter("max_value", "a number whose product with gain is not 0 and finite in y's dtype, as the source is y",
                     relu.max_value);
  return {relu.alpha, 0, cap};
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
  const Sums sums(operands, true);
  const Named residual{"residual", operands.residual};
  if (!operands.x.present()) {
    const char* const reason = operands.y.present() ? "the source is y" : "the source is a mask";
    for (SumKind slot : {sum_scale, sum_alpha}) require_absent(sums[slot], reason);
  } else if (sums[sum_scale].view.present() && !operands.scale.present()) {
    reject(sums[sum_scale], "a scale beside it", "none");
  }
  if (operands.y.present()) {
    parameters.for_each([&](const Named& each) {
      if (&each != &parameters.bias) require_absent(each, "the source is y");
    });
    require_absent(residual, "the source is y");
  } else if (operands.mask.present()) {
    require_absent(parameters.bias, "the source is a mask");
    require_absent(residual, "the source is a mask");
  }
}

/// By the number or by a tensor, whose values are never looked at.
template <class C>
bool is_capped(const Rectifier<C>& f, const ConstTensorView& max_value) {
  return max_value.present() || f.max_value < no_cap<C>;
}

void require_wide_enough(const Named& mask, const Relu& relu, DType dtype, const Parameters& parameters) {
  if (mask.view.dtype() == DType::u1 && needs_two_bits(relu, dtype, parameters.alpha.view, parameters.max_value.view))
    reject(mask, "dtype u2, as there is a cap and alpha is not the number 0", "u1");
}

/// One bit does not tell saturated from below, which is what dmax_value is the sum of. Where nothing saturates there is nothing to tell.
void require_told_apart(const Named& dmax_value, const Backward& operands, const Relu& relu) {
  if (!dmax_value.view.present() || operands.mask.dtype() != DType::u1) return;
  const bool capped = with_float_type(operands.dy.dtype(), [&](auto t) {
    return is_capped(rounded<Compute<typename decltype(t)::type>>(relu), operands.max_value);
  });
  if (capped) reject(dmax_value, "a mask of dtype u2, as there is a cap", "u1");
}

bool has_elements(const Named& operand) { return operand.view.present() && !is_empty(operand.view.shape()); }

/// Every output apart from every other operand. `may_share` says which input an output may be the same view as.
template <class MayShare>
void require_separate(std::initializer_list<Named> outputs, std::initializer_list<Named> inputs, const MayShare& may_share) {
  for (auto out = outputs.begin(); out != outputs.end(); ++out) {
    if (!has_elements(*out)) continue;
    require_nested(*out);
    for (const Named& in : inputs) {
      if (has_elements(in)) require_apart(*out, in, may_share(out->view, in.view) ? Sharing::same_view : Sharing::none);
    }
    for (auto other = out + 1; other != outputs.end(); ++other) {
      if (has_elements(*other)) require_apart(*out, *other, Sharing::none);
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

Sum planned_sum(const Named& operand) {
  const ConstTensorView& view = operand.view;
  Sum sum;
  if (!view.present()) return sum;
  sum.data = const_cast<void*>(view.data());
  sum.length = length(view.shape());
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    if (view.shape()[axis] != 1) sum.stride = view.strides()[axis];
  }
  return sum;
}

/// For calls with at least one element. `tensors` has all of them in place.
Elementwise plan(const Relu& relu, const Tensors& tensors, Slot lead, const Parameters& parameters,
                 const Sums* sums = nullptr) {
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
  for (int i = 0; sums != nullptr && i < sum_kinds; ++i) {
    per_channel = per_channel || is_per_channel(sums->all[i].view);
    call.sums[i] = planned_sum(sums->all[i]);
  }
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
    const bool zero_below = !alpha.present() && f.alpha == 0;
    return is_capped(f, max_value) && !zero_below;
  });
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
  require_numbers(relu, operands.gain, x.view.dtype());
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
  Elementwise call = plan(relu, tensors, mask.view.present() ? slot_mask : slot_out, parameters);
  call.gain = operands.gain;
  return call;
}

namespace {

Elementwise plan_backward(const Relu& relu, const Backward& operands, bool sizes_only) {
  require_one_source(operands);
  require_used(operands);
  const bool from_y = operands.y.present(), from_mask = operands.mask.present();
  const Named dy{"dy", operands.dy, sizes_only}, mask{"mask", operands.mask, sizes_only},
      residual{"residual", operands.residual, sizes_only}, dx{"dx", operands.dx, sizes_only},
      dresidual{"dresidual", operands.dresidual, sizes_only},
      source{from_y ? "y" : "x", from_y ? operands.y : operands.x, sizes_only};
  const Named& model = from_mask ? dy : source;
  const Parameters parameters(operands, sizes_only);
  const Sums sums(operands, sizes_only);
  if (!dx.view.present() && !dresidual.view.present() && !sums.any())
    throw InvalidArgument("dx, dresidual, sums: expected a tensor in one of the outputs, got none");
  require_tensor(dy);
  for (const Named& each : {source, residual, dx, dresidual}) {
    if (each.view.present()) require_tensor(each);
  }
  for (const Named& each : {dy, residual, dx, dresidual}) {
    if (each.view.present()) require_like(each, model);
  }
  require_parameters(parameters, model);
  for (const Named& each : sums.all) require_sum(each, model, operands.channel_axis);
  const DType dtype = model.view.dtype();
  require_numbers(relu, operands.gain, dtype);
  Relu function = relu;
  if (from_y)
    function = with_float_type(dtype, [&](auto t) { return read_off_y<typename decltype(t)::type>(relu, operands.gain); });
  if (from_mask) {
    require_mask(mask, model);
    require_wide_enough(mask, relu, dtype, parameters);
    require_told_apart(sums[sum_max_value], operands, relu);
  }
  if (!sizes_only) {
    require_separate({dx, dresidual, sums.all[0], sums.all[1], sums.all[2], sums.all[3], sums.all[4]},
                     {dy, source, mask, residual, parameters.scale, parameters.bias, parameters.alpha, parameters.threshold,
                      parameters.max_value},
                     [&](const ConstTensorView& out, const ConstTensorView& in) {
                       const bool is_sum = &out != &dx.view && &out != &dresidual.view;
                       return !is_sum && (&in == &dy.view || (&out == &dx.view && &in == &source.view && !from_y));
                     });
  }
  if (is_empty(model.view.shape())) {
    Elementwise nothing;
    nothing.dtype = dtype;
    nothing.accumulate = operands.accumulate;
    for (int i = 0; i < sum_kinds; ++i) nothing.sums[i] = planned_sum(sums.all[i]);
    return nothing;
  }
  Tensors tensors = {};
  tensors[slot_dy] = &dy.view;
  tensors[slot_x] = or_null(source.view);
  tensors[slot_mask] = or_null(mask.view);
  tensors[slot_residual] = or_null(residual.view);
  tensors[slot_out] = or_null(dx.view);
  tensors[slot_dresidual] = or_null(dresidual.view);
  const Slot lead = dx.view.present() ? slot_out : dresidual.view.present() ? slot_dresidual : slot_dy;
  Elementwise call = plan(function, tensors, lead, parameters, &sums);
  if (from_y) call.bias = {};  // which counts for the order of the sums alone
  call.gain = operands.gain;
  call.accumulate = operands.accumulate;
  call.workspace = operands.workspace.data;
  return call;
}

}  // namespace

Elementwise plan_backward(const Relu& relu, const Backward& operands) { return plan_backward(relu, operands, false); }
Elementwise plan_backward_sizes(const Relu& relu, const Backward& operands) { return plan_backward(relu, operands, true); }

void require_workspace(const Backward& all, std::size_t bytes) {
  require_workspace(all.workspace, bytes,
                    {{"dy", all.dy},
                     {"x", all.x},
                     {"y", all.y},
                     {"mask", all.mask},
                     {"scale", all.scale},
                     {"bias", all.bias},
                     {"residual", all.residual},
                     {"alpha", all.alpha},
                     {"threshold", all.threshold},
                     {"max_value", all.max_value},
                     {"dx", all.dx},
                     {"dresidual", all.dresidual},
                     {"dscale", all.dscale},
                     {"dbias", all.dbias},
                     {"dalpha", all.dalpha},
                     {"dthreshold", all.dthreshold},
                     {"dmax_value", all.dmax_value}});
}

}  // namespace rectify::detail
