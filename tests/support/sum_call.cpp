// All numbers are finite, so that sums can be compared; fuzz_test.cpp has the special ones.
#include "sum_call.hpp"

#include <limits>

namespace rectify::test {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();

using From = BackwardCall::From;

double draw(Dice& dice, Values values) {
  if (values == Values::integers) return dice.below(7) - 3;
  if (values == Values::normal) return 2 * dice.normal();
  return dice.any_of({0.0, -0.0, 0.25, 0.5, 0.5, 1.0, 1.5, 2.0, 3.0, 6.0, -0.25, -0.5, -1.0, -1.5, -2.0, -3.0, -6.0});
}

double draw_parameter(Dice& dice, Values values, Which which) {
  if (which == of_max_value) return dice.any_of({2.0, 3.0, inf});
  if (values == Values::normal) return dice.normal();
  if (which == of_threshold) return dice.any_of({-1.0, 0.0, 1.0});
  if (which == of_alpha) return dice.any_of({0.0, 2.0, -1.0});
  return dice.any_of({-2.0, -1.0, 1.0, 3.0});
}

template <class Next>
Operand operand(const char* name, DType dtype, const Placement& at, const Next& next) {
  Operand made = output_operand(name, dtype, at);
  for (std::size_t i = 0; i < made.bytes.size(); i += static_cast<std::size_t>(bytes_per_element(dtype)))
    reference::store(dtype, &made.bytes[i], next());
  return made;
}

Operand tensor_of(const char* name, DType dtype, const Placement& at, Values values) {
  Dice dice(static_cast<std::uint64_t>(at.span()) + static_cast<std::uint64_t>(name[0]));
  return operand(name, dtype, at, [&] { return draw(dice, values); });
}

TensorView view_of(Operand& o) { return host_view(o.bytes, o.dtype, o.at); }

ConstTensorView Backward::*source_of(const SumKind& kind) {
  return kind.from == detail::source_x ? &Backward::x : kind.from == detail::source_y ? &Backward::y : &Backward::mask;
}

}  // namespace

Inputs::Inputs(DType dtype_, const Places& at_, Values values_)
    : dtype(dtype_),
      values(values_),
      at(at_),
      x(tensor_of("x", dtype, at.x, values)),
      dy(tensor_of("dy", dtype, at.dy, values)),
      residual(tensor_of("residual", dtype, at.x, values)) {
  Dice dice(static_cast<std::uint64_t>(channels()));
  for (int i = 0; i < sum_count; ++i) {
    parameters.push_back(operand("a parameter", dtype, Placement({channels()}),
                                 [&] { return draw_parameter(dice, values, static_cast<Which>(1u << i)); }));
  }
}

SumCall::SumCall(const Target& target, const Inputs& in, const SumKind& kind, Over dx_over)
    : target_(target),
      in_(in),
      kind_(kind),
      in_place_(dx_over != Over::none),
      source_(kind.from == detail::source_x ? in.x : written_by_forward()),
      dx_(output_operand("dx", in.dtype, in.at.dx)),
      dresidual_(output_operand("dresidual", in.dtype, in.at.dx)),
      both_(target) {
  both_.read(in.dy).to(expected_.dy, got_.dy);
  both_.read(source_).to(expected_.*source_of(kind), got_.*source_of(kind));
  for (int i = 0; i < sum_count; ++i) {
    if ((kind.tensors >> i & 1) != 0) both_.read(in.parameters[i]).to(expected_.*sum_parameters[i], got_.*sum_parameters[i]);
  }
  if (kind.residual) both_.read(in.residual).to(expected_.residual, got_.residual);
  if (kind.residual) both_.write(dresidual_).to(expected_.dresidual, got_.dresidual);
  both_.write(dx_over == Over::none ? dx_ : dx_over == Over::dy ? in.dy : source_).to(expected_.dx, got_.dx);
}

Relu SumCall::relu() const {
  Relu relu = in_.values == Values::integers ? Relu{2, 0, 3} : Relu{0.25, 0.5, 6};
  if (kind_.mask == DType::u1) relu.max_value = inf;  // a mask of one bit cannot tell the capped region
  return relu;
}

/// y or the mask, written by the reference.
Operand SumCall::written_by_forward() const {
  const bool is_y = kind_.from == detail::source_y;
  Operand made = is_y ? output_operand("y", in_.dtype, in_.at.x) : output_operand("mask", kind_.mask, in_.at.x.shape);
  Inputs inputs = in_;
  Forward f;
  f.x = view_of(inputs.x);
  constexpr ConstTensorView Forward::*places[] = {&Forward::scale, &Forward::bias, &Forward::alpha, &Forward::threshold,
                                                  &Forward::max_value};
  for (int i = 0; i < sum_count; ++i) {
    if ((kind_.tensors >> i & 1) != 0) f.*places[i] = view_of(inputs.parameters[i]);
  }
  (is_y ? f.y : f.mask) = view_of(made);
  reference::forward(relu(), f);
  return made;
}

void SumCall::check(std::int64_t stride) {
  const Exact exact = exact_sums(relu(), expected_, kind_.requested, in_.channels());  // before dx is written over dy or x
  reference::backward(relu(), expected_);
  Lengths mixed = lengths_of(kind_.requested, in_.channels());
  for (int i = 1; i < sum_count; i += 2) mixed[i] = mixed[i] == absent ? absent : 1;
  for (const Lengths& lengths : {mixed, lengths_of(kind_.requested, 1), lengths_of(kind_.requested, in_.channels())}) {
    const SumOutputs sums(target_, relu(), got_, lengths, stride);
    in_.values == Values::integers ? sums.expect_equal(exact) : sums.expect_near(exact);
    if (in_place_) break;
  }
  both_.check();
}

}  // namespace rectify::test
