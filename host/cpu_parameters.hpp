// The CPU backend's load policy of parameters: the numbers for a tile's elements, whatever channels they are in.
#pragma once

#include "cpu_tiles.hpp"

#include <rectify/detail/backend.hpp>

#include <algorithm>
#include <cstdint>

namespace rectify::detail {

/// A parameter in the compute type: the number, or the tensor's value for the channel of each element. Tiles are asked for in order
/// mostly, so the place is kept from one to the next: a division of 64 bits costs as much as a tenth of a tile.
template <class T>
class ParameterTile {
  using C = Compute<T>;
  static constexpr std::int64_t tile = tile_elements<T>, longest_period = 32768 / sizeof(C), stride_of_stores = 8,
                                last_place = 3 * tile;

 public:
  RECTIFY_NOINLINE ParameterTile(const Parameter& parameter, C number, const Layout& layout)
      : parameter_(parameter), channels_(layout.channels), inner_(layout.inner), period_(0) {
    if (parameter.data == nullptr || parameter.stride == 0) channels_ = 1;
    if (channels_ == 1) {
      std::fill_n(buffer_, std::min(tile, layout.elements), parameter.data == nullptr ? number : value(0));
    } else if (inner_ <= longest_period && channels_ * inner_ <= (is_table() ? tile : longest_period)) {
      seek(0);
      fill(std::min(channels_ * inner_ + tile, layout.elements));
      period_ = channels_ * inner_;
    }
  }

  /// Elements from there on that `at` may be asked for at once: a tile, or where the tensor itself serves, whole lines to its end.
  std::int64_t longest(std::int64_t first) {
    if (channels_ == 1 || period_ > 0 || !is_table()) return tile;
    go_to(first);
    return std::max(tile, (channels_ - channel_) / stride_of_stores * stride_of_stores);
  }

  const C* at(std::int64_t first, std::int64_t count) {
    if (channels_ == 1) return buffer_;
    go_to(first);
    next_ = first + count;
    if (period_ > 0) return periodic(count);
    if (inner_ >= tile) return long_stretch(count);
    if (is_table() && channel_ + count <= channels_) {
      const C* const table = static_cast<const C*>(parameter_.data) + channel_;
      channel_ = channel_ + count == channels_ ? 0 : channel_ + count;
      return table;
    }
    fill(count);
    return buffer_;
  }

 private:
  void go_to(std::int64_t element) {
    if (element != next_) seek(element);
    next_ = element;
  }

  /// The channels come round soon, so one filling serves every tile from its own start on.
  const C* periodic(std::int64_t count) {
    const C* const here = buffer_ + phase_;
    phase_ += count;
    if (phase_ >= period_) phase_ %= period_;
    return here;
  }

  /// A channel of a tile and more stands in the buffer a tile long, the next one behind it: wherever a tile crosses from one to the
  /// other, it is there to be read. A fill of fixed length and one branch per channel: misprediction is what crossing costs.
  const C* long_stretch(std::int64_t count) {
    if (count < left_) {
      left_ -= count;
      return buffer_ + place_;
    }
    if (place_ == last_place) place_at(0);
    const C* const here = buffer_ + place_ + tile - left_;
    const std::int64_t beyond = count - left_;
    next_channel();
    left_ -= beyond;
    place_at(place_ + tile);
    return here;
  }

  void place_at(std::int64_t place) {
    place_ = place;
    std::fill_n(buffer_ + place, tile, value(channel_));
  }

  void next_channel() {
    channel_ = channel_ + 1 == channels_ ? 0 : channel_ + 1;
    left_ = inner_;
  }

  /// Neighbours are channels that lie in memory as they are needed.
  bool is_table() const {
    return inner_ == 1 && parameter_.stride == 1 && (parameter_.in_compute_type || sizeof(T) == sizeof(C));
  }

  C value(std::int64_t channel) const {
    const std::int64_t at = channel * parameter_.stride;
    return parameter_.in_compute_type ? static_cast<const C*>(parameter_.data)[at]
                                      : static_cast<C>(static_cast<const T*>(parameter_.data)[at]);
  }

  void seek(std::int64_t element) {
    channel_ = element / inner_ % channels_;
    left_ = inner_ - element % inner_;
    if (period_ > 0) {
      phase_ = element % period_;
    } else if (inner_ >= tile) {
      place_at(0);
    }
  }

  void fill(std::int64_t count) { inner_ == 1 ? fill_with_neighbours(count) : fill_with_stretches(count); }

  RECTIFY_NOINLINE void fill_with_neighbours(std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = std::min(channels_ - channel_, count - done);
      for (std::int64_t i = 0; i < n; ++i) buffer_[done + i] = value(channel_ + i);
      channel_ = channel_ + n == channels_ ? 0 : channel_ + n;
      done += n;
    }
  }

  void fill_with_stretches(std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = std::min(left_, count - done);
      store(done, done + n, value(channel_));
      done += n;
      left_ -= n;
      if (left_ == 0) next_channel();
    }
  }

  /// Whole vectors; what is too much lies before what is stored next, or past the end.
  void store(std::int64_t begin, std::int64_t end, C v) {
    for (; begin < end; begin += stride_of_stores) std::fill_n(buffer_ + begin, stride_of_stores, v);
  }

  Parameter parameter_;
  std::int64_t channels_, inner_;
  std::int64_t period_, phase_ = 0;  // elements until the first channel comes again, where that is soon; the next one's place
  std::int64_t next_ = -1, channel_ = 0, left_ = 0;  // the element to be asked for next, its channel, and what is left of that
  std::int64_t place_ = 0;                           // of the channel's stretch in the buffer
  alignas(64) C buffer_[longest_period + tile + stride_of_stores];
};

}  // namespace rectify::detail
