// Checks a call against the contracts of ops.hpp and turns it into an Elementwise. plan_forward and plan_backward are called by
// ops.cpp; the operands and their rules are rows of core/operand_table.hpp, and each check of one operand is in require.cpp.
// tests/api/validate_*_test.cpp have a case for each check.
#include "validate.hpp"

#include "layout.hpp"
#include "require.hpp"

#include "core/dispatch.hpp"
#include "core/operand_table.hpp"

#include <string>
#include <tuple>

namespace rectify::detail {
namespace {

/// Calls f(named, operand, member) for each operand that is present.
template <class Operands, class F>
void for_each_present(const Operands& operands, bool sizes_only, const F& f) {
  for_each_operand<Operands>([&](const Operand& operand, const auto& member) {
    const ConstTensorView& view = member.view(operands);
    if (view.present()) f(Named{operand.name, view, sizes_only}, operand, member);
  });
}

/// Checks every operand that is present by the rules of its kind. `model` has the shape and dtype of the call.
template <class Operands>
void require_operands(const Operands& operands, const Named& model) {
  for_each_present(operands, model.sizes_only, [&](const Named& named, const Operand& operand, const auto&) {
    switch (operand.kind) {
      case OperandKind::tensor: require_tensor(named); return require_like(named, model);
      case OperandKind::mask: return require_mask(named, model);
      case OperandKind::parameter: return require_parameter(named, model, operands.channel_axis);
      case OperandKind::sum: return require_sum(named, model, operands.channel_axis);
    }
  });
}

/// alpha, threshold, max_value and gain must be valid as given and after rounding to the compute type.
template <class C>
void require_scalars(const Relu& relu, double gain) {
  rounded<C>(relu);
  if (!is_finite(gain) || gain == 0) reject_parameter("gain", "a finite number other than 0", gain);
  const C in_c = round_to<C>(gain);
  if (!is_finite(in_c) || in_c == 0) reject_parameter("gain", "a number within the range of float", gain);
}

void require_scalars(const Relu& relu, double gain, DType dtype) {
  with_float_type(dtype, [&](auto t) { require_scalars<Compute<typename decltype(t)::type>>(relu, gain); });
}

/// Makes the backward from y a backward from x: returns a function whose regions at y are those of `relu` at z. y is above 0 if
/// z is above the threshold, and y is max_value * gain if z has reached max_value. This holds only if alpha, threshold, gain and
/// max_value have the signs that are checked here, and if y can store the cap.
template <class T>
Relu function_of_y(const Relu& relu, double gain) {
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

/// Exactly one of x, y and mask must be present.
Source require_one_source(const Backward& operands) {
  std::string got;
  unsigned sources = 0;
  for (const auto& [name, view, source] :
       {std::tuple{"x", operands.x, source_x}, {"y", operands.y, source_y}, {"mask", operands.mask, source_mask}}) {
    if (!view.present()) continue;
    got += (sources != 0 ? " and " : "") + std::string(name);
    sources |= source;
  }
  if (sources != source_x && sources != source_y && sources != source_mask)
    throw InvalidArgument("source: expected exactly one of x, y, mask, got " + (got.empty() ? "none" : got));
  return static_cast<Source>(sources);
}

/// Rejects operands that backward does not use with this source, and operands without the one that they need beside them.
void require_used(const Backward& operands, Source source) {
  for_each_present(operands, true, [&](const Named& named, const Operand& operand, const auto&) {
    if ((operand.sources & source) == 0) require_absent(named, source == source_y ? "the source is y" : "the source is a mask");
    if (operand.needs != nullptr && !operand_called(operand.needs).backward.view(operands).present())
      reject(named, std::string("a ") + operand.needs + " beside it", "none");
  });
}

/// Whether elements may be saturated. The values of a max_value tensor are not read: its presence counts.
template <class C>
bool is_capped(const Rectifier<C>& f, const ConstTensorView& max_value) {
  return max_value.present() || f.max_value < no_cap<C>;
}

template <class Operands>
void require_wide_enough(const Operands& operands, const Relu& relu, DType dtype) {
  if (operands.mask.dtype() == DType::u1 && needs_two_bits(relu, dtype, operands.alpha, operands.max_value))
    reject("mask", "dtype u2, as there is a cap and alpha is not the number 0", "u1");
}

/// dmax_value sums over the saturated elements, which one bit does not distinguish from those below the threshold.
void require_mask_for_dmax_value(const Backward& operands, const Relu& relu) {
  if (!operands.dmax_value.present() || operands.mask.dtype() != DType::u1) return;
  const bool capped = with_float_type(operands.dy.dtype(), [&](auto t) {
    return is_capped(rounded<Compute<typename decltype(t)::type>>(relu), operands.max_value);
  });
  if (capped) reject("dmax_value", "a mask of dtype u2, as there is a cap", "u1");
}

/// No output may share memory with itself or with another operand. The table says which input it may be the same view as.
template <class Operands>
void require_separate(const Operands& operands) {
  for_each_present(operands, false, [&](const Named& out, const Operand& operand, const auto& member) {
    if (member.output == nullptr || is_empty(out.view.shape())) return;
    require_nested(out);
    for_each_present(operands, false, [&](const Named& other, const Operand&, const auto& of_other) {
      const bool is_later_output = of_other.output != nullptr && &other.view > &out.view;
      if (is_empty(other.view.shape()) || (of_other.output != nullptr && !is_later_output)) return;
      const bool may_be_same = operand.kind == OperandKind::tensor && (of_other.same_view >> operand.index & 1) != 0;
      require_apart(out, other, may_be_same ? Sharing::same_view : Sharing::none);
    });
  });
}

/// The stride from one channel to the next: that of the only axis with more than one element.
std::int64_t channel_stride(const ConstTensorView& view) {
  std::int64_t stride = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    if (view.shape()[axis] != 1) stride = view.strides()[axis];
  }
  return stride;
}

Sum planned_sum(const ConstTensorView& view) {
  return {const_cast<void*>(view.data()), length(view.shape()), channel_stride(view)};
}

/// The Elementwise of a valid call with at least one element. `lead` is the tensor whose strides decide the order of elements.
template <class Operands>
Elementwise plan_call(const Relu& relu, const Operands& operands, const ConstTensorView& model, Slot lead) {
  Elementwise call;
  call.relu = relu;
  call.gain = operands.gain;
  call.dtype = model.dtype();
  Tensors tensors = {};
  bool per_channel = false;
  for_each_present(operands, false, [&](const Named& named, const Operand& operand, const auto& member) {
    const ConstTensorView& view = named.view;
    if (operand.kind == OperandKind::tensor || operand.kind == OperandKind::mask) {
      const bool is_source_y = operand.index == slot_out && member.input != nullptr;
      tensors[is_source_y ? slot_x : operand.index] = &view;
      return;
    }
    per_channel = per_channel || is_per_channel(view);
    if (operand.kind == OperandKind::sum) call.sums[operand.index] = planned_sum(view);
    if (operand.kind == OperandKind::parameter)
      call.parameters[operand.index] = {view.data(), channel_stride(view), view.dtype() != call.dtype};
  });
  const auto data = [&](Slot slot) { return tensors[slot] != nullptr ? tensors[slot]->data() : nullptr; };
  // An output is a TensorView, which is made from writable data. A mask that is an input is not written.
  const auto writable = [&](Slot slot) { return const_cast<void*>(data(slot)); };
  call.x = data(slot_x);
  call.dy = data(slot_dy);
  call.residual = data(slot_residual);
  call.out = writable(slot_out);
  call.dresidual = writable(slot_dresidual);
  call.mask = writable(slot_mask);
  call.mask_bits = tensors[slot_mask] != nullptr ? bits_per_element(tensors[slot_mask]->dtype()) : 0;
  call.layout = make_layout(tensors, lead, per_channel ? require_axis(operands.channel_axis, model.shape()) : no_channels);
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
  const Named x{"x", operands.x};
  require_tensor(x);
  const bool writes_mask = operands.mask.present();
  if (!operands.y.present() && !writes_mask) throw InvalidArgument("y, mask: expected a tensor in one of them, got none");
  require_operands(operands, x);
  require_scalars(relu, operands.gain, x.view.dtype());
  if (writes_mask) require_wide_enough(operands, relu, x.view.dtype());
  if (is_empty(x.view.shape())) return {};
  require_separate(operands);
  // A byte of a mask is written at once, so the elements are walked in the order of the mask.
  return plan_call(relu, operands, x.view, writes_mask ? slot_mask : slot_out);
}

namespace {

bool has_outputs(const Backward& operands) {
  bool any = false;
  for_each_present(operands, true,
                   [&](const Named&, const Operand&, const auto& member) { any = any || member.output != nullptr; });
  return any;
}

/// A call without elements only writes its sums, which are 0.
Elementwise plan_without_elements(const Backward& operands, DType dtype) {
  Elementwise call;
  call.dtype = dtype;
  for_each_present(operands, true, [&](const Named& named, const Operand& operand, const auto&) {
    if (operand.kind == OperandKind::sum) call.sums[operand.index] = planned_sum(named.view);
  });
  return call;
}

Elementwise plan_backward(const Relu& relu, const Backward& operands, bool sizes_only) {
  const Source source = require_one_source(operands);
  require_used(operands, source);
  if (!has_outputs(operands)) throw InvalidArgument("dx, dresidual, sums: expected a tensor in one of the outputs, got none");
  const Named dy{"dy", operands.dy, sizes_only}, x{"x", operands.x, sizes_only}, y{"y", operands.y, sizes_only};
  require_tensor(dy);
  const Named& model = source == source_x ? x : source == source_y ? y : dy;
  require_operands(operands, model);
  const DType dtype = model.view.dtype();
  require_scalars(relu, operands.gain, dtype);
  Relu function = relu;
  if (source == source_y)
    function = with_float_type(dtype, [&](auto t) { return function_of_y<typename decltype(t)::type>(relu, operands.gain); });
  if (source == source_mask) {
    require_wide_enough(operands, relu, dtype);
    require_mask_for_dmax_value(operands, relu);
  }
  if (!sizes_only) require_separate(operands);
  const Slot lead = operands.dx.present() ? slot_out : operands.dresidual.present() ? slot_dresidual : slot_dy;
  Elementwise call =
      is_empty(model.view.shape()) ? plan_without_elements(operands, dtype) : plan_call(function, operands, model.view, lead);
  // With source y a bias is not read; it only counts for what is per channel, and so for the order of the sums.
  if (source == source_y) call.parameters[parameter_bias] = {};
  call.accumulate = operands.accumulate;
  call.workspace = operands.workspace.data;
  return call;
}

}  // namespace

Elementwise plan_backward(const Relu& relu, const Backward& operands) { return plan_backward(relu, operands, false); }
Elementwise plan_backward_sizes(const Relu& relu, const Backward& operands) { return plan_backward(relu, operands, true); }

void require_workspace(const Backward& operands, std::size_t bytes) {
  if (bytes == 0) return;
  require_workspace_memory(operands.workspace, bytes);
  for_each_present(operands, false,
                   [&](const Named& named, const Operand&, const auto&) { require_apart(operands.workspace, bytes, named); });
}

}  // namespace rectify::detail
