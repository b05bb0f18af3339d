// One check of an operand each, whatever the verb; validate.cpp says which call needs which. All throw an error that names the
// operand, what was expected and what came.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>
#include <string>

namespace rectify::detail {

struct Named {
  const char* name;
  const ConstTensorView& view;
  bool sizes_only = false;  ///< data pointers are not looked at
};

[[noreturn]] void reject(const std::string& name, const std::string& expected, const std::string& got);
[[noreturn]] void reject(const Named& operand, const std::string& expected, const std::string& got);

/// The number of elements. Throws InvalidArgument for negative extents, or a product that overflows int64.
std::int64_t require_elements(const char* name, const Shape& shape);

/// An operand that the chosen source of the backward cannot use. `reason`: "the source is a mask".
void require_absent(const Named& operand, const char* reason);

/// Present, with a dtype of numbers.
void require_number(const Named& operand);
/// A tensor of numbers: present, with a dtype, device, extents, strides and data that can be.
void require_tensor(const Named& operand);
/// Dtype, shape and device of the model.
void require_like(const Named& operand, const Named& model);

/// One element, or as many as the channel axis of `model` is long, along one axis at most, which in a tensor of model's rank is the channel
/// axis; in model's dtype or f32.
void require_parameter(const Named& operand, const Named& model, int channel_axis);
/// The same of an output that is a sum, in the compute type: f32, or f64 for a model of f64.
void require_sum(const Named& operand, const Named& model, int channel_axis);
/// Elements other than one, so that the channel axis counts.
bool is_per_channel(const ConstTensorView& parameter);
/// The channel axis as an index from 0 up. Throws InvalidArgument where the rank does not have it.
int require_axis(int channel_axis, const Shape& shape);

/// u1 or u2.
void require_mask_dtype(const char* name, DType dtype);
/// A mask for `model`: u1 or u2, of its shape, dense in any order.
void require_mask(const Named& mask, const Named& model);

/// No two elements of an output share an address.
void require_nested(const Named& out);
/// Where an output and another operand may meet.
enum class Sharing { none, same_view };
void require_apart(const Named& out, const Named& other, Sharing sharing);

/// At least `bytes` of memory on a boundary of 256.
void require_workspace_memory(const Workspace& workspace, std::size_t bytes);
/// The first `bytes` of a workspace apart from an operand.
void require_apart(const Workspace& workspace, std::size_t bytes, const Named& operand);

bool is_empty(const Shape& shape);
/// Elements along the one axis that has not exactly one; 1 where there is none, -1 where there are several.
std::int64_t length(const Shape& shape);

}  // namespace rectify::detail
