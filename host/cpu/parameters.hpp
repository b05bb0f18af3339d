// The numbers of a stretch's elements, whatever channels they are in, as the lines that a loop reads them from.
#pragma once

#include "tensors.hpp"

namespace rectify::detail {

/// The five parameters of one thread. Where channels run for long, a stretch is of one, and one group of its number serves all of it.
/// Where they come round soon, a period of them is laid out once, and loops go round in it. Else numbers are laid out tile by tile.
template <class T>
class SpanParameters {
  using C = Compute<T>;
  static constexpr std::int64_t long_run = 192;                       // elements; of shorter ones the ends cost more than tiles
  static constexpr std::int64_t longest_period = 524288 / sizeof(C);  // numbers
  static constexpr std::int64_t worth = 4;  // periods of a thread's elements; of fewer, one saves nothing

 public:
  /// Numbers of memory that a thread needs for a call.
  static std::int64_t memory(const Layout& layout, const Loop<C>& loop, std::int64_t threads) {
    if (!reads_any(loop) || layout.channels == 1 || layout.inner >= long_run) return 0;
    return parameter_kinds * numbers_of(period_of(layout, threads));
  }

  /// Keeps a reference to `span`, and updates its numbers, phase and period before each run of the loop (start).
  SpanParameters(const Elementwise& call, const Rectifier<C>& f, const Loop<C>& loop, std::int64_t threads, C* memory,
                 Span<C>& span)
      : layout_(call.layout), parameter_(call.parameters), period_(period_of(call.layout, threads)), span_(span) {
    const C absent[] = {Neutral<C>::scale, Neutral<C>::bias, f.alpha, f.threshold, f.max_value};
    span.phase = 0;
    span.period = period_ > 0 ? period_ : std::int64_t{1} << 62;  // which no place reaches
    if (!reads_any(loop)) return;
    for (int k = 0; k < parameter_kinds; ++k) {
      const bool is_channelwise = parameter_[k].data != nullptr && parameter_[k].stride != 0;
      if (is_channelwise) channelwise_[channelwise_count_++] = k;
      if (!is_channelwise) std::fill_n(one_[k], group, parameter_[k].data == nullptr ? absent[k] : value(k, 0));
      span.numbers[k] = is_channelwise && layout_.inner < long_run ? memory + k * numbers_of(period_) : one_[k];
      span.each[k] = 0;
    }
    if (period_ > 0) lay_out(0, numbers_of(period_));
  }

  /// Of `n` elements from there on, how many one stretch may have.
  std::int64_t longest(std::int64_t first, std::int64_t n) {
    if (channelwise_count_ == 0 || period_ > 0) return n;
    if (layout_.inner < long_run) return std::min(n, tile_elements<T>);
    seek(first);
    return std::min(n, std::max(left_, group));
  }

  void start(std::int64_t first, std::int64_t n) {
    if (period_ > 0) span_.phase = first % period_;
    if (period_ == 0 && channelwise_count_ > 0) lay_out(first, n);
  }

 private:
  static bool reads_any(const Loop<C>& loop) { return (loop.operands & ~reads_residual) != 0; }

  /// 0 where none is laid out. At least a group, so that a loop comes round at most once in one.
  static std::int64_t period_of(const Layout& layout, std::int64_t threads) {
    if (layout.channels == 1 || layout.inner >= long_run) return 0;
    const std::int64_t round = layout.channels * layout.inner, period = (group + round - 1) / round * round;
    return period <= longest_period && period * worth * threads <= layout.elements ? period : 0;
  }

  /// A parameter's: with what a group that begins in the period's last place reads beyond it, or of a tile. Multiples of a group.
  static std::int64_t numbers_of(std::int64_t period) {
    return period > 0 ? (period + 2 * group - 1) / group * group : tile_elements<T>;
  }

  C value(int k, std::int64_t channel) const {
    const std::int64_t at = channel * parameter_[k].stride;
    return parameter_[k].in_compute_type ? static_cast<const C*>(parameter_[k].data)[at]
                                         : static_cast<C>(static_cast<const T*>(parameter_[k].data)[at]);
  }

  /// The place is kept from stretch to stretch, as to find it takes two divisions.
  void seek(std::int64_t element) {
    if (element == next_) return;
    next_ = element;
    channel_ = element / layout_.inner % layout_.channels;
    left_ = layout_.inner - element % layout_.inner;
  }

  void lay_out(std::int64_t first, std::int64_t n) {
    seek(first);
    const bool of_one = layout_.inner >= long_run && n <= left_;
    for (int i = 0; i < channelwise_count_; ++i) {
      span_.each[channelwise_[i]] = of_one ? 0 : -1;
      fill(channelwise_[i], of_one ? group : n);
    }
    next_ = n > left_ ? -1 : first + n;
    left_ -= n;
    if (left_ == 0) channel_ = channel_ + 1 == layout_.channels ? 0 : channel_ + 1, left_ = layout_.inner;
  }

  /// Of `n` elements from the place at hand on.
  void fill(int k, std::int64_t n) const {
    std::int64_t channel = channel_, run = left_;
    for (C *to = span_.numbers[k], *const end = to + n; to < end; to += run, run = layout_.inner) {
      if (layout_.inner == 1) {
        run = std::min<std::int64_t>(layout_.channels - channel, end - to);
        const bool widens = parameter_[k].stride == 1 && !parameter_[k].in_compute_type;
        const std::int64_t done = widens ? run / group * group : 0;
        const Loops<T>& loops = loops_of_this_machine();
        loops.widen(static_cast<const T*>(parameter_[k].data) + channel, done, to);
        for (std::int64_t i = done; i < run; ++i) to[i] = value(k, channel + i);
        channel += run;
      } else {
        run = std::min<std::int64_t>(run, end - to);
        std::fill_n(to, run, value(k, channel++));
      }
      if (channel == layout_.channels) channel = 0;
    }
  }

  const Layout& layout_;
  const Parameter* parameter_;
  std::int64_t period_;
  Span<C>& span_;
  std::int64_t next_ = -1, channel_ = 0, left_ = 0;  // the element that comes next, its channel, and what is left of that
  int channelwise_[parameter_kinds], channelwise_count_ = 0;
  alignas(line_bytes) C one_[parameter_kinds][group];
};

}  // namespace rectify::detail
