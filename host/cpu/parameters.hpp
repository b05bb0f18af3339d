// Gives a loop the values of scale, bias, alpha, threshold and max_value for the elements of a span, in the compute type,
// whatever channels the elements are in. SpanRunner (thread.hpp) has one SpanParameters.
#pragma once

#include "tensors.hpp"

namespace rectify::detail {

/// The five parameters of a call, for one thread. A run is `inner` neighbouring elements of one channel (Layout); a period is
/// one run of every channel, repeated until it is at least a group. There are three cases:
/// - Long runs: a span stays within one run, and one group of equal values serves all of it.
/// - Short periods: the values of a period are laid out once for the thread, and loops wrap around in them.
/// - Otherwise the values are laid out for every span, which is then no longer than a tile.
template <class T>
class SpanParameters {
  using C = Compute<T>;
  static constexpr std::int64_t long_run =
      192;  // elements; for a shorter run the partial groups at its ends cost more than tiles
  static constexpr std::int64_t longest_period = 524288 / sizeof(C);  // values
  static constexpr std::int64_t fewest_periods = 4;  // of a thread's elements; for fewer, laying a period out saves nothing

 public:
  /// Values of memory that a thread needs for a call.
  static std::int64_t values_needed(const Layout& layout, const Loop<C>& loop, std::int64_t threads) {
    if (!reads_any(loop) || layout.channels == 1 || layout.inner >= long_run) return 0;
    return parameter_kinds * values_of_parameter(period_of(layout, threads));
  }

  /// Keeps a reference to `span`, sets its scalars, and maintains its parameters, parameter_index_mask, parameter_phase and
  /// parameter_period.
  SpanParameters(const Elementwise& call, const Scalars<C>& scalars, const Loop<C>& loop, std::int64_t threads, C* memory,
                 Span<C>& span)
      : layout_(call.layout), parameter_(call.parameters), period_(period_of(call.layout, threads)), span_(span) {
    span.scalars = scalars;
    const Element<C> without_tensors{scalars};
    C absent[parameter_kinds];
    for_each_parameter<General>([&](auto tag) { absent[tag.kind] = parameter_of<decltype(tag)::kind>(without_tensors); });
    span.parameter_phase = 0;
    span.parameter_period = period_ > 0 ? period_ : std::int64_t{1} << 62;  // never reached
    if (!reads_any(loop)) return;
    for (int k = 0; k < parameter_kinds; ++k) {
      const bool is_channelwise = parameter_[k].data != nullptr && parameter_[k].stride != 0;
      if (is_channelwise) channelwise_[channelwise_count_++] = k;
      if (!is_channelwise) std::fill_n(one_value_[k], group, parameter_[k].data == nullptr ? absent[k] : value(k, 0));
      span.parameters[k] =
          is_channelwise && layout_.inner < long_run ? memory + k * values_of_parameter(period_) : one_value_[k];
      span.parameter_index_mask[k] = 0;
    }
    if (period_ > 0) lay_out(0, values_of_parameter(period_));
  }

  /// How many of the `count` elements from `element` on one span may have.
  std::int64_t limit_by_channel(std::int64_t element, std::int64_t count) {
    if (channelwise_count_ == 0 || period_ > 0) return count;
    if (layout_.inner < long_run) return std::min(count, tile_elements<T>);
    seek(element);
    return std::min(count, std::max(left_of_run_, group));
  }

  /// Sets the span's parameters to those of the `count` elements from `element` on. To be called before each call of the loop.
  void set_parameters(std::int64_t element, std::int64_t count) {
    if (period_ > 0) span_.parameter_phase = element % period_;
    if (period_ == 0 && channelwise_count_ > 0) lay_out(element, count);
  }

 private:
  static bool reads_any(const Loop<C>& loop) { return (loop.operands & General::parameters) != 0; }

  /// Elements of the period to lay out, or 0 if none is. It is at least a group, so that a loop wraps around at most once
  /// within a group.
  static std::int64_t period_of(const Layout& layout, std::int64_t threads) {
    if (layout.channels == 1 || layout.inner >= long_run) return 0;
    const std::int64_t all_channels = layout.channels * layout.inner,
                       period = (group + all_channels - 1) / all_channels * all_channels;
    return period <= longest_period && period * fewest_periods * threads <= layout.elements ? period : 0;
  }

  /// Values laid out for one parameter: those of a tile, or of a period and what a group that begins at its last element reads
  /// past its end. A multiple of a group.
  static std::int64_t values_of_parameter(std::int64_t period) {
    return period > 0 ? (period + 2 * group - 1) / group * group : tile_elements<T>;
  }

  C value(int k, std::int64_t channel) const {
    const std::int64_t offset = channel * parameter_[k].stride;
    return parameter_[k].in_compute_type ? static_cast<const C*>(parameter_[k].data)[offset]
                                         : static_cast<C>(static_cast<const T*>(parameter_[k].data)[offset]);
  }

  /// Finds the channel of an element. It is remembered from span to span, because finding it takes two divisions.
  void seek(std::int64_t element) {
    if (element == next_element_) return;
    next_element_ = element;
    channel_ = element / layout_.inner % layout_.channels;
    left_of_run_ = layout_.inner - element % layout_.inner;
  }

  void lay_out(std::int64_t element, std::int64_t count) {
    seek(element);
    const bool is_in_one_run = layout_.inner >= long_run && count <= left_of_run_;
    for (int i = 0; i < channelwise_count_; ++i) {
      span_.parameter_index_mask[channelwise_[i]] = is_in_one_run ? 0 : -1;
      fill(channelwise_[i], is_in_one_run ? group : count);
    }
    next_element_ = count > left_of_run_ ? -1 : element + count;
    left_of_run_ -= count;
    if (left_of_run_ == 0) channel_ = channel_ + 1 == layout_.channels ? 0 : channel_ + 1, left_of_run_ = layout_.inner;
  }

  /// Writes `count` values of parameter k, for the elements from the one that seek() found on.
  void fill(int k, std::int64_t count) const {
    std::int64_t channel = channel_, n = left_of_run_;
    for (C *to = span_.parameters[k], *const end = to + count; to < end; to += n, n = layout_.inner) {
      if (layout_.inner == 1) {
        n = std::min<std::int64_t>(layout_.channels - channel, end - to);
        const bool is_widened = parameter_[k].stride == 1 && !parameter_[k].in_compute_type;
        const std::int64_t done = is_widened ? n / group * group : 0;
        const Loops<T>& loops = loops_of_this_machine();
        loops.widen(static_cast<const T*>(parameter_[k].data) + channel, done, to);
        for (std::int64_t i = done; i < n; ++i) to[i] = value(k, channel + i);
        channel += n;
      } else {
        n = std::min<std::int64_t>(n, end - to);
        std::fill_n(to, n, value(k, channel++));
      }
      if (channel == layout_.channels) channel = 0;
    }
  }

  const Layout& layout_;
  const Parameter* parameter_;
  std::int64_t period_;
  Span<C>& span_;
  std::int64_t next_element_ = -1, channel_ = 0, left_of_run_ = 0;  // what seek() found; -1: nothing
  int channelwise_[parameter_kinds], channelwise_count_ = 0;        // the parameters with a value for each channel
  alignas(line_bytes) C one_value_[parameter_kinds][group];
};

}  // namespace rectify::detail
