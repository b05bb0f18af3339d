// The CPU backend's sums (detail/sums.hpp). What a thread adds up of a part: a chain of additions for each position of a row, or for each
// lane that positions are folded to. And the second pass, over the parts.
#pragma once

#include "loop.hpp"

#include <rectify/detail/element_ops.hpp>
#include <rectify/detail/sums.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace rectify::detail {

/// Positions that are summed side by side: 32 KiB a sum, so that five of them stay in a second-level cache, and 4 KiB where a part can
/// choose, so that they stay in a first one. Runs of a channel of 192 elements and more are folded.
template <class C>
constexpr SumGrain cpu_sum_grain = {32768 / sizeof(C), 4096 / sizeof(C), 512, 64, 192, group, 131072 / sizeof(C)};

/// Terms that are added up before their sum is put with that of others: chains of additions stay short, which bounds the error.
constexpr std::int64_t additions_in_a_chain = 32, chains_in_a_chain = 16;

static_assert(additions_in_a_chain % bands == 0);

/// Of `rows` rows, `stride` numbers apart, the first becomes the sum in `columns` of them; by halves.
template <class C>
void halve(C* a, std::int64_t rows, std::int64_t stride, std::int64_t columns) {
  while (rows > 1) {
    const std::int64_t kept = (rows + 1) / 2, distance = kept * stride;
    const bool as_one = columns == stride;
    const std::int64_t n = as_one ? (rows - kept) * stride : columns;
    for (C* to = a; to < a + (as_one ? 1 : (rows - kept) * stride); to += stride)
      for (std::int64_t i = 0; i < n; ++i) to[i] += to[i + distance];
    rows = kept;
  }
}

/// How the terms of a part's row are laid on positions: each on its own, or, where runs of a channel are long, each run folded to as many
/// lanes as keep the chains short. Not where runs end within a group: a tile for each of those ends takes longer than rows side by side.
/// Lanes are 32 at least, or an addition waited for the one before it.
struct Fold {
  std::int64_t run;    ///< elements of a channel that are neighbours
  std::int64_t lanes;  ///< that they are folded to; 0 where they are not
  std::int64_t rows;   ///< in a chain

  static constexpr std::int64_t least_lanes = 32;

  template <class C>
  static Fold of(const SumPlan& plan) {
    const std::int64_t run = plan.is_long ? plan.width : plan.inner;
    if (!cpu_sum_grain<C>.folds(run)) return {run, 0, additions_in_a_chain};
    constexpr std::int64_t of_a_chain = least_lanes * additions_in_a_chain;
    const std::int64_t lanes = (run + of_a_chain - 1) / of_a_chain * least_lanes;
    return {run, lanes, std::max<std::int64_t>(1, additions_in_a_chain / ((run + lanes - 1) / lanes))};
  }

  /// Of `positions`, a part's at most.
  std::int64_t most_lanes(std::int64_t positions) const {
    return lanes > 0 ? ((positions + run - 1) / run + 1) * lanes : (positions + group - 1) / group * group;
  }
};

/// The sums of one thread, of a part at a time. Lanes lie in groups: a group's of one sum, then the same group's of the next.
template <class C>
class SumChains {
 public:
  /// Numbers of memory, for `count` sums.
  static std::int64_t memory(const SumPlan& plan, std::int64_t count) {
    if (plan.parts == 0) return 0;
    return most_lanes(plan) * (levels * count + 1);
  }

  SumChains(const SumPlan& plan, std::int64_t count, C* memory)
      : plan_(plan),
        fold_(Fold::of<C>(plan)),
        count_(count),
        of_level_(count > 0 ? most_lanes(plan) * count : 0),
        chain_(memory),
        lane_(level(levels)) {}

  void start(const SumPart& part) {
    phase_ = plan_.is_long ? 0 : part.phase % plan_.inner;
    positions_ = std::min(part.width, part.end - part.base);
    lanes_ = (positions_ + group - 1) / group * group;
    if (is_folded()) lanes_ = (phase_ + positions_ + fold_.run - 1) / fold_.run * fold_.lanes;
    rows_ = chains_ = 0;
    std::fill_n(chain_, lanes_ * count_, C(0));
  }

  bool is_folded() const { return fold_.lanes > 0; }

  /// Of `n` positions that come next, those that a stretch may go over: to the end of a folded run.
  std::int64_t longest(std::int64_t n) const { return is_folded() ? std::min(n, left_) : n; }

  /// Where a stretch of `n` elements from there on adds its terms. Of less than a group: to copies, as its loop adds to whole ones.
  void place(std::int64_t position, std::int64_t n, Span<C>& span) {
    span.sums = n < group ? std::copy_n(at(position), count_ * group, rest_) - count_ * group : at(position);
    span.sums_begin = begin_;
    span.sums_end = is_folded() ? begin_ + fold_.lanes * count_ : nullptr;
  }

  void take_rest(std::int64_t position, std::int64_t n) {
    for (std::int64_t sum = 0; sum < count_; ++sum) std::copy_n(rest_ + sum * group, n, at(position) + sum * group);
  }

  /// Beyond a stretch of `n` positions. Without a division of 64 bits, which would cost as much as a tenth of a tile.
  void advance(std::int64_t n) {
    if (!is_folded()) return;
    left_ -= n;
    lane_at_ = static_cast<std::uint32_t>(lane_at_ + n) % static_cast<std::uint32_t>(fold_.lanes);
    if (left_ > 0) return;
    begin_ += fold_.lanes * count_;
    start_run(fold_.run);
  }

  void start_row() {
    begin_ = chain_;
    start_run(fold_.run - phase_);
  }

  void end_row() {
    if (++rows_ == fold_.rows) end_chain();
  }

  /// The part's sum of each channel that it meets, or the one of all. `sum`: its number among those that are summed.
  void finish(const SumPart& part, std::int64_t channel, std::int64_t sum, bool of_all, C* into) {
    const bool is_sum = !of_all && plan_.inner == 1 && positions_ <= plan_.period && positions_ % group == 0;
    gather(sum, is_sum ? into : lane_);
    if (is_sum) return;
    if (of_all || plan_.channels == 1 || plan_.is_long) {
      halve(lane_, is_folded() ? lanes_ : positions_, 1, 1);
      into[0] = lane_[0];
    } else if (is_folded()) {
      finish_folded(into);
    } else {
      finish_positions(part, channel, into);
    }
  }

 private:
  static constexpr int levels = 3;

  C* at(std::int64_t position) const { return is_folded() ? begin_ + lane_at_ * count_ : chain_ + position * count_; }

  static std::int64_t most_lanes(const SumPlan& plan) {
    return Fold::of<C>(plan).most_lanes(std::min(plan.width, plan.elements));
  }

  void start_run(std::int64_t positions) {
    left_ = positions;
    lane_at_ = 0;
  }

  C* level(int number) const { return chain_ + number * of_level_; }

  /// A second level of chains, and above it a third, so that none is long.
  void end_chain() {
    rows_ = 0;
    move(level(0), level(1), chains_ % chains_in_a_chain == 0);
    if (++chains_ % chains_in_a_chain == 0) move(level(1), level(2), chains_ == chains_in_a_chain);
  }
  void move(C* from, C* to, bool first) {
    for (std::int64_t i = 0; i < lanes_ * count_; ++i) {
      to[i] = first ? from[i] : to[i] + from[i];
      from[i] = 0;
    }
  }

  /// One sum's lanes, of all levels.
  void gather(std::int64_t sum, C* into) const {
    const bool present[levels] = {true, chains_ % chains_in_a_chain != 0, chains_ >= chains_in_a_chain};
    for (int number = 0; number < levels; ++number) {
      const C* from = level(number) + sum * group;
      for (std::int64_t lane = 0; present[number] && lane < lanes_; lane += group, from += count_ * group)
        for (int k = 0; k < group; ++k) into[lane + k] = number == 0 ? from[k] : into[lane + k] + from[k];
    }
  }

  void finish_folded(C* into) {
    std::int64_t lanes = lanes_;
    if (plan_.strips == 1) {
      lanes = plan_.channels * fold_.lanes;
      halve(lane_, lanes_ / lanes, lanes, lanes);
    }
    for (C* lane = lane_; lane < lane_ + lanes; lane += fold_.lanes) {
      halve(lane, fold_.lanes, 1, 1);
      *into++ = *lane;
    }
  }

  void finish_positions(const SumPart& part, std::int64_t channel, C* into) {
    if (plan_.strips == 1) halve(lane_, positions_ / plan_.period, plan_.period, plan_.period);
    const std::int64_t end = std::min(part.phase + positions_, plan_.period);
    if (plan_.inner == 1) {
      std::copy_n(lane_, end - part.phase, into);
      return;
    }
    for (std::int64_t first = part.phase; first < end; ++channel) {
      const std::int64_t last = std::min((channel + 1) * plan_.inner, end);
      C* const run = lane_ + (first - part.phase);
      halve(run, last - first, 1, 1);
      *into++ = *run;
      first = last;
    }
  }

  const SumPlan& plan_;
  Fold fold_;
  std::int64_t count_, of_level_;  // sums, and numbers of a level of them
  std::int64_t phase_ = 0, positions_ = 0, lanes_ = 0, rows_ = 0, chains_ = 0;
  std::int64_t left_ = 0, lane_at_ = 0;  // of the run at hand: positions, and the lane of the next
  C *chain_, *lane_, *begin_ = nullptr;
  alignas(line_bytes) C rest_[sum_slots * group];
};

// The second pass: what the parts have left in the workspace becomes the sums.

/// The first of two steps, by columns of the parts' sums: rows of parts become one, each thread in columns of its own.
template <class C>
void gather_rows(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, std::int64_t thread,
                 std::int64_t threads) {
  for (int i = 0; i < sum_slots; ++i) {
    if (call.sums[i].length <= 1) continue;
    const std::int64_t columns = plan.parts / plan.rows_of_parts() * plan.slots;
    const std::int64_t first = columns * thread / threads, last = columns * (thread + 1) / threads;
    halve(static_cast<C*>(call.workspace) + offsets.of[i] + first, plan.rows_of_parts(), columns, last - first);
  }
}

/// The second: what is left of each channel, part by part in their order, and sums of everything. By parts and not by channels: to find
/// a channel's parts takes divisions, and [8, 1024] took twice as long.
template <class C>
void finish_sums(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, std::int64_t thread,
                 std::int64_t threads) {
  for (int i = 0; i < sum_slots; ++i) {
    const Sum& sum = call.sums[i];
    const std::int64_t first = sum.length * thread / threads, last = sum.length * (thread + 1) / threads;
    if (first == last) continue;
    C* const parts = static_cast<C*>(call.workspace) + offsets.of[i];
    C* const totals = static_cast<C*>(sum.data);
    for (std::int64_t channel = first; channel < last; ++channel) totals[channel * sum.stride] = 0;
    if (plan.parts == 0) continue;
    if (sum.length == 1) {
      halve(parts, plan.parts, 1, 1);
      totals[0] = parts[0];
      continue;
    }
    const std::int64_t end = plan.parts_in_a_row(last - 1).last;
    for (std::int64_t part = plan.parts_in_a_row(first).first; part < end; ++part) {
      const std::int64_t met = plan.first_channel(part);
      const C* const of_part = parts + part * plan.slots - met;
      const std::int64_t from = std::max(first, met), to = std::min(last, plan.last_channel(part) + 1);
      for (std::int64_t channel = from; channel < to; ++channel) totals[channel * sum.stride] += of_part[channel];
    }
  }
}

}  // namespace rectify::detail
