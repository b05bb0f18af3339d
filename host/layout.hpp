// Strides into iteration spaces: which axes may be walked as one, in which order, how far a view reaches, and whether it overlaps itself.
#pragma once

#include "core/backend.hpp"
#include <rectify/tensor_view.hpp>

#include <cstdint>

namespace rectify::detail {

/// The views of a call by their slots; null where absent.
using Tensors = const ConstTensorView* [slot_count];

/// No axis of channels: no parameter has more than one element.
constexpr int no_channels = -1;

/// The iteration space of a validated call: extents of 1 dropped, axes sorted by the strides of the leading tensor, and neighbours
/// merged wherever every tensor walks them as one axis. So tensors dense in the same order, whichever it is, are runs.
Layout make_layout(const Tensors& tensors, Slot lead, int channel_axis);

/// Distance in elements from the first element to the last; -1 where it overflows.
std::int64_t last_offset(const ConstTensorView& view);
/// Bytes from the first element to the end of the last, of a view whose last_offset is known not to overflow.
std::uintptr_t span_bytes(const ConstTensorView& view);

/// True where no two elements of the view can share an address: each stride, sorted, exceeds the span of all smaller ones.
/// Interleaved axes that happen not to collide ({2, 3} over {3, 2}) count as overlapping; the exact answer is a search.
bool nests(const ConstTensorView& view);

/// True where the elements are one run of neighbours, in the order of some permutation of the axes.
bool is_dense(const ConstTensorView& view);

}  // namespace rectify::detail
