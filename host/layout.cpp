// Sorts and merges axes, and checks how they nest. Extents and strides have been validated, except those that last_offset is
// given.
#include "layout.hpp"

#include <algorithm>
#include <utility>

namespace rectify::detail {
namespace {

/// The axes with an extent other than 1, largest stride first. Axes of equal strides keep the order of the shape. Returns how
/// many.
int sorted_axes(const ConstTensorView& view, int (&order)[max_rank]) {
  int count = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    if (view.shape()[axis] != 1) order[count++] = axis;
  }
  // An insertion sort, because there are at most eight axes and std::stable_sort would allocate.
  for (int i = 1; i < count; ++i) {
    for (int j = i; j > 0 && view.strides()[order[j - 1]] < view.strides()[order[j]]; --j) std::swap(order[j - 1], order[j]);
  }
  return count;
}

/// True if going along both axes is the same as going along one axis, in every tensor and for channels.
bool is_one_axis(const Layout::Axis& outer, const Layout::Axis& inner) {
  bool one = outer.channel == inner.channel * inner.extent;
  for (int k = 0; k < slot_count; ++k) one = one && outer.stride[k] == inner.stride[k] * inner.extent;
  return one;
}

void append(Layout& layout, const Layout::Axis& axis) {
  if (layout.rank > 0 && is_one_axis(layout.axes[layout.rank - 1], axis)) {
    const std::int64_t extent = layout.axes[layout.rank - 1].extent * axis.extent;
    layout.axes[layout.rank - 1] = axis;
    layout.axes[layout.rank - 1].extent = extent;
  } else {
    layout.axes[layout.rank++] = axis;
  }
}

bool is_contiguous(const Layout& layout, int slot) {
  std::int64_t next = 1;
  for (int axis = layout.rank - 1; axis >= 0; --axis) {
    if (layout.axes[axis].stride[slot] != next) return false;
    next *= layout.axes[axis].extent;
  }
  return true;
}

void find_channels(Layout& layout) {
  std::int64_t inner = 1;
  for (int axis = layout.rank - 1; axis >= 0; --axis) {
    if (layout.axes[axis].channel != 0) {
      layout.channels = layout.axes[axis].extent;
      layout.inner = inner;
    }
    inner *= layout.axes[axis].extent;
  }
}

/// Recognises an x that is one tensor under many (Layout::repeats). From the innermost axis outwards, the axes of such an x
/// are: contiguous ones, then those along which x is broadcast, then contiguous ones again.
void find_repeats(Layout& layout) {
  int axis = layout.rank - 1;
  const auto stride = [&] { return layout.axes[axis].stride[slot_x]; };
  std::int64_t next = 1, repeats = 1;
  for (; axis >= 0 && stride() == next; --axis) next *= layout.axes[axis].extent;
  const std::int64_t repeat_length = next;
  for (; axis >= 0 && stride() == 0; --axis) repeats *= layout.axes[axis].extent;
  for (; axis >= 0 && stride() == next; --axis) next *= layout.axes[axis].extent;
  if (axis >= 0) return;
  layout.repeats = repeats;
  layout.repeat_length = repeat_length;
}

}  // namespace

Layout make_layout(const Tensors& tensors, Slot lead, int channel_axis) {
  const ConstTensorView& leading = *tensors[lead];
  Layout layout;
  layout.elements = 1;
  int order[max_rank];
  const int count = sorted_axes(leading, order);
  for (int i = 0; i < count; ++i) {
    Layout::Axis axis{leading.shape()[order[i]], {}, order[i] == channel_axis ? 1 : 0};
    for (int k = 0; k < slot_count; ++k) axis.stride[k] = tensors[k] != nullptr ? tensors[k]->strides()[order[i]] : 0;
    layout.elements *= axis.extent;
    append(layout, axis);
  }
  for (int k = 0; k < slot_count; ++k) layout.contiguous[k] = tensors[k] == nullptr || is_contiguous(layout, k);
  find_channels(layout);
  if (tensors[slot_x] != nullptr && !layout.contiguous[slot_x]) find_repeats(layout);
  return layout;
}

std::int64_t last_offset(const ConstTensorView& view) {
  std::int64_t offset = 0;
  for (int axis = 0; axis < view.shape().rank(); ++axis) {
    std::int64_t reach;
    if (__builtin_mul_overflow(view.shape()[axis] - 1, view.strides()[axis], &reach)) return -1;
    if (__builtin_add_overflow(offset, reach, &offset)) return -1;
  }
  return offset;
}

std::uintptr_t span_bytes(const ConstTensorView& view) {
  const auto elements = static_cast<std::uintptr_t>(last_offset(view) + 1);
  const auto bits = static_cast<unsigned>(bits_per_element(view.dtype()));
  return bits >= 8 ? elements * (bits / 8) : elements / (8 / bits) + (elements % (8 / bits) != 0);
}

bool nests(const ConstTensorView& view) {
  int order[max_rank];
  std::int64_t reach = 0;  // the largest offset along the axes so far
  for (int i = sorted_axes(view, order) - 1; i >= 0; --i) {
    const std::int64_t stride = view.strides()[order[i]];
    if (stride <= reach) return false;
    reach += (view.shape()[order[i]] - 1) * stride;
  }
  return true;
}

bool is_dense(const ConstTensorView& view) {
  int order[max_rank];
  std::int64_t next = 1;
  for (int i = sorted_axes(view, order) - 1; i >= 0; --i) {
    if (view.strides()[order[i]] != next) return false;
    next *= view.shape()[order[i]];
  }
  return true;
}

}  // namespace rectify::detail
