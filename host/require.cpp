// The checks of one operand and their error texts.
#include "require.hpp"

#include "layout.hpp"
#include "overlap.hpp"

#include <cstdio>
#include <iterator>
#include <limits>

namespace rectify::detail {
namespace {

std::string text(const Dims& dims) {
  std::string all = "[";
  for (int axis = 0; axis < dims.rank(); ++axis) all += (axis > 0 ? ", " : "") + std::to_string(dims[axis]);
  return all + "]";
}

std::string layout_text(const ConstTensorView& view) {
  return "shape " + text(view.shape()) + " over strides " + text(view.strides());
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

bool is_mask(DType dtype) { return dtype == DType::u1 || dtype == DType::u2; }

void require_memory(const Named& operand, std::int64_t elements) {
  const int bytes = bits_per_element(operand.view.dtype()) / 8;  // 0 for a mask, which has fewer bytes than elements
  const std::int64_t most = std::numeric_limits<std::int64_t>::max() / (bytes > 0 ? bytes : 1);
  if (elements > most) reject(operand, "at most 2^63 - 1 bytes", "shape " + text(operand.view.shape()));
  const auto address = reinterpret_cast<std::uintptr_t>(operand.view.data());
  const std::int64_t last = last_offset(operand.view);
  if (last < 0 || last >= most) {
    reject(operand, "a span of at most 2^63 - 1 bytes", layout_text(operand.view));
  }
  if (operand.sizes_only) return;
  if (address == 0) reject(operand, "data", "null with shape " + text(operand.view.shape()));
  if (bytes > 0 && address % static_cast<unsigned>(bytes) != 0)
    reject(operand, "data aligned to " + std::to_string(bytes) + " bytes", text(operand.view.data()));
  if (address + span_bytes(operand.view) < address)
    reject(operand, "a span within the address space", text(operand.view.data()));
}

void require_place(const Named& operand) {
  const ConstTensorView& view = operand.view;
  if (view.device().kind != Device::Kind::cpu && view.device().kind != Device::Kind::cuda)
    reject(operand, "a device of a known kind", "another");
  if (view.device().index < 0) reject(operand, "a device index from 0 up", text(view.device()));
  const std::int64_t elements = require_elements(operand.name, view.shape());
  if (elements == 0) return;
  for (int axis = 0; axis < view.strides().rank(); ++axis) {
    if (view.strides()[axis] < 0 && view.shape()[axis] > 1)
      throw Unsupported(std::string(operand.name) + ": expected strides from 0 up, got " + text(view.strides()));
  }
  require_memory(operand, elements);
}

/// There is one CPU; its index has no meaning.
bool same_device(Device a, Device b) { return a.kind == b.kind && (a.kind == Device::Kind::cpu || a.index == b.index); }

void require_shape_and_device(const Named& operand, const Named& model) {
  if (operand.view.shape() != model.view.shape())
    reject(operand, "shape " + text(model.view.shape()) + " as " + model.name, text(operand.view.shape()));
  if (!same_device(operand.view.device(), model.view.device()))
    reject(operand, "device " + text(model.view.device()) + " as " + model.name, text(operand.view.device()));
}

/// Whether two views of equal dtype and shape are the same view. The strides of axes with one element do not count.
bool same(const ConstTensorView& a, const ConstTensorView& b) {
  bool equal = a.data() == b.data();
  for (int axis = 0; axis < a.shape().rank(); ++axis)
    equal = equal && (a.shape()[axis] == 1 || a.strides()[axis] == b.strides()[axis]);
  return equal;
}

/// What parameters and sums have in common: device, memory, and one element or one for each channel of the model.
void require_channels(const Named& operand, const Named& model, int channel_axis) {
  const ConstTensorView& view = operand.view;
  if (!same_device(view.device(), model.view.device()))
    reject(operand, "device " + text(model.view.device()) + " as " + model.name, text(view.device()));
  require_place(operand);
  if (length(view.shape()) < 0) reject(operand, "one extent other than 1 at most", "shape " + text(view.shape()));
  if (!is_per_channel(view)) return;
  const int axis = require_axis(channel_axis, model.view.shape());
  const std::int64_t channels = model.view.shape()[axis];
  // A parameter of the model's rank has its elements along an axis of its own choice; of any other rank it is a list.
  const bool has_axis = view.shape().rank() == model.view.shape().rank();
  if (length(view.shape()) != channels || (has_axis && view.shape()[axis] != channels)) {
    reject(operand,
           "1 element, or " + std::to_string(channels) + (has_axis ? " along axis " : ", the extent of axis ") +
               std::to_string(axis) + (has_axis ? ", the channel axis" : ""),
           "shape " + text(view.shape()));
  }
}

}  // namespace

void reject(const std::string& name, const std::string& expected, const std::string& got) {
  throw InvalidArgument(name + ": expected " + expected + ", got " + got);
}

void reject(const Named& operand, const std::string& expected, const std::string& got) { reject(operand.name, expected, got); }

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

void require_absent(const Named& operand, const char* reason) {
  if (operand.view.present()) reject(operand, std::string("none, as ") + reason, "one");
}

void require_number(const Named& operand) {
  if (!operand.view.present()) reject(operand, "a tensor", "none");
  if (!is_number(operand.view.dtype())) reject(operand, "dtype f16, bf16, f32 or f64", text(operand.view.dtype()));
}

void require_tensor(const Named& operand) {
  require_number(operand);
  require_place(operand);
}

void require_like(const Named& operand, const Named& model) {
  if (operand.view.dtype() != model.view.dtype())
    reject(operand, "dtype " + text(model.view.dtype()) + " as " + model.name, text(operand.view.dtype()));
  require_shape_and_device(operand, model);
}

int require_axis(int channel_axis, const Shape& shape) {
  const int rank = shape.rank();
  if (channel_axis < -rank || channel_axis >= rank) {
    const std::string some = std::to_string(-rank) + " to " + std::to_string(rank - 1);
    throw InvalidArgument("channel_axis: expected " + (rank > 0 ? some : "a tensor of rank 1 at least") +
                          ", as a parameter or a sum has more than one element, got " +
                          (rank > 0 ? std::to_string(channel_axis) : "rank 0"));
  }
  return channel_axis < 0 ? channel_axis + rank : channel_axis;
}

bool is_per_channel(const ConstTensorView& parameter) { return parameter.present() && length(parameter.shape()) != 1; }

void require_parameter(const Named& operand, const Named& model, int channel_axis) {
  const ConstTensorView& view = operand.view;
  if (!view.present()) return;
  const bool narrow = bits_per_element(model.view.dtype()) == 16;
  if (view.dtype() != model.view.dtype() && !(narrow && view.dtype() == DType::f32))
    reject(operand, "dtype " + text(model.view.dtype()) + " as " + model.name + (narrow ? ", or f32" : ""), text(view.dtype()));
  require_channels(operand, model, channel_axis);
}

void require_sum(const Named& operand, const Named& model, int channel_axis) {
  const ConstTensorView& view = operand.view;
  if (!view.present()) return;
  const DType dtype = model.view.dtype() == DType::f64 ? DType::f64 : DType::f32;
  if (view.dtype() != dtype)
    reject(operand, "dtype " + text(dtype) + ", in which " + text(model.view.dtype()) + " is summed", text(view.dtype()));
  require_channels(operand, model, channel_axis);
}

void require_workspace_memory(const Workspace& workspace, std::size_t bytes) {
  const char* const name = "workspace";
  const auto needed = [&] { return std::to_string(bytes) + " bytes, as workspace_bytes() says"; };
  if (workspace.data == nullptr) reject(name, needed(), "null");
  if (workspace.bytes < bytes) reject(name, needed(), std::to_string(workspace.bytes));
  if (reinterpret_cast<std::uintptr_t>(workspace.data) % 256 != 0)
    reject(name, "memory on a boundary of 256 bytes", text(workspace.data));
}

void require_apart(const Workspace& workspace, std::size_t bytes, const Named& operand) {
  if (is_empty(operand.view.shape())) return;
  const auto begin = reinterpret_cast<std::uintptr_t>(workspace.data);
  const auto other = reinterpret_cast<std::uintptr_t>(operand.view.data());
  if (begin < other + span_bytes(operand.view) && other < begin + bytes)
    reject("workspace", std::string("memory outside the bytes from the first to the last of ") + operand.name, "an overlap");
}

void require_mask_dtype(const char* name, DType dtype) {
  if (!is_mask(dtype)) reject(name, "dtype u1 or u2", text(dtype));
}

void require_mask(const Named& mask, const Named& model) {
  require_mask_dtype(mask.name, mask.view.dtype());
  require_shape_and_device(mask, model);
  require_place(mask);
  if (!is_empty(mask.view.shape()) && !is_dense(mask.view))
    reject(mask, "dense strides, in any order of the axes", layout_text(mask.view));
}

void require_nested(const Named& out) {
  if (!nests(out.view))
    reject(out, "strides that each exceed the span of the smaller ones, so that it does not overlap itself",
           layout_text(out.view));
}

void require_apart(const Named& out, const Named& other, Sharing sharing) {
  const bool may_be_same = sharing == Sharing::same_view;
  if (may_be_same && same(out.view, other.view)) return;
  const Overlap found = overlap(out.view, other.view);
  if (found == Overlap::none) return;
  if (found == Overlap::unknown) {
    throw Unsupported(std::string(out.name) + ": expected strides that tell whether a byte is common with " + other.name +
                      ", got " + layout_text(out.view) + " beside " + layout_text(other.view));
  }
  reject(out, std::string("no byte in common with ") + other.name + (may_be_same ? ", or the same view" : ""),
         may_be_same ? "a partial overlap" : "an overlap");
}

std::int64_t length(const Shape& shape) {
  std::int64_t elements = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == 1) continue;
    if (elements != 1) return -1;
    elements = shape[axis];
  }
  return elements;
}

bool is_empty(const Shape& shape) {
  bool empty = false;
  for (int axis = 0; axis < shape.rank(); ++axis) empty = empty || shape[axis] == 0;
  return empty;
}

}  // namespace rectify::detail
