// Axes sorted, merged and checked for nesting. Extents and strides are validated before they come here.
#include "layout.hpp"

#include <algorithm>
#include <numeric>

namespace rectify::detail {
namespace {

/// Axes with more than one element, the output's largest stride first; ties keep the order of the shape.
int sorted_axes(const ConstTensorView& out, int (&order)[max_rank]) {
  int count = 0;
  for (int axis = 0; axis < out.shape().rank(); ++axis) {
    if (out.shape()[axis] != 1) order[count++] = axis;
  }
  // Insertion sort: at most eight axes, and std::stable_sort would allocate.
  for (int i = 1; i < count; ++i) {
    for (int j = i; j > 0 && out.strides()[order[j - 1]] < out.strides()[order[j]]; --j) std::swap(order[j - 1], order[j]);
  }
  return count;
}

bool walks_as_one(const Layout::Axis& outer, const Layout::Axis& inner) {
  bool one = outer.out_stride == inner.out_stride * inner.extent;
  for (int k = 0; k < max_inputs; ++k) one = one && outer.in_stride[k] == inner.in_stride[k] * inner.extent;
  return one;
}

void append(Layout& layout, const Layout::Axis& axis) {
  if (layout.rank > 0 && walks_as_one(layout.axes[layout.rank - 1], axis)) {
    const std::int64_t extent = layout.axes[layout.rank - 1].extent * axis.extent;
    layout.axes[layout.rank - 1] = axis;
    layout.axes[layout.rank - 1].extent = extent;
  } else {
    layout.axes[layout.rank++] = axis;
  }
}

bool is_dense(const Layout& layout, int inputs) {
  if (layout.rank == 0) return true;
  bool dense = layout.rank == 1 && layout.axes[0].out_stride == 1;
  for (int k = 0; k < inputs; ++k) dense = dense && layout.axes[0].in_stride[k] == 1;
  return dense;
}

}  // namespace

Layout make_layout(const TensorView& out, const ConstTensorView* const* in, int inputs) {
  Layout layout;
  layout.elements = 1;
  int order[max_rank];
  const int count = sorted_axes(out, order);
  for (int i = 0; i < count; ++i) {
    Layout::Axis axis{out.shape()[order[i]], {}, out.strides()[order[i]]};
    for (int k = 0; k < inputs; ++k) axis.in_stride[k] = in[k]->strides()[order[i]];
    layout.elements *= axis.extent;
    append(layout, axis);
  }
  layout.dense = is_dense(layout, inputs);
  return layout;
}

bool nests(const ConstTensorView& view) {
  int order[max_rank];
  std::int64_t reach = 0;  // the largest offset that the axes so far can make
  for (int i = sorted_axes(view, order) - 1; i >= 0; --i) {
    const std::int64_t stride = view.strides()[order[i]];
    if (stride <= reach) return false;
    reach += (view.shape()[order[i]] - 1) * stride;
  }
  return true;
}

}  // namespace rectify::detail
