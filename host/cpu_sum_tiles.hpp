// What a thread of the CPU backend adds up of a part of a call's sums (detail/sums.hpp).
#pragma once

#include "cpu_loops.hpp"
#include "cpu_parameters.hpp"

#include <rectify/detail/sums.hpp>

#include <algorithm>
#include <cstdint>
#include <utility>

namespace rectify::detail {

/// Positions that are summed side by side: 32 KiB a sum, so that five of them stay in a second-level cache, and 4 KiB where a part can
/// choose, so that they stay in a first one.
template <class C>
constexpr SumGrain cpu_sum_grain = {32768 / sizeof(C),          4096 / sizeof(C),  512, 64, long_stretch,
                                    line_bytes / sizeof(float), 131072 / sizeof(C)};

/// Terms that are added up before their sum is put with that of others: chains of additions stay short, which bounds the error.
constexpr std::int64_t additions_in_a_chain = 32, chains_in_a_chain = 16;

/// Runs of a part's rows that are walked side by side, where stretches are not folded: the sums of a position are loaded and stored once
/// for a row of each. Neighbouring rows side by side would each be read to its end, and the processor fetched beyond it in vain.
constexpr int bands = 4;
static_assert(additions_in_a_chain % bands == 0);

/// Of `rows` rows, `stride` numbers apart, the first becomes the sum in `columns` of them; by halves.
template <class C>
RECTIFY_NOINLINE void halve(C* a, std::int64_t rows, std::int64_t stride, std::int64_t columns) {
  while (rows > 1) {
    const std::int64_t kept = (rows + 1) / 2, distance = kept * stride;
    if (columns == stride) {
      for (std::int64_t i = 0; i < (rows - kept) * stride; ++i) a[i] += a[i + distance];
    } else {
      for (std::int64_t row = 0; row < rows - kept; ++row) {
        C* const to = a + row * stride;
        for (std::int64_t i = 0; i < columns; ++i) to[i] += to[i + distance];
      }
    }
    rows = kept;
  }
}

/// How the terms of a part's row are laid on positions: each on its own, or, where stretches of a channel are long, each stretch folded
/// to as many lanes as keep the chains short. Not where stretches end within a line: a tile for each of those ends takes longer than rows
/// side by side. Lanes are whole lines of every kind of call, so that all sum in one order; and four vectors at least, or an addition
/// waited for the one before it.
struct Fold {
  std::int64_t stretch;  ///< elements of a channel that are neighbours
  std::int64_t lanes;    ///< that they are folded to; 0 where they are not
  std::int64_t rows;     ///< in a chain

  static constexpr std::int64_t least_lanes = 4 * store_bytes / sizeof(float);

  template <class C>
  static Fold of(const SumPlan& plan) {
    const std::int64_t stretch = plan.is_long ? plan.width : plan.inner;
    if (!cpu_sum_grain<C>.folds(stretch)) return {stretch, 0, additions_in_a_chain};
    constexpr std::int64_t of_a_chain = least_lanes * additions_in_a_chain;
    const std::int64_t lanes = (stretch + of_a_chain - 1) / of_a_chain * least_lanes;
    return {stretch, lanes, std::max<std::int64_t>(1, additions_in_a_chain / ((stretch + lanes - 1) / lanes))};
  }
};

/// The sums of one thread, of a part at a time. Lanes lie in lines: a line's of one sum, then the same line's of the next.
template <class C, class Set, int Line>
class SumTiles {
  static constexpr std::int64_t width = cpu_sum_grain<C>.width, count = Set::count;
  /// Lanes at most where stretches are folded, which they are to the most where they are shortest.
  static constexpr std::int64_t folded = (cpu_sum_grain<C>.folded_width / long_stretch + 2) * Fold::least_lanes;
  static_assert(folded <= width && Fold::least_lanes % Line == 0);

 public:
  void start(const Fold& fold, const SumPlan& plan, const SumPart& part) {
    fold_ = fold;
    phase_ = plan.is_long ? 0 : part.phase % plan.inner;
    positions_ = std::min(part.width, part.end - part.base);
    lanes_ = positions_;
    if (is_folded()) lanes_ = (phase_ + positions_ + fold.stretch - 1) / fold.stretch * fold.lanes;
    lanes_ = (lanes_ + Line - 1) / Line * Line;
    rows_ = chains_ = 0;
    std::fill_n(chain_, lanes_ * count, C(0));
  }

  bool is_folded() const { return fold_.lanes > 0; }

  /// Of `n` positions that come next, those that a tile may go over: to the end of a folded stretch.
  std::int64_t longest(std::int64_t n) const { return is_folded() ? std::min(n, left_) : n; }

  SumLines<C> at(std::int64_t position) const {
    if (!is_folded()) return {chain_ + position * count, chain_, nullptr};
    return {begin_ + lane_at_ * count, begin_, begin_ + fold_.lanes * count};
  }

  /// Beyond a tile of `n` positions. Without a division, which would cost as much as a tenth of a tile.
  void advance(std::int64_t n) {
    if (!is_folded()) return;
    left_ -= n;
    lane_at_ = static_cast<std::uint32_t>(lane_at_ + n) % static_cast<std::uint32_t>(fold_.lanes);
    if (left_ > 0) return;
    begin_ += fold_.lanes * count;
    start_stretch(fold_.stretch);
  }

  void start_row() {
    begin_ = chain_;
    start_stretch(fold_.stretch - phase_);
  }

  void end_row() {
    if (++rows_ == fold_.rows) end_chain();
  }

  /// The part's sum of each channel that it meets, or the one of all. `slot`: of those that the set has.
  RECTIFY_NOINLINE void finish(const SumPlan& plan, const SumPart& part, std::int64_t channel, std::int64_t slot, bool of_all,
                               C* into) {
    const bool is_sum = !of_all && plan.inner == 1 && positions_ <= plan.period && positions_ % Line == 0;
    gather(slot, is_sum ? into : lane_);
    if (is_sum) return;
    if (of_all || plan.channels == 1 || plan.is_long) {
      halve(lane_, is_folded() ? lanes_ : positions_, 1, 1);
      into[0] = lane_[0];
    } else if (is_folded()) {
      finish_folded(plan, into);
    } else {
      finish_positions(plan, part, channel, into);
    }
  }

 private:
  void start_stretch(std::int64_t positions) {
    left_ = positions;
    lane_at_ = 0;
  }

  /// A second level of chains, and above it a third, so that none is long.
  RECTIFY_NOINLINE void end_chain() {
    const std::int64_t numbers = lanes_ * count;
    rows_ = 0;
    if (chains_ % chains_in_a_chain != 0) {
      for (std::int64_t i = 0; i < numbers; ++i) {
        others_[i] += chain_[i];
        chain_[i] = 0;
      }
    } else {
      if (chains_ == chains_in_a_chain) std::copy_n(others_, numbers, above_);
      if (chains_ > chains_in_a_chain)
        for (std::int64_t i = 0; i < numbers; ++i) above_[i] += others_[i];
      std::swap(chain_, others_);
      std::fill_n(chain_, numbers, C(0));
    }
    ++chains_;
  }

  /// One sum's lanes, of all levels.
  void gather(std::int64_t slot, C* into) const {
    for (std::int64_t lane = 0; lane < lanes_; lane += Line) {
      const std::int64_t from = lane * count + slot * Line;
      for (int k = 0; k < Line; ++k) into[lane + k] = chain_[from + k];
      if (chains_ > 0)
        for (int k = 0; k < Line; ++k) into[lane + k] += others_[from + k];
      if (chains_ > chains_in_a_chain)
        for (int k = 0; k < Line; ++k) into[lane + k] += above_[from + k];
    }
  }

  void finish_folded(const SumPlan& plan, C* into) {
    std::int64_t lanes = lanes_;
    if (plan.strips == 1) {
      lanes = plan.channels * fold_.lanes;
      halve(lane_, lanes_ / lanes, lanes, lanes);
    }
    for (C* lane = lane_; lane < lane_ + lanes; lane += fold_.lanes) {
      halve(lane, fold_.lanes, 1, 1);
      *into++ = *lane;
    }
  }

  void finish_positions(const SumPlan& plan, const SumPart& part, std::int64_t channel, C* into) {
    if (plan.strips == 1) halve(lane_, positions_ / plan.period, plan.period, plan.period);
    const std::int64_t end = std::min(part.phase + positions_, plan.period);
    if (plan.inner == 1) {
      std::copy_n(lane_, end - part.phase, into);
      return;
    }
    for (std::int64_t first = part.phase; first < end; ++channel) {
      const std::int64_t last = std::min((channel + 1) * plan.inner, end);
      C* const stretch = lane_ + (first - part.phase);
      halve(stretch, last - first, 1, 1);
      *into++ = *stretch;
      first = last;
    }
  }

  Fold fold_ = {};
  std::int64_t phase_ = 0, positions_ = 0, lanes_ = 0, rows_ = 0, chains_ = 0;
  std::int64_t left_ = 0, lane_at_ = 0;  // of the stretch at hand: positions, and the lane of the next
  alignas(64) C storage_[2][width * count];
  C *chain_ = storage_[0], *others_ = storage_[1], *begin_ = nullptr;
  alignas(64) C above_[folded * count], lane_[width];
};

/// In the place of them in a loop without.
template <class C, int Line>
struct SumTiles<C, NoSums, Line> {
  SumLines<C> at(std::int64_t) { return {}; }
};

}  // namespace rectify::detail
