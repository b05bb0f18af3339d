// Strides into iteration spaces: which axes may be walked as one, in which order, and whether a view overlaps itself.
#pragma once

#include <rectify/detail/backend.hpp>
#include <rectify/tensor_view.hpp>

#include <cstdint>

namespace rectify::detail {

/// The iteration space of a validated call: extents of 1 dropped, axes sorted by the output's strides, and neighbours merged
/// wherever every operand walks them as one axis. So tensors dense in the same order, whichever it is, come out as one run.
Layout make_layout(const TensorView& out, const ConstTensorView* const* in, int inputs);

/// True where no two elements of the view can share an address: each stride, sorted, exceeds the span of all smaller ones.
/// Interleaved axes that happen not to collide ({2, 3} over {3, 2}) count as overlapping; the exact answer is a search.
bool nests(const ConstTensorView& view);

}  // namespace rectify::detail
