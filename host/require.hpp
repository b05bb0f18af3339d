// Checks of one operand. validate.cpp decides which of them a call needs. Each throws an error that names the operand, the
// expected value and the actual one.
#pragma once

#include <rectify/ops.hpp>

#include <cstdint>
#include <string>

namespace rectify::detail {

struct Named {
  const char* name;
  const ConstTensorView& view;
  bool sizes_only = false;  ///< the data pointer is not checked
};

[[noreturn]] void reject(const std::string& name, const std::string& expected, const std::string& got);
[[noreturn]] void reject(const Named& operand, const std::string& expected, const std::string& got);

/// The number of elements. Throws InvalidArgument for negative extents, or a product that overflows int64.
std::int64_t require_elements(const char* name, const Shape& shape);

/// The operand must be absent. `reason` completes "expected none, as ...".
void require_absent(const Named& operand, const char* reason);

/// The operand must be present, with a dtype of numbers (not of masks).
void require_number(const Named& operand);
/// The operand must be a tensor of numbers with a valid device, shape, strides and data pointer.
void require_tensor(const Named& operand);
/// The operand must have the dtype, shape and device of the model.
void require_like(const Named& operand, const Named& model);

/// A parameter has one element, or one for each index of the model's channel axis; in a tensor of the model's rank they must lie
/// along the channel axis. Its dtype is the model's, or f32 beside a 16-bit model.
void require_parameter(const Named& operand, const Named& model, int channel_axis);
/// A sum has the shape of a parameter. Its dtype is the compute type: f32, or f64 for a model of f64.
void require_sum(const Named& operand, const Named& model, int channel_axis);
/// Whether a parameter or a sum has other than one element, so that the channel axis counts.
bool is_per_channel(const ConstTensorView& parameter);
/// The channel axis as an index from 0 up. Throws InvalidArgument if the shape has no such axis.
int require_axis(int channel_axis, const Shape& shape);

/// u1 or u2.
void require_mask_dtype(const char* name, DType dtype);
/// A mask is u1 or u2, has the shape of the model, and is dense in some order of its axes.
void require_mask(const Named& mask, const Named& model);

/// No two elements of an output may share an address.
void require_nested(const Named& out);
/// Whether an output may be the same view as another operand.
enum class Sharing { none, same_view };
void require_apart(const Named& out, const Named& other, Sharing sharing);

/// A workspace has at least `bytes` bytes and begins at a multiple of 256.
void require_workspace_memory(const Workspace& workspace, std::size_t bytes);
/// The first `bytes` bytes of a workspace must lie outside the bytes from the first to the last of an operand.
void require_apart(const Workspace& workspace, std::size_t bytes, const Named& operand);

bool is_empty(const Shape& shape);
/// The extent of the only axis that does not have exactly one element; 1 if there is no such axis, -1 if there are several.
std::int64_t length(const Shape& shape);

}  // namespace rectify::detail
