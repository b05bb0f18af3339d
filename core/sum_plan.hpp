// How a call is cut for its sums: into parts that are summed apart, in an order that the shape alone decides, and put together in a
// second pass. One plan for both backends; docs/sums.md has the order and the reasons.
#pragma once

#include "core/backend.hpp"
#include <rectify/detail/host_device.hpp>

#include <cstddef>
#include <cstdint>

namespace rectify::detail {

/// What one part sums: `rows` rows of `width` positions, `stride` elements from one row to the next, up to the element `end`. Terms
/// of one position are added row by row, in an order of each backend's; then positions of one channel by halves.
struct SumPart {
  std::int64_t base, stride, rows, width, end;
  std::int64_t phase;  ///< of position 0 in the period
};

/// Stretches of one channel that are long are cut into rows themselves (`is_long`): every position of a part is of one channel.
/// Otherwise a row is a period (all channels once), or as many whole periods as fit; where one does not fit, a strip of it.
struct SumPlan {
  std::int64_t elements, channels, inner;
  bool is_long;
  std::int64_t period, row;  ///< elements; a row is a multiple of the period, or in a long stretch the width
  std::int64_t width, rows_per_part;
  std::int64_t strips, chunks, batch;  ///< of a row; of the rows; long stretches
  std::int64_t copies;                 ///< of each channel in `channels`: those of as many periods as begin at a multiple
  bool interleaved;
  std::int64_t parts;
  std::int64_t channels_met;  ///< channels that a part may meet

  /// Elements from a part's row to its next.
  RECTIFY_HD std::int64_t row_stride() const { return interleaved ? row * chunks : row; }

  RECTIFY_HD SumPart part(std::int64_t index) const {
    const std::int64_t side = is_long ? chunks : strips, first = index / side, rest = index % side;
    const std::int64_t chunk = is_long ? rest : first, from = is_long ? 0 : rest * width;
    const std::int64_t begin = is_long ? first * period : from, end = is_long ? begin + period : elements;
    const std::int64_t all_rows = ((is_long ? period : elements) + row - 1) / row;
    const std::int64_t wide = is_long || row - from > width ? width : row - from;
    if (interleaved) return {begin + chunk * row, row_stride(), (all_rows - chunk + chunks - 1) / chunks, wide, end, from};
    const std::int64_t first_row = chunk * rows_per_part, left = all_rows - first_row;
    return {begin + first_row * row, row_stride(), left < rows_per_part ? left : rows_per_part, wide, end, from};
  }

  /// The channel of a part's first slot. Slots are channels in their order from there on.
  RECTIFY_HD std::int64_t first_channel(std::int64_t index) const {
    if (channels == 1) return 0;
    return is_long ? index / chunks % channels : index % strips * width / inner;
  }

  /// And of its last that is used.
  RECTIFY_HD std::int64_t last_channel(std::int64_t index) const {
    if (channels == 1 || is_long) return first_channel(index);
    const std::int64_t last = ((index % strips + 1) * width - 1) / inner;
    return last < channels ? last : channels - 1;
  }

  /// Parts are rows of as many that differ in their channels or places in a row; the rows of parts differ in their elements' rows.
  RECTIFY_HD std::int64_t rows_of_parts() const { return channels == 1 ? 1 : is_long ? batch / channels : chunks; }

  /// Parts of the first row that have terms of a channel.
  struct Range {
    std::int64_t first, last;
  };
  RECTIFY_HD Range parts_in_a_row(std::int64_t channel) const {
    if (channels == 1) return {0, parts};
    if (is_long) return {channel * chunks, (channel + 1) * chunks};
    if (strips == 1) return {0, 1};
    return {channel * inner / width, ((channel + 1) * inner - 1) / width + 1};
  }
};

/// The sizes of a workspace are computed with these alone: beyond 2^63 - 1 bytes there is none, whatever the shape.
[[noreturn]] inline void reject_workspace() {
  throw InvalidArgument("workspace: expected sums that need at most 2^63 - 1 bytes, got sums that need more");
}
inline std::int64_t workspace_product(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (__builtin_mul_overflow(a, b, &product)) reject_workspace();
  return product;
}
inline std::int64_t workspace_sum(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (__builtin_add_overflow(a, b, &sum)) reject_workspace();
  return sum;
}

constexpr std::int64_t sums_long_from = 4;  // narrow rows in a channel's stretch

/// `per_channel`: some sum is.
inline SumPlan plan_sums(const Layout& layout, bool per_channel, const SumGrain& grain) {
  SumPlan plan{};
  const auto parts_for = [](std::int64_t n, std::int64_t by) { return n / by + (n % by != 0); };
  plan.elements = layout.elements;
  plan.channels = per_channel ? layout.channels : 1;
  plan.inner = plan.channels == 1 ? layout.elements : layout.inner;
  if (layout.elements == 0) return plan;
  plan.strips = plan.batch = plan.copies = 1;
  plan.interleaved = grain.interleaved;
  const bool begins_at_a_multiple = plan.inner % grain.multiple == 0 || plan.inner == layout.elements;
  plan.is_long = plan.channels == 1 || (plan.inner >= sums_long_from * grain.preferred_width && begins_at_a_multiple);
  plan.width = plan.is_long ? grain.preferred_width : grain.folds(plan.inner) ? grain.folded_width : grain.width;
  std::int64_t rows;
  if (plan.is_long) {
    plan.period = plan.inner;
    plan.row = plan.width;
    plan.batch = layout.elements / plan.inner;
    plan.channels_met = 1;
    rows = parts_for(plan.inner, plan.width);
  } else {
    plan.period = plan.channels * plan.inner;
    const auto row_of = [&](std::int64_t period) {
      std::int64_t periods = grain.preferred_width / period;
      if (periods > 8) periods = periods / 8 * 8;
      return periods > 0 ? periods * period : period;
    };
    plan.row = row_of(plan.period);
    if (plan.row % grain.multiple != 0) {
      while (plan.period % grain.multiple * plan.copies % grain.multiple != 0) ++plan.copies;
      plan.period = workspace_product(plan.period, plan.copies);
      plan.channels *= plan.copies;  // at most the period
      plan.row = row_of(plan.period);
    }
    plan.strips = parts_for(plan.row, plan.width);
    const std::int64_t met = (plan.width - 1) / plan.inner + 2;
    plan.channels_met = plan.strips == 1 || met > plan.channels ? plan.channels : met;
    rows = parts_for(layout.elements, plan.row);
  }
  const std::int64_t others = plan.strips * plan.batch;
  const std::int64_t wanted = parts_for(grain.parts, others);  // chunks of the rows
  std::int64_t per_part = parts_for(rows, wanted), least = parts_for(rows * others, grain.least_parts);
  if (least > grain.least_rows) least = grain.least_rows;
  if (least < grain.fewest_rows) least = grain.fewest_rows;
  if (per_part < least) per_part = least;
  plan.rows_per_part = per_part < grain.rows ? per_part : grain.rows;
  plan.chunks = parts_for(rows, plan.rows_per_part);
  plan.parts = others * plan.chunks;
  return plan;
}

/// Where each sum's parts lie in the workspace: [part, slot], after one another; a sum of everything has one slot. The compute type.
struct SumOffsets {
  std::int64_t of[sum_kinds], all;  // in numbers
};

/// Parts follow the channels where there are any, also for sums of everything: an element's parameters then depend on its position in a
/// part alone.
inline bool sums_per_channel(const Elementwise& call) { return call.layout.channels > 1; }

inline SumOffsets sum_offsets(const Elementwise& call, const SumPlan& plan) {
  SumOffsets offsets{};
  for (int i = 0; i < sum_kinds; ++i) {
    offsets.of[i] = offsets.all;
    if (call.sums[i].length > 0)
      offsets.all = workspace_sum(offsets.all, workspace_product(plan.parts, call.sums[i].length == 1 ? 1 : plan.channels_met));
  }
  return offsets;
}

inline std::size_t sum_workspace_bytes(const Elementwise& call, const SumGrain& grain) {
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), grain);
  const std::int64_t bytes = workspace_product(sum_offsets(call, plan).all, call.dtype == DType::f64 ? 8 : 4);
  return static_cast<std::size_t>(workspace_sum(bytes, 255) / 256 * 256);
}

}  // namespace rectify::detail
