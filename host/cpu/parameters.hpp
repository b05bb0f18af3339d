// The numbers of a stretch's elements, whatever channels they are in, as the lines that a loop reads them from.
#pragma once

#include "inputs.hpp"

#include <rectify/detail/element_ops.hpp>

#include <limits>

namespace rectify::detail {

/// The five parameters of one thread. Where channels run for long, a stretch is of one, and one group of its number serves all of it.
/// Where they come round soon, a period of them is laid out once, and loops go round in it. Else numbers are laid out tile by tile.
template <class T>
class Parameters {
  using C = Compute<T>;
  static constexpr std::int64_t long_run = 192;                       // elements; of shorter ones the ends cost more than tiles
  static constexpr std::int64_t longest_period = 524288 / sizeof(C);  // numbers
  static constexpr std::int64_t worth = 4;  // periods of a thread's elements; of fewer, one saves nothing

 public:
  /// Numbers of memory for the periods of a call.
  static std::int64_t memory(const Elementwise& call, std::int64_t threads) {
    if (!comes_round(call.layout, threads)) return 0;
    std::int64_t channelwise = 0;
    for (const Parameter* parameter : {&call.scale, &call.bias, &call.alpha, &call.threshold, &call.max_value})
      channelwise += is_channelwise(*parameter);
    return channelwise * period_numbers(call.layout);
  }

  /// Keeps the lines and the period of `span` to what its stretch needs.
  Parameters(const Elementwise& call, const Rectifier<C>& f, void (*widen)(const T*, std::int64_t, C*), std::int64_t threads,
             C* memory, Span<C>& span)
      : layout_(call.layout),
        widen_(widen),
        parameter_{&call.scale, &call.bias, &call.alpha, &call.threshold, &call.max_value},
        in_periods_(comes_round(call.layout, threads)),
        span_(span) {
    const C numbers[] = {Neutral<C>::scale, Neutral<C>::bias, f.alpha, f.threshold, f.max_value};
    span.phase = 0;
    span.period = in_periods_ ? period_of(layout_) : std::numeric_limits<std::int64_t>::max();
    for (int k = 0; k < parameter_count; ++k) {
      span.parameters[k] = {buffer_[k], 0};
      if (!is_channelwise(*parameter_[k])) {
        std::fill_n(buffer_[k], group, parameter_[k]->data == nullptr ? numbers[k] : value(k, 0));
      } else if (in_periods_) {
        seek(0);
        fill(k, memory, period_numbers(layout_));
        span.parameters[k] = {memory, group};
        memory += period_numbers(layout_);
      } else {
        channelwise_[channelwise_count_++] = k;
      }
    }
  }

  /// Of `n` elements from there on, how many one stretch may have.
  std::int64_t longest(std::int64_t first, std::int64_t n) {
    if (channelwise_count_ == 0) return n;
    if (layout_.inner < long_run) return std::min(n, tile_elements<T>);
    if (first != next_) seek(first);
    return std::min(n, left_ >= group ? left_ : group);
  }

  void lay_out(std::int64_t first, std::int64_t n) {
    if (in_periods_) span_.phase = first % span_.period;
    if (channelwise_count_ == 0) return;
    if (first != next_) seek(first);
    const bool of_one = layout_.inner >= long_run && n <= left_;
    for (int i = 0; i < channelwise_count_; ++i) {
      const int k = channelwise_[i];
      span_.parameters[k].step = of_one ? 0 : group;
      if (!of_one) fill(k, buffer_[k], n);
      if (of_one) std::fill_n(buffer_[k], group, value(k, channel_));
    }
    if (n > left_) return seek(first + n);
    next_ += n, left_ -= n;
    if (left_ == 0) channel_ = channel_ + 1 == layout_.channels ? 0 : channel_ + 1, left_ = layout_.inner;
  }

 private:
  static bool is_channelwise(const Parameter& parameter) { return parameter.data != nullptr && parameter.stride != 0; }

  /// At least a group, so that a loop comes round at most once in one.
  static std::int64_t period_of(const Layout& layout) {
    const std::int64_t round = layout.channels * layout.inner;
    return (group + round - 1) / round * round;
  }
  /// With what a group that begins in the last place reads beyond it; multiples of a group, so that each period begins at one.
  static std::int64_t period_numbers(const Layout& layout) { return (period_of(layout) + 2 * group - 1) / group * group; }

  static bool comes_round(const Layout& layout, std::int64_t threads) {
    if (layout.channels == 1 || layout.inner >= long_run) return false;
    const std::int64_t period = period_of(layout);
    return period <= longest_period && period * worth * threads <= layout.elements;
  }

  C value(int k, std::int64_t channel) const {
    const std::int64_t at = channel * parameter_[k]->stride;
    return parameter_[k]->in_compute_type ? static_cast<const C*>(parameter_[k]->data)[at]
                                          : static_cast<C>(static_cast<const T*>(parameter_[k]->data)[at]);
  }

  /// The place is kept from stretch to stretch, as to find it takes two divisions.
  void seek(std::int64_t element) {
    next_ = element;
    channel_ = element / layout_.inner % layout_.channels;
    left_ = layout_.inner - element % layout_.inner;
  }

  /// The numbers of `n` elements from the place at hand on.
  void fill(int k, C* to, std::int64_t n) const {
    std::int64_t channel = channel_, run = left_;
    for (C* const end = to + n; to < end; channel = channel == layout_.channels ? 0 : channel) {
      if (layout_.inner == 1) {
        run = std::min<std::int64_t>(layout_.channels - channel, end - to);
        fill_channels(k, channel, run, to);
        channel += run;
      } else {
        run = std::min<std::int64_t>(run, end - to);
        std::fill_n(to, run, value(k, channel++));
      }
      to += run;
      run = layout_.inner;
    }
  }

  void fill_channels(int k, std::int64_t channel, std::int64_t n, C* to) const {
    const bool converts = parameter_[k]->stride == 1 && !parameter_[k]->in_compute_type;
    const std::int64_t done = converts ? n / group * group : 0;
    widen_(static_cast<const T*>(parameter_[k]->data) + channel, done, to);
    for (std::int64_t i = done; i < n; ++i) to[i] = value(k, channel + i);
  }

  const Layout& layout_;
  void (*widen_)(const T*, std::int64_t, C*);
  const Parameter* parameter_[parameter_count];
  bool in_periods_;
  Span<C>& span_;
  std::int64_t next_ = -1, channel_ = 0, left_ = 0;  // the element that comes next, its channel, and what is left of that
  int channelwise_[parameter_count], channelwise_count_ = 0;
  alignas(line_bytes) C buffer_[parameter_count][tile_elements<T> + group];
};

}  // namespace rectify::detail
