// The CPU backend's sums (core/sum_plan.hpp). What a thread adds up of a part: a chain of additions for each position of a row, or for each
// lane that positions are folded to. And the second pass, over the parts.
#pragma once

#include "loop.hpp"

#include "core/sum_plan.hpp"

#include <algorithm>

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
    const std::int64_t n = columns == stride ? (rows - kept) * stride : columns;  // whole rows are one
    for (C* to = a; to < a + (rows - kept) * stride; to += std::max(n, stride))
      for (std::int64_t i = 0; i < n; ++i) to[i] += to[i + distance];
    rows = kept;
  }
}

/// The sums of one thread, of a part at a time. The terms of a part's rows are laid on lanes. Where runs of a channel are long, each is
/// folded to as many lanes as keep the chains short, but 32 at least, or an addition waited for the one before it. Not where runs end
/// within a group: a tile for each of those ends takes longer than rows side by side. Else a row is one run, and each of its positions
/// has a lane. Lanes lie in groups: a group's of one sum, then the same group's of the next.
template <class C>
class SumChains {
 public:
  SumChains(const SumPlan& plan, int count, C* memory)
      : plan_(plan), count_(count), folds_(cpu_sum_grain<C>.folds(plan.is_long ? plan.width : plan.inner)), chain_(memory) {
    const std::int64_t width = std::max<std::int64_t>(1, std::min(plan.width, plan.elements));
    constexpr std::int64_t least_lanes = 32, of_a_chain = least_lanes * additions_in_a_chain;
    run_ = !folds_ ? width : plan.is_long ? plan.width : plan.inner;
    lanes_of_run_ = folds_ ? (run_ + of_a_chain - 1) / of_a_chain * least_lanes : (run_ + group - 1) / group * group;
    rows_of_chain_ = std::max<std::int64_t>(1, additions_in_a_chain / ((run_ + lanes_of_run_ - 1) / lanes_of_run_));
    of_level_ = (folds_ ? lanes_for(run_ + width) : lanes_of_run_) * count_;
  }

  /// Numbers that it needs.
  std::int64_t memory() const { return count_ > 0 ? of_level_ * levels + of_level_ / count_ : 0; }

  void start(const SumPart& part) {
    phase_ = folds_ ? part.phase % plan_.inner : 0;
    positions_ = std::min(part.width, part.end - part.base);
    lanes_ = folds_ ? lanes_for(phase_ + positions_) : (positions_ + group - 1) / group * group;
    rows_ = chains_ = 0;
    std::fill_n(chain_, lanes_ * count_, C(0));
  }

  bool folds() const { return folds_; }
  /// At a position of the first run.
  void start_row(std::int64_t position) {
    begin_ = chain_;
    lane_at_ = position;
    left_ = run_ - phase_ - position;
  }

  /// How many of the next `n` positions one span may cover: it must end where a run ends.
  std::int64_t longest(std::int64_t n) const { return std::min(n, left_); }
  /// Points `span` at the sums of its `n` elements. For a partial group these are copies, because the loop adds to whole groups.
  void place(std::int64_t n, Span<C>& span) {
    C* const at = begin_ + lane_at_ * count_;
    span.sums = n < group ? std::copy_n(at, count_ * group, rest_) - count_ * group : at;
    span.sums_begin = begin_;
    span.sums_end = begin_ + lanes_of_run_ * count_;
  }

  /// Beyond a stretch of `n` positions. Without a division of 64 bits, which would cost as much as a tenth of a tile.
  void advance(std::int64_t n) {
    for (std::int64_t sum = 0; n < group && sum < count_; ++sum)
      std::copy_n(rest_ + sum * group, n, begin_ + lane_at_ * count_ + sum * group);
    left_ -= n;
    lane_at_ = static_cast<std::uint32_t>(lane_at_ + n) % static_cast<std::uint32_t>(lanes_of_run_);
    if (left_ > 0) return;
    begin_ += lanes_of_run_ * count_;
    lane_at_ = 0;
    left_ = run_;
  }

  /// A second level of chains, and above it a third, so that none is long.
  void end_row() {
    if (++rows_ < rows_of_chain_) return;
    rows_ = 0;
    move(level(0), level(1), chains_ % chains_in_a_chain == 0);
    if (++chains_ % chains_in_a_chain == 0) move(level(1), level(2), chains_ == chains_in_a_chain);
  }

  /// The part's sum of each channel that it meets, or the one of all. `sum`: its number among those that are summed.
  void sum_part(const SumPart& part, std::int64_t channel, std::int64_t sum, bool of_all, C* into) {
    const bool is_sum = !of_all && plan_.inner == 1 && positions_ <= plan_.period && positions_ % group == 0;
    C* lane = is_sum ? into : level(levels);
    gather(sum, lane);
    if (is_sum) return;
    const std::int64_t lanes = folds_ ? lanes_ : positions_, run = folds_ ? lanes_of_run_ : plan_.inner;
    if (of_all || plan_.is_long) {
      halve(lane, lanes, 1, 1);
      into[0] = lane[0];
      return;
    }
    // Of several rounds of the channels, the first becomes the sum; then each channel's lanes: of its run, or of what is here of it.
    const std::int64_t round = plan_.channels * run;
    if (plan_.strips == 1) halve(lane, lanes / round, round, round);
    C* const end = lane + (plan_.strips > 1 ? lanes : std::min(lanes, round));
    if (run == 1) return static_cast<void>(std::copy(lane, end, into));
    for (std::int64_t here = folds_ ? run : (channel + 1) * run - part.phase; lane < end; lane += here, here = run) {
      here = std::min<std::int64_t>(here, end - lane);
      halve(lane, here, 1, 1);
      *into++ = *lane;
    }
  }

 private:
  static constexpr int levels = 3;

  /// Of folded positions, with those of their first run that are missing.
  std::int64_t lanes_for(std::int64_t positions) const { return (positions + run_ - 1) / run_ * lanes_of_run_; }
  C* level(int number) const { return chain_ + number * of_level_; }

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

  const SumPlan& plan_;
  int count_;  // of sums
  bool folds_;
  std::int64_t run_, lanes_of_run_, rows_of_chain_, of_level_;  // elements; numbers of a level of all sums
  std::int64_t phase_ = 0, positions_ = 0, lanes_ = 0, rows_ = 0, chains_ = 0;
  std::int64_t left_ = 0, lane_at_ = 0;  // of the run at hand: positions, and the lane of the next
  C *chain_, *begin_ = nullptr;
  alignas(line_bytes) C rest_[sum_kinds * group];
};

/// The second pass: what the parts have left in the workspace becomes the sums. Its first step goes by columns of the parts' sums: rows of
/// parts become one, each thread in columns of its own.
template <class C>
void add_rows_of_parts(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, int thread, int threads) {
  for (int i = 0; i < sum_kinds; ++i) {
    if (call.sums[i].length <= 1) continue;
    const std::int64_t columns = plan.parts / plan.rounds() * plan.channels_met;
    const std::int64_t first = columns * thread / threads, last = columns * (thread + 1) / threads;
    halve(static_cast<C*>(call.workspace) + offsets.first[i] + first, plan.rounds(), columns, last - first);
  }
}

/// The second: what is left of each channel, part by part in their order, and sums of everything. By parts and not by channels: to find
/// a channel's parts takes divisions, and [8, 1024] took twice as long. Parts come in the order of their channels, so a channel is done
/// when another comes.
template <class C>
void add_parts(const Elementwise& call, const SumPlan& plan, const SumOffsets& offsets, int thread, int threads) {
  for (int i = 0; i < sum_kinds; ++i) {
    const Sum& sum = call.sums[i];
    const std::int64_t first = sum.length * thread / threads, last = sum.length * (thread + 1) / threads;
    if (first == last) continue;
    C* const parts = static_cast<C*>(call.workspace) + offsets.first[i];
    const auto put = [&](std::int64_t channel, C total) {
      C& out = static_cast<C*>(sum.data)[channel * sum.stride];
      out = call.accumulate ? out + total : total;
    };
    if (plan.parts == 0 || sum.length == 1) {
      if (plan.parts > 0) halve(parts, plan.parts, 1, 1);
      for (std::int64_t channel = first; channel < last; ++channel) put(channel, plan.parts > 0 ? parts[0] : C(0));
      continue;
    }
    const std::int64_t end = plan.parts_of_first_round(last - 1).last;
    std::int64_t channel = first;
    C total = 0;
    for (std::int64_t part = plan.parts_of_first_round(first).first; part < end; ++part) {
      const std::int64_t met = plan.first_channel(part), to = std::min(last - 1, plan.last_channel(part));
      const C* const of_part = parts + part * plan.channels_met - met;
      for (std::int64_t next = std::max(first, met); next <= to; ++next) {
        if (next != channel) put(channel, total), total = 0;
        total += of_part[next];
        channel = next;
      }
    }
    put(channel, total);
  }
}

}  // namespace rectify::detail
