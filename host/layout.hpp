// What follows from shapes and strides: the common iteration space of a call's tensors, how many bytes a view spans, whether it
// is dense, and whether it overlaps itself. validate.cpp calls make_layout; require.cpp and overlap.cpp call the others.
#pragma once

#include "core/backend.hpp"
#include <rectify/tensor_view.hpp>

#include <cstdint>

namespace rectify::detail {

/// The views of a call by their slots; null if absent.
using Tensors = const ConstTensorView* [slot_count];

/// The channel axis of a call whose parameters all have one element.
constexpr int no_channels = -1;

/// The iteration space of a validated call. Axes of extent 1 are dropped, the others are sorted by the strides of the tensor
/// `lead`, and adjacent axes are merged if they are one axis in every tensor. So tensors that are dense in the same order of
/// their axes are contiguous.
Layout make_layout(const Tensors& tensors, Slot lead, int channel_axis);

/// The offset, in elements, of the last element from the first; -1 if it overflows. Accepts any extents and strides.
std::int64_t last_offset(const ConstTensorView& view);
/// Bytes from the begin of the first element to the end of the last. last_offset(view) must not overflow.
std::uintptr_t span_bytes(const ConstTensorView& view);

/// True if each stride is larger than the span of all smaller ones; then no two elements of the view share an address. It is
/// false for interleaved axes that happen not to collide (shape {2, 3} over strides {3, 2}): the exact answer would take a
/// search.
bool nests(const ConstTensorView& view);

/// True if the elements are contiguous in the order of some permutation of the axes.
bool is_dense(const ConstTensorView& view);

}  // namespace rectify::detail
