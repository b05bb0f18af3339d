// How the CPU backend adds up its sums (core/sum_plan.hpp says into which parts they are divided). First pass: SumChains adds
// up one part for one thread; SpanRunner::process_part (thread.hpp) drives it, and the loops add the terms. Second pass:
// add_rows_of_parts and add_parts make the sums of the call from those of its parts; run_call (backend.cpp) calls them.
#pragma once

#include "loop.hpp"

#include "core/sum_plan.hpp"

#include <algorithm>

namespace rectify::detail {

/// How the CPU backend divides its sums. A part has at most 32 KiB of positions for each sum, so that five sums stay in a
/// second-level cache; if the plan may choose, 4 KiB, so that they stay in a first-level cache. Runs of 192 elements and
/// more are folded (SumChains).
template <class C>
constexpr SumGrain cpu_sum_grain = {32768 / sizeof(C), 4096 / sizeof(C), 512, 64, 192, group, 131072 / sizeof(C)};

/// A chain is a sequence of additions to one variable. Short chains bound the rounding error.
constexpr std::int64_t terms_per_chain = 32, chains_per_chain = 16;
static_assert(terms_per_chain % band_count == 0);

/// Adds `rows` rows up into the first, by halves: the second half of the rows is added to the first half until one is left.
/// Rows are `stride` values apart, and of each row the first `columns` values take part.
template <class C>
void halve(C* values, std::int64_t rows, std::int64_t stride, std::int64_t columns) {
  while (rows > 1) {
    const std::int64_t kept = (rows + 1) / 2, distance = kept * stride;
    const std::int64_t n = columns == stride ? (rows - kept) * stride : columns;  // rows without gaps are added as one
    for (C* to = values; to < values + (rows - kept) * stride; to += std::max(n, stride))
      for (std::int64_t i = 0; i < n; ++i) to[i] += to[i + distance];
    rows = kept;
  }
}

/// The sums of one part, for one thread.
///
/// A part has rows of positions. A row is divided into segments, and a segment has lanes: the variables to which its terms are
/// added.
///
/// Folded: a segment is a run (neighbouring elements of one channel), or the piece of a longer run that is in the row. Position
/// i of it adds to lane i % lanes. A run of 192 positions has 32 lanes:
///
///     positions of a row    a0 ... a31  a32 ... a63  ...  a191 | b0 ... b31  b32 ...     two channels, a and b
///     lane                   0 ...  31    0 ...  31  ...    31 | 32 ...  63   32 ...
///
/// Not folded: the whole row is one segment, and every position has a lane of its own. Runs that are short, or not a multiple
/// of a group, are not folded: each would end in a tile, which takes longer than rows side by side.
///
/// Every lane has three levels, so that no chain of additions is long:
///
///     level 0   a chain of at most 32 terms; its sum is then moved to level 1
///     level 1   a chain of at most 16 sums from level 0; its sum is then moved to level 2
///     level 2   all sums from level 1
///
/// In memory a level is a sequence of groups of lanes, and each group holds every sum:
///
///     [sum 0: lanes 0-15][sum 1: lanes 0-15] ... [sum 0: lanes 16-31][sum 1: lanes 16-31] ...
template <class C>
class SumChains {
 public:
  SumChains(const SumPlan& plan, int sum_count, C* memory)
      : plan_(plan),
        sum_count_(sum_count),
        folds_(cpu_sum_grain<C>.folds(plan.is_long ? plan.width : plan.inner)),
        memory_(memory) {
    const std::int64_t width = std::max<std::int64_t>(1, std::min(plan.width, plan.elements));
    // With fewer than 32 lanes an addition would wait for the one before it.
    constexpr std::int64_t least_lanes = 32, positions_per_least_lanes = least_lanes * terms_per_chain;
    segment_positions_ = !folds_ ? width : plan.is_long ? plan.width : plan.inner;
    segment_lanes_ = folds_ ? (segment_positions_ + positions_per_least_lanes - 1) / positions_per_least_lanes * least_lanes
                            : (segment_positions_ + group - 1) / group * group;
    rows_per_chain_ = std::max<std::int64_t>(1, terms_per_chain / ((segment_positions_ + segment_lanes_ - 1) / segment_lanes_));
    level_values_ = (folds_ ? lanes_of_segments(segment_positions_ + width) : segment_lanes_) * sum_count_;
  }

  /// Values of memory that an object needs.
  std::int64_t values_needed() const { return sum_count_ > 0 ? level_values_ * level_count + level_values_ / sum_count_ : 0; }

  bool folds() const { return folds_; }

  void start_part(const SumPart& part) {
    phase_ = folds_ ? part.phase % plan_.inner : 0;
    positions_ = std::min(part.width, part.end - part.base);
    lanes_ = folds_ ? lanes_of_segments(phase_ + positions_) : (positions_ + group - 1) / group * group;
    rows_ = chains_ = 0;
    std::fill_n(memory_, lanes_ * sum_count_, C(0));
  }

  /// Goes to a position of a row's first segment.
  void start_row(std::int64_t position) {
    segment_ = memory_;
    lane_ = position;
    left_of_segment_ = segment_positions_ - phase_ - position;
  }

  /// How many of the next `count` positions one span may have: it must not go beyond a segment.
  std::int64_t limit_by_segment(std::int64_t count) const { return std::min(count, left_of_segment_); }

  /// Lets the loop add the next `count` positions of `span` to their lanes. A partial group is added to a copy of its lanes,
  /// because loops add whole groups; advance() copies back those that exist.
  void set_sums(std::int64_t count, Span<C>& span) {
    C* const lanes = segment_ + lane_ * sum_count_;
    span.sums = count < group ? std::copy_n(lanes, sum_count_ * group, partial_group_) - sum_count_ * group : lanes;
    span.sums_begin = segment_;
    span.sums_end = segment_ + segment_lanes_ * sum_count_;
  }

  /// To be called after the loop has added the next `count` positions. In 32 bits, because a division of 64 would cost as much
  /// as a tenth of a tile.
  void advance(std::int64_t count) {
    for (std::int64_t sum = 0; count < group && sum < sum_count_; ++sum)
      std::copy_n(partial_group_ + sum * group, count, segment_ + lane_ * sum_count_ + sum * group);
    left_of_segment_ -= count;
    lane_ = static_cast<std::uint32_t>(lane_ + count) % static_cast<std::uint32_t>(segment_lanes_);
    if (left_of_segment_ > 0) return;
    segment_ += segment_lanes_ * sum_count_;
    lane_ = 0;
    left_of_segment_ = segment_positions_;
  }

  /// Ends a row, and with it the chains that have become long enough.
  void end_row() {
    if (++rows_ < rows_per_chain_) return;
    rows_ = 0;
    move_level(level(0), level(1), chains_ % chains_per_chain == 0);
    if (++chains_ % chains_per_chain == 0) move_level(level(1), level(2), chains_ == chains_per_chain);
  }

  /// Writes the part's total of one sum. `sum` counts the sums of the loop.
  void total_of_part(std::int64_t sum, C* total) {
    C* const lanes = level(level_count);
    gather_levels(sum, lanes);
    halve(lanes, folds_ ? lanes_ : positions_, 1, 1);
    *total = *lanes;
  }

  /// Writes the part's sum of each channel in it, of which `first_channel` is the first.
  void channels_of_part(const SumPart& part, std::int64_t first_channel, std::int64_t sum, C* channels) {
    if (plan_.is_long) return total_of_part(sum, channels);
    // Each lane is then a channel of its own; and lanes are gathered in whole groups.
    const bool lanes_are_channels = plan_.inner == 1 && positions_ <= plan_.period && positions_ % group == 0;
    C* const lanes = lanes_are_channels ? channels : level(level_count);
    gather_levels(sum, lanes);
    if (!lanes_are_channels) add_lanes_of_channels(part, first_channel, lanes, channels);
  }

 private:
  static constexpr int level_count = 3;

  /// Lanes of the segments that so many positions touch, counted from the start of the first segment.
  std::int64_t lanes_of_segments(std::int64_t positions) const {
    return (positions + segment_positions_ - 1) / segment_positions_ * segment_lanes_;
  }
  /// The memory of a level; level(level_count) is room for the lanes of one sum.
  C* level(int index) const { return memory_ + index * level_values_; }

  void move_level(C* from, C* to, bool is_first) {
    for (std::int64_t i = 0; i < lanes_ * sum_count_; ++i) {
      to[i] = is_first ? from[i] : to[i] + from[i];
      from[i] = 0;
    }
  }

  /// Adds up the levels of one sum.
  void gather_levels(std::int64_t sum, C* lanes) const {
    const bool is_used[level_count] = {true, chains_ % chains_per_chain != 0, chains_ >= chains_per_chain};
    for (int index = 0; index < level_count; ++index) {
      const C* from = level(index) + sum * group;
      for (std::int64_t lane = 0; is_used[index] && lane < lanes_; lane += group, from += sum_count_ * group)
        for (int k = 0; k < group; ++k) lanes[lane + k] = index == 0 ? from[k] : lanes[lane + k] + from[k];
    }
  }

  /// Adds up the lanes of each channel: first those of its runs (if a row has several periods, the first becomes the sum of
  /// all), then those within a run. The first channel and the last may be here with a part of their run.
  void add_lanes_of_channels(const SumPart& part, std::int64_t first_channel, C* lanes, C* channels) {
    const std::int64_t lane_count = folds_ ? lanes_ : positions_, run = folds_ ? segment_lanes_ : plan_.inner;
    const std::int64_t period = plan_.channels * run;
    if (plan_.strips == 1) halve(lanes, lane_count / period, period, period);
    C *lane = lanes, *const end = lanes + (plan_.strips > 1 ? lane_count : std::min(lane_count, period));
    if (run == 1) return static_cast<void>(std::copy(lane, end, channels));
    for (std::int64_t n = folds_ ? run : (first_channel + 1) * run - part.phase; lane < end; lane += n, n = run) {
      n = std::min<std::int64_t>(n, end - lane);
      halve(lane, n, 1, 1);
      *channels++ = *lane;
    }
  }

  const SumPlan& plan_;
  int sum_count_;
  bool folds_;
  std::int64_t segment_positions_, segment_lanes_, rows_per_chain_;
  std::int64_t level_values_;                    // of all sums
  std::int64_t phase_ = 0;                       // of the part's first position in its run, if folded
  std::int64_t positions_ = 0, lanes_ = 0;       // of a row of the part
  std::int64_t rows_ = 0, chains_ = 0;           // rows in level 0; chains moved to level 1 so far
  std::int64_t left_of_segment_ = 0, lane_ = 0;  // positions; the lane of the next position
  C *memory_, *segment_ = nullptr;               // segment_: lane 0 of the segment at hand, in level 0
  alignas(line_bytes) C partial_group_[sum_kinds * group];
};

/// The second pass, step one: of the parts that have the same channels (SumPlan::rounds), the first becomes the sum of
/// all. Each thread takes columns of its own.
template <class C>
void add_rows_of_parts(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, int thread, int threads) {
  for (int i = 0; i < sum_kinds; ++i) {
    if (call.sums[i].length <= 1) continue;
    const std::int64_t columns = plan.parts / plan.rounds() * plan.channels_met;
    const std::int64_t begin = columns * thread / threads, end = columns * (thread + 1) / threads;
    halve(static_cast<C*>(call.workspace) + offsets.first[i] + begin, plan.rounds(), columns, end - begin);
  }
}

template <class C>
void store_sum(const Elementwise& call, const Sum& sum, std::int64_t channel, C value) {
  C& out = static_cast<C*>(sum.data)[channel * sum.stride];
  out = call.accumulate ? out + value : value;
}

/// The channels from `begin` to `end` - 1 of one sum. Parts are gone through in their order, which is that of their channels,
/// so a channel is complete when another one follows. To go channel by channel and look up the parts of each takes divisions:
/// [8, 1024] took twice as long.
template <class C>
void add_channels_of_parts(const Elementwise& call, const Sum& sum, const SumPlan& plan, const C* parts, std::int64_t begin,
                           std::int64_t end) {
  const std::int64_t last_part = plan.parts_of_first_round(end - 1).last;
  std::int64_t channel = begin;
  C total = 0;
  for (std::int64_t part = plan.parts_of_first_round(begin).first; part < last_part; ++part) {
    const std::int64_t first_met = plan.first_channel(part), last_met = std::min(end - 1, plan.last_channel(part));
    const C* const sums_of_part = parts + part * plan.channels_met - first_met;
    for (std::int64_t next = std::max(begin, first_met); next <= last_met; ++next) {
      if (next != channel) store_sum(call, sum, channel, total), total = 0;
      total += sums_of_part[next];
      channel = next;
    }
  }
  store_sum(call, sum, channel, total);
}

/// The second pass, step two: the sums of each channel, and of everything. Without any part (a call without elements) they are
/// 0. Each thread takes channels of its own.
template <class C>
void add_parts(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, int thread, int threads) {
  for (int i = 0; i < sum_kinds; ++i) {
    const Sum& sum = call.sums[i];
    const std::int64_t begin = sum.length * thread / threads, end = sum.length * (thread + 1) / threads;
    if (begin == end) continue;
    C* const parts = static_cast<C*>(call.workspace) + offsets.first[i];
    if (plan.parts == 0) {
      for (std::int64_t channel = begin; channel < end; ++channel) store_sum(call, sum, channel, C(0));
    } else if (sum.length == 1) {
      halve(parts, plan.parts, 1, 1);
      store_sum(call, sum, 0, *parts);
    } else {
      add_channels_of_parts(call, sum, plan, parts, begin, end);
    }
  }
}

}  // namespace rectify::detail
