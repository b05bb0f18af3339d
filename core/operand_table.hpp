// The table of operands: a row for each operand of forward and backward, with its name, its kind and its members in the structs
// of C++ and C. Validation (host/validate.cpp), the conversion of C structs (host/c_structs.cpp), the tests and the benchmarks
// go through these rows, so none of them has a list of its own.
#pragma once

#include "core/backend.hpp"

#include <rectify/ops.hpp>
#include <rectify/rectify.h>

#include <string_view>
#include <type_traits>

namespace rectify::detail {

enum class OperandKind {
  tensor,     ///< of the call's shape and dtype
  mask,       ///< of the call's shape, u1 or u2
  parameter,  ///< one element, or one per channel
  sum,        ///< an output: one element, or one per channel, in the compute type
};

/// The members that an operand has in a struct of operands (Forward or Backward) and in its C struct. All are null if the
/// structs do not have the operand. `input` or `output` is set, depending on whether the call reads or writes it.
template <class Operands, class CStruct>
struct OperandMember {
  ConstTensorView Operands::*input = nullptr;
  TensorView Operands::*output = nullptr;
  rectify_tensor CStruct::*in_c = nullptr;
  unsigned same_view = 0;  ///< outputs that may be the same view as this input, a bit for each Slot

  constexpr OperandMember() = default;
  constexpr OperandMember(ConstTensorView Operands::*member, rectify_tensor CStruct::*c, unsigned outputs = 0)
      : input(member), in_c(c), same_view(outputs) {}
  constexpr OperandMember(TensorView Operands::*member, rectify_tensor CStruct::*c) : output(member), in_c(c) {}

  constexpr bool exists() const { return in_c != nullptr; }
  const ConstTensorView& view(const Operands& operands) const { return output != nullptr ? operands.*output : operands.*input; }
  void set(Operands& operands, const TensorView& view) const {
    if (output != nullptr) operands.*output = view;
    if (input != nullptr) operands.*input = view;
  }
};
using ForwardMember = OperandMember<Forward, rectify_forward_operands>;
using BackwardMember = OperandMember<Backward, rectify_backward_operands>;

/// The sources of backward, as the bits of a set.
enum Source : unsigned { source_x = 1, source_y = 2, source_mask = 4, any_source = 7 };

/// A row of the table.
struct Operand {
  const char* name;
  OperandKind kind;
  int index;  ///< the Slot of a tensor or a mask, the ParameterKind of a parameter, the SumKind of a sum
  ForwardMember forward;
  BackwardMember backward;
  unsigned sources;             ///< the sources with which it may be passed to backward
  const char* needs = nullptr;  ///< the operand that must be present too, in backward

  /// The members in Forward and its C struct, or in Backward and its C struct.
  template <class Operands>
  constexpr const auto& in() const {
    if constexpr (std::is_same_v<Operands, Forward>) {
      return forward;
    } else {
      return backward;
    }
  }
};

namespace operand_table_columns {
using F = Forward;
using B = Backward;
using CF = rectify_forward_operands;
using CB = rectify_backward_operands;
using Kind = OperandKind;
constexpr unsigned out = 1u << slot_out, dresidual = 1u << slot_dresidual;

// clang-format off
inline constexpr Operand rows[] = {
    // name, kind, index; in forward and in backward: member, member of the C struct, outputs that may be the same view; sources
    {"x",          Kind::tensor,    slot_x,         {&F::x, &CF::x, out},                 {&B::x, &CB::x, out},               source_x},
    {"dy",         Kind::tensor,    slot_dy,        {},                                   {&B::dy, &CB::dy, out | dresidual}, any_source},
    {"y",          Kind::tensor,    slot_out,       {&F::y, &CF::y},                      {&B::y, &CB::y},                    source_y},
    {"mask",       Kind::mask,      slot_mask,      {&F::mask, &CF::mask},                {&B::mask, &CB::mask},              source_mask},
    {"residual",   Kind::tensor,    slot_residual,  {&F::residual, &CF::residual, out},   {&B::residual, &CB::residual},      source_x},
    {"scale",      Kind::parameter, parameter_scale,     {&F::scale, &CF::scale},         {&B::scale, &CB::scale},            source_x | source_mask},
    {"bias",       Kind::parameter, parameter_bias,      {&F::bias, &CF::bias},           {&B::bias, &CB::bias},              source_x | source_y},
    {"alpha",      Kind::parameter, parameter_alpha,     {&F::alpha, &CF::alpha},         {&B::alpha, &CB::alpha},            source_x | source_mask},
    {"threshold",  Kind::parameter, parameter_threshold, {&F::threshold, &CF::threshold}, {&B::threshold, &CB::threshold},    source_x | source_mask},
    {"max_value",  Kind::parameter, parameter_max_value, {&F::max_value, &CF::max_value}, {&B::max_value, &CB::max_value},    source_x | source_mask},
    {"dx",         Kind::tensor,    slot_out,       {},                                   {&B::dx, &CB::dx},                  any_source},
    {"dresidual",  Kind::tensor,    slot_dresidual, {},                                   {&B::dresidual, &CB::dresidual},    any_source},
    {"dscale",     Kind::sum,       sum_scale,      {},                                   {&B::dscale, &CB::dscale},          source_x, "scale"},
    {"dbias",      Kind::sum,       sum_bias,       {},                                   {&B::dbias, &CB::dbias},            any_source},
    {"dalpha",     Kind::sum,       sum_alpha,      {},                                   {&B::dalpha, &CB::dalpha},          source_x},
    {"dthreshold", Kind::sum,       sum_threshold,  {},                                   {&B::dthreshold, &CB::dthreshold},  any_source},
    {"dmax_value", Kind::sum,       sum_max_value,  {},                                   {&B::dmax_value, &CB::dmax_value},  any_source},
};
// clang-format on
}  // namespace operand_table_columns
inline constexpr auto& operand_table = operand_table_columns::rows;

/// Calls f(operand, member) for each operand of `Operands`, which is Forward or Backward.
template <class Operands, class F>
void for_each_operand(const F& f) {
  for (const Operand& operand : operand_table) {
    if (operand.in<Operands>().exists()) f(operand, operand.in<Operands>());
  }
}

/// The row of the operand with that name, which must exist.
constexpr const Operand& operand_called(std::string_view name) {
  const Operand* found = operand_table;
  while (found->name != name) ++found;
  return *found;
}

}  // namespace rectify::detail
