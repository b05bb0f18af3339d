// How a call with sums is cut into parts, and in which order its terms are added. One plan serves both backends:
// sums_kernel.cuh and host/cpu/sums.hpp add the terms of a part, add_parts_kernel.cuh and host/cpu/sums.hpp add the parts.
// Reasons: docs/sums.md.
//
// A run is `inner` neighbouring elements of one channel; a period is the runs of all channels, once each. A part is some rows
// of equal width. Every position of a row has a sum of its own (but see SumGrain::folded_from): terms are added down the rows,
// then positions of one channel by halves (the second half of them to the first, and so on). A part writes one sum per channel
// that it meets to the workspace; a second pass adds the parts.
//
// Example: dbias of [n, 1024] in f32 on CUDA, for n = 65,536. A row is one period, 1,024 positions: a pack of 4 elements for
// each of the 256 threads of a block. There are 2,048 parts of 32 rows, and a block for each; part p has the rows p, p + 2048,
// p + 4096, ...
//   1. A thread adds the 32 terms of each of its 4 positions in the order of the rows, in registers. (Of more rows, 32 at a
//      time, and each such sum to that of the rows before.) A channel has one position here, so nothing is added by halves.
//   2. The block writes the 1,024 sums of its part. In the second pass 32 threads share a channel: thread t adds the parts t,
//      t + 32, ..., sixteen at a time; the 32 totals are added by halves.
// The result is repeatable, because all of this follows from the shape, the dtype, the order of the strides and what is per
// channel. Each sum has one writer, the second pass begins after the first, and no atomics are used; neither blocks nor threads
// can change an order.
#pragma once

#include "core/backend.hpp"
#include <rectify/detail/host_device.hpp>

#include <cstddef>
#include <cstdint>

namespace rectify::detail {

/// The elements of a part: `rows` rows of `width` positions. Position p of row r is the element base + r * stride + p; elements
/// from `end` on belong to another run, or are beyond the call.
struct SumPart {
  std::int64_t base, stride, rows, width, end;
  std::int64_t phase;  ///< how far position 0 is from the beginning of its period
};

/// If runs are long (`is_long`), a row is `width` elements of one run, and all positions of a part are of one channel.
/// Otherwise a row is as many whole periods as fit, or one period; a row that is wider than `width` is cut into strips, and a
/// part has the same strip of each of its rows. The rows of a run (`is_long`) or of the call are divided into chunks: a part is
/// a chunk of a run, or a chunk of a strip.
struct SumPlan {
  std::int64_t elements;
  std::int64_t channels, inner;  ///< of the layout, if any sum or parameter is per channel; `channels` counts copies
  bool is_long;
  std::int64_t period, row;           ///< elements; if `is_long`, a period is one run
  std::int64_t width, rows_per_part;  ///< at most
  std::int64_t strips, chunks, runs;  ///< strips of a row; chunks of the rows; runs of the call (1 unless `is_long`)
  /// If a row would be no multiple of SumGrain::row_alignment, `copies` periods are treated as one. Channel c has the copies c,
  /// c + layout.channels, c + 2 * layout.channels, ..., whose sums the second pass adds.
  std::int64_t copies;
  bool interleaved;
  std::int64_t parts;
  std::int64_t channels_met;  ///< sums that a part has room for in the workspace, for each sum per channel

  /// Elements from a row of a part to its next row.
  RECTIFY_HD std::int64_t row_stride() const { return interleaved ? row * chunks : row; }

  /// Parts are numbered run * chunks + chunk, or chunk * strips + strip.
  RECTIFY_HD SumPart part(std::int64_t index) const {
    const std::int64_t minor_count = is_long ? chunks : strips, major = index / minor_count, minor = index % minor_count;
    const std::int64_t chunk = is_long ? minor : major, phase = is_long ? 0 : minor * width;
    const std::int64_t begin = is_long ? major * period : phase, end = is_long ? begin + period : elements;
    const std::int64_t all_rows = ((is_long ? period : elements) + row - 1) / row;
    const std::int64_t positions = is_long || row - phase > width ? width : row - phase;
    if (interleaved)
      return {begin + chunk * row, row_stride(), (all_rows - chunk + chunks - 1) / chunks, positions, end, phase};
    const std::int64_t first_row = chunk * rows_per_part, rows_left = all_rows - first_row;
    return {
        begin + first_row * row, row_stride(), rows_left < rows_per_part ? rows_left : rows_per_part, positions, end, phase};
  }

  /// The first channel that a part meets. Its sums in the workspace are those of this channel and of the channels that follow.
  RECTIFY_HD std::int64_t first_channel(std::int64_t index) const {
    if (channels == 1) return 0;
    return is_long ? index / chunks % channels : index % strips * width / inner;
  }

  /// The last channel that a part meets.
  RECTIFY_HD std::int64_t last_channel(std::int64_t index) const {
    if (channels == 1 || is_long) return first_channel(index);
    const std::int64_t last = ((index % strips + 1) * width - 1) / inner;
    return last < channels ? last : channels - 1;
  }

  /// Parts come in rounds of equal size: the parts of one round together meet every channel, in the same places in every round.
  RECTIFY_HD std::int64_t rounds() const { return channels == 1 ? 1 : is_long ? runs / channels : chunks; }

  /// The parts of the first round that have terms of a channel, as a half-open range.
  struct Range {
    std::int64_t first, last;
  };
  RECTIFY_HD Range parts_of_first_round(std::int64_t channel) const {
    if (channels == 1) return {0, parts};
    if (is_long) return {channel * chunks, (channel + 1) * chunks};
    if (strips == 1) return {0, 1};
    return {channel * inner / width, ((channel + 1) * inner - 1) / width + 1};
  }
};

/// Every size of a workspace is computed with these functions, so that a size beyond 2^63 - 1 bytes is rejected and never
/// wraps.
[[noreturn]] inline void reject_workspace() {
  throw InvalidArgument("workspace: expected sums that need at most 2^63 - 1 bytes of workspace, got sums that need more");
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

/// Runs are long from so many preferred widths on.
constexpr std::int64_t widths_of_a_long_run = 4;

constexpr std::int64_t ceiling_of_quotient(std::int64_t n, std::int64_t divisor) { return n / divisor + (n % divisor != 0); }

/// The rows of a plan whose runs are long. Returns their number in one run.
inline std::int64_t plan_rows_of_runs(SumPlan& plan) {
  plan.period = plan.inner;
  plan.row = plan.width;
  plan.runs = plan.elements / plan.inner;
  plan.channels_met = 1;
  return ceiling_of_quotient(plan.inner, plan.width);
}

/// The rows of a plan whose rows are whole periods, and their strips. Returns the number of rows in the call.
inline std::int64_t plan_rows_of_periods(SumPlan& plan, const SumGrain& grain) {
  plan.period = plan.channels * plan.inner;
  const auto row_of = [&](std::int64_t period) {
    std::int64_t periods = grain.preferred_width / period;
    if (periods > 8) periods = periods / 8 * 8;  // so a row is a multiple of every pack, whatever the period
    return periods > 0 ? periods * period : period;
  };
  plan.row = row_of(plan.period);
  if (plan.row % grain.row_alignment != 0) {
    while (plan.period % grain.row_alignment * plan.copies % grain.row_alignment != 0) ++plan.copies;
    plan.period = workspace_product(plan.period, plan.copies);
    plan.channels *= plan.copies;  // cannot overflow: there are at most as many channels as elements in the period
    plan.row = row_of(plan.period);
  }
  plan.strips = ceiling_of_quotient(plan.row, plan.width);
  const std::int64_t met = (plan.width - 1) / plan.inner + 2;
  plan.channels_met = plan.strips == 1 || met > plan.channels ? plan.channels : met;
  return ceiling_of_quotient(plan.elements, plan.row);
}

/// How many of the `rows` rows, of each run or strip, a part has; and so how many parts there are.
inline void plan_parts(SumPlan& plan, std::int64_t rows, const SumGrain& grain) {
  const std::int64_t runs_or_strips = plan.strips * plan.runs;
  const std::int64_t wanted_chunks = ceiling_of_quotient(grain.wanted_parts, runs_or_strips);
  std::int64_t per_part = ceiling_of_quotient(rows, wanted_chunks);
  std::int64_t least = ceiling_of_quotient(rows * runs_or_strips, grain.min_parts);
  if (least > grain.min_rows) least = grain.min_rows;
  if (least < grain.fewest_rows) least = grain.fewest_rows;
  if (per_part < least) per_part = least;
  plan.rows_per_part = per_part < grain.max_rows ? per_part : grain.max_rows;
  plan.chunks = ceiling_of_quotient(rows, plan.rows_per_part);
  plan.parts = runs_or_strips * plan.chunks;
}

/// The plan for a layout. `per_channel` is sums_per_channel() of the call.
inline SumPlan plan_sums(const Layout& layout, bool per_channel, const SumGrain& grain) {
  SumPlan plan{};
  plan.elements = layout.elements;
  plan.channels = per_channel ? layout.channels : 1;
  plan.inner = plan.channels == 1 ? layout.elements : layout.inner;
  if (layout.elements == 0) return plan;
  plan.strips = plan.runs = plan.copies = 1;
  plan.interleaved = grain.interleaved;
  const bool runs_are_aligned = plan.inner % grain.row_alignment == 0 || plan.inner == layout.elements;
  plan.is_long = plan.channels == 1 || (plan.inner >= widths_of_a_long_run * grain.preferred_width && runs_are_aligned);
  plan.width = plan.is_long ? grain.preferred_width : grain.folds(plan.inner) ? grain.folded_width : grain.max_width;
  const std::int64_t rows = plan.is_long ? plan_rows_of_runs(plan) : plan_rows_of_periods(plan, grain);
  plan_parts(plan, rows, grain);
  return plan;
}

/// Where the sums of the parts lie in the workspace. For each kind of sum that is requested, they are an array [parts,
/// channels_met] of the compute type, or [parts] for a sum over everything; the arrays are contiguous.
struct SumOffsets {
  std::int64_t first[sum_kinds];  ///< the first element of each array
  std::int64_t total;             ///< elements of all arrays
};

/// Whether a plan follows the channels. It does so for all sums of a call that has channels, also for sums over everything: the
/// parameters of an element then depend only on its position in a part.
inline bool sums_per_channel(const Elementwise& call) { return call.layout.channels > 1; }

inline SumOffsets sum_offsets(const Elementwise& call, const SumPlan& plan) {
  SumOffsets offsets{};
  for (int i = 0; i < sum_kinds; ++i) {
    offsets.first[i] = offsets.total;
    if (call.sums[i].length > 0)
      offsets.total =
          workspace_sum(offsets.total, workspace_product(plan.parts, call.sums[i].length == 1 ? 1 : plan.channels_met));
  }
  return offsets;
}

/// The bytes that a call needs in its workspace: a multiple of 256.
inline std::size_t sum_workspace_bytes(const Elementwise& call, const SumGrain& grain) {
  const SumPlan plan = plan_sums(call.layout, sums_per_channel(call), grain);
  const std::int64_t bytes = workspace_product(sum_offsets(call, plan).total, call.dtype == DType::f64 ? 8 : 4);
  return static_cast<std::size_t>(workspace_sum(bytes, 255) / 256 * 256);
}

}  // namespace rectify::detail
