// The CPU backend's sums: what a thread adds up at each position of a part, and the second pass over the parts (detail/sums.hpp).
#pragma once

#include "cpu_tiles.hpp"

#include <rectify/detail/sums.hpp>

#include <algorithm>
#include <cstdint>

namespace rectify::detail {

/// Positions that are summed side by side: 32 KiB a sum, so that five of them stay in a second-level cache, and 4 KiB where a part can
/// choose, so that they stay in a first one.
template <class C>
constexpr SumGrain cpu_sum_grain = {32768 / sizeof(C), 4096 / sizeof(C), 512, 128};

/// Rows that are added up before their sum is put with that of others: chains of additions stay short, which bounds the error.
constexpr std::int64_t rows_in_a_chain = 32;

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

/// One sum of one thread, of a part at a time.
template <class C>
class SumTile {
  static constexpr std::int64_t width = cpu_sum_grain<C>.width;

 public:
  void start(std::int64_t positions) {
    positions_ = positions;
    has_others_ = false;
    std::fill_n(chain_, positions, C(0));
  }

  /// Where the next row adds its terms.
  C* at(std::int64_t position) { return chain_ + position; }

  RECTIFY_NOINLINE void end_chain() {
    if (has_others_) {
      for (std::int64_t i = 0; i < positions_; ++i) others_[i] += chain_[i];
    } else {
      std::copy_n(chain_, positions_, others_);
    }
    has_others_ = true;
    std::fill_n(chain_, positions_, C(0));
  }

  /// The part's sum of each channel that it meets, or the one of all.
  RECTIFY_NOINLINE void finish(const SumPlan& plan, const SumPart& part, std::int64_t channel, bool of_all, C* into) {
    if (has_others_) {
      for (std::int64_t i = 0; i < positions_; ++i) chain_[i] += others_[i];
    }
    if (of_all || plan.channels == 1 || plan.is_long) {
      halve(chain_, positions_, 1, 1);
      into[0] = chain_[0];
      return;
    }
    if (plan.strips == 1) halve(chain_, positions_ / plan.period, plan.period, plan.period);
    const std::int64_t end = std::min(part.phase + positions_, plan.period);
    if (plan.inner == 1) {
      std::copy_n(chain_, end - part.phase, into);
      return;
    }
    for (std::int64_t first = part.phase; first < end; ++channel) {
      const std::int64_t last = std::min((channel + 1) * plan.inner, end);
      C* const stretch = chain_ + (first - part.phase);
      halve(stretch, last - first, 1, 1);
      *into++ = *stretch;
      first = last;
    }
  }

 private:
  std::int64_t positions_ = 0;
  bool has_others_ = false;
  alignas(64) C chain_[width], others_[width];
  char apart_[832];  // or the sums of one position would lie a multiple of 4 KiB from each other, where loads wait for stores
};

/// In the place of a sum that a loop is not compiled for.
template <class C>
struct NoSum {
  void start(std::int64_t) {}
  C* at(std::int64_t) { return nullptr; }
  void end_chain() {}
  void finish(const SumPlan&, const SumPart&, std::int64_t, bool, C*) {}
};

/// The five of a thread.
template <class C, class Set>
struct SumTiles {
  std::conditional_t<Set::scale, SumTile<C>, NoSum<C>> scale;
  std::conditional_t<Set::bias, SumTile<C>, NoSum<C>> bias;
  std::conditional_t<Set::alpha, SumTile<C>, NoSum<C>> alpha;
  std::conditional_t<Set::threshold, SumTile<C>, NoSum<C>> threshold;
  std::conditional_t<Set::max_value, SumTile<C>, NoSum<C>> max_value;

  /// f(slot, tile) for each.
  template <class F>
  void for_each(const F& f) {
    f(sum_scale, scale);
    f(sum_bias, bias);
    f(sum_alpha, alpha);
    f(sum_threshold, threshold);
    f(sum_max_value, max_value);
  }
};

/// The first of two steps of the second pass, by columns of the parts' sums: rows of parts become one, each thread in columns of its
/// own.
template <class C>
void gather_rows(const Elementwise& call, const SumPlan& plan, std::int64_t thread, std::int64_t threads) {
  const SumOffsets offsets = sum_offsets(call, plan);
  for (int i = 0; i < sum_slots; ++i) {
    if (call.sums[i].length <= 1) continue;
    const std::int64_t columns = plan.parts / plan.rows_of_parts() * plan.slots;
    const std::int64_t first = columns * thread / threads, last = columns * (thread + 1) / threads;
    halve(static_cast<C*>(call.workspace) + offsets.of[i] + first, plan.rows_of_parts(), columns, last - first);
  }
}

/// The second: what is left of each channel, and sums of everything.
template <class C>
void finish_sums(const Elementwise& call, const SumPlan& plan, std::int64_t thread, std::int64_t threads) {
  const SumOffsets offsets = sum_offsets(call, plan);
  for (int i = 0; i < sum_slots; ++i) {
    const Sum& sum = call.sums[i];
    C* const parts = static_cast<C*>(call.workspace) + offsets.of[i];
    for (std::int64_t channel = sum.length * thread / threads; channel < sum.length * (thread + 1) / threads; ++channel) {
      C total = 0;
      if (sum.length == 1) {
        halve(parts, plan.parts, 1, 1);
        if (plan.parts > 0) total = *parts;
      } else {
        const SumPlan::Range range = plan.parts_in_a_row(channel);
        for (std::int64_t part = range.first; part < range.last; ++part)
          total += parts[part * plan.slots + channel - plan.first_channel(part)];
      }
      static_cast<C*>(sum.data)[channel * sum.stride] = total;
    }
  }
}

}  // namespace rectify::detail
