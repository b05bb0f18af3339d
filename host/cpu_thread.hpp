// One thread of a call on the CPU: its operands, and its way through a stretch of the elements or a part of the sums.
#pragma once

#include "cpu_loops.hpp"
#include "cpu_output.hpp"
#include "cpu_parameters.hpp"
#include "cpu_sum_tiles.hpp"
#include "cpu_tiles.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/sums.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace rectify::detail {

constexpr std::int64_t stream_from_bytes = 8 << 20;  // of output; below, the output still fits a cache and is read soon

/// The operands of one thread and the way through its elements.
template <class K, class Isa>
class Loop {
  using T = typename K::T;
  using C = typename K::C;
  static constexpr std::int64_t tile = tile_elements<T>;

 public:
  /// One of `threads` of a call.
  Loop(const Elementwise& call, const Rectifier<C>& f, std::int64_t threads)
      : f_(f),
        way_(ParameterWay::of<C>(call.layout, K::line, threads, begins_in_line(call))),
        x_(call.x, call.layout, slot_x, 0),
        dy_(call.dy, call.layout, slot_dy, 0),
        residual_(call.residual, call.layout, slot_residual, Neutral<C>::residual),
        scale_(call.scale, Neutral<C>::scale, call.layout, way_),
        bias_(call.bias, Neutral<C>::bias, call.layout, way_),
        alpha_(call.alpha, f.alpha, call.layout, way_),
        threshold_(call.threshold, f.threshold, call.layout, way_),
        max_value_(call.max_value, f.max_value, call.layout, way_),
        mask_(call),
        out_(call.out, call.layout, slot_out, streams(call, call.out), true),
        dresidual_(call.dresidual, call.layout, slot_dresidual, streams(call, call.dresidual), false) {}

  /// `first` is at a whole byte of the mask.
  void run(std::int64_t first, std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = longest({}, first + done, count - done);
      run_tile(Rows<0>{}, {}, first + done, n, 0);
      done += n;
    }
  }

  /// A part of the sums, its elements with it. Slots of the parts begin at workspace + offsets.
  void run_part(const SumPlan& plan, const SumOffsets& offsets, const Elementwise& call, std::int64_t index) {
    const SumPart part = plan.part(index);
    sums_.start(Fold::of<C>(plan), plan, part);
    const std::int64_t band = sums_.is_folded() ? 0 : part.rows / bands;
    for (std::int64_t row = 0; row < part.rows;) {
      const bool in_bands = row < bands * band;
      const std::int64_t first = in_bands ? row / bands : row;
      const int rows = in_bands ? bands : 1;
      const std::int64_t done = in_bands && side_by_side(part, first, band) ? run_rows(part, first, band) : 0;
      for (int k = 0; k < rows; ++k) run_row(k, part, first + k * band, done);
      row += rows;
    }
    for (int slot = 0, place = 0; slot < sum_slots; ++slot) {
      if (!K::Sums::has[slot]) continue;
      const std::int64_t length = call.sums[slot].length;
      C* const into = static_cast<C*>(call.workspace) + offsets.of[slot] + index * (length == 1 ? 1 : plan.slots);
      if (length > 0) sums_.finish(plan, part, plan.first_channel(index), place, length == 1, into);
      ++place;
    }
  }

 private:
  /// Or tiles are cut where the output's vectors begin.
  static bool begins_in_line(const Elementwise& call) {
    return !K::cuts_anywhere || !streams(call, call.out) || is_at_store(call.out);
  }

  /// In place the lines are in the cache anyway.
  static bool streams(const Elementwise& call, const void* out) {
    const bool in_place = out == call.x || out == call.dy || out == call.residual;
    return !in_place && call.layout.elements >= stream_from_bytes / static_cast<std::int64_t>(sizeof(T));
  }

  /// Of `count` elements from `first` on, in each of the rows, how many may be one tile: where every operand is in place, as many as the
  /// parameters allow.
  std::int64_t longest(const TileRows& rows, std::int64_t first, std::int64_t count) {
    const bool in_place = x_.is_direct() && dy_.is_direct() && residual_.is_direct() && mask_.is_direct(first);
    const std::int64_t n =
        std::min({scale_.longest(first), bias_.longest(first), alpha_.longest(first), threshold_.longest(first),
                  max_value_.longest(first), in_place ? count : std::min(count, tile)});
    return dresidual_.longest(rows, first, out_.longest(rows, first, n));
  }

  /// A row's positions from `at` on; it has this number of those side by side.
  void run_row(int number, const SumPart& part, std::int64_t row, std::int64_t at) {
    const TileRows rows = {number, 1, 0};
    const std::int64_t first = part.base + row * part.stride, count = std::min(part.width, part.end - first);
    sums_.start_row();
    while (at < count) {
      const std::int64_t n = longest(rows, first + at, sums_.longest(count - at));
      run_tile(Rows<0>{}, rows, first + at, n, at);
      sums_.advance(n);
      at += n;
    }
    sums_.end_row();
  }

  /// Whether row `row` of each of a part's bands is whole, and its inputs, masks and dresidual in place.
  bool side_by_side(const SumPart& part, std::int64_t row, std::int64_t band) const {
    const std::int64_t first = part.base + row * part.stride, stride = band * part.stride;
    bool in_place = x_.is_direct() && dy_.is_direct() && residual_.is_direct() && dresidual_.is_direct() &&
                    first + (bands - 1) * stride + part.width <= part.end;
    for (int k = 0; k < bands; ++k) in_place = in_place && mask_.is_direct(first + k * stride);
    return in_place;
  }

  /// Gives the positions that are done: whole lines. The rest are left to run_row, or each loop would be compiled for them once more.
  std::int64_t run_rows(const SumPart& part, std::int64_t row, std::int64_t band) {
    const std::int64_t first = part.base + row * part.stride, whole = part.width / K::line * K::line;
    const TileRows rows = {0, bands, band * part.stride};
    for (std::int64_t at = 0; at < whole;) {
      const std::int64_t n = longest(rows, first + at, whole - at);
      run_tile(std::make_integer_sequence<int, bands>{}, rows, first + at, n, at);
      at += n;
    }
    return whole;
  }

  /// `position`: of the sums. All rows have the first one's parameters.
  template <int... Row>
  void run_tile(Rows<Row...> list, const TileRows& rows, std::int64_t first, std::int64_t count, std::int64_t position) {
    const T *const x = x_.at(first, count), *const dy = dy_.at(first, count), *const residual = residual_.at(first, count);
    const C *const scale = scale_.at(first, count), *const bias = bias_.at(first, count);
    const C *const alpha = alpha_.at(first, count), *const threshold = threshold_.at(first, count),
                   *const max_value = max_value_.at(first, count);
    const TileOut<T> out = out_.at(rows, first, count), dresidual = dresidual_.at(rows, first, count);
    const std::int64_t period = way_.period > 0 ? way_.period : std::numeric_limits<std::int64_t>::max();
    const TileWay way = {count, phase(first, count), way_.step, period, mask_.at(first, count), rows.stride};
    vector_loop<K>(list, Isa{}, f_, way, out, sums_.at(position), x, dy, residual, scale, bias, alpha, threshold, max_value,
                   dresidual.data);
    out_.finish(rows, out.data, first, count);
    dresidual_.finish(rows, dresidual.data, first, count);
  }

  /// The place of element `first` in a period of the parameters; kept from tile to tile, as to find it takes a division.
  std::int64_t phase(std::int64_t first, std::int64_t count) {
    if (way_.period == 0) return 0;
    if (first != next_) phase_ = first % way_.period;
    const std::int64_t here = phase_;
    next_ = first + count;
    phase_ += count;
    if (phase_ >= way_.period) phase_ %= way_.period;
    return here;
  }

  template <bool Present, class Tile, class Pointee>
  using If = std::conditional_t<Present, Tile, Absent<Pointee>>;
  using Set = typename K::Set;
  using Op = typename K::Op;

  using Parameters = ParameterTile<T, K::line>;
  using Written = Output<K, K::Sums::count == 0 ? 1 : bands>;

  Rectifier<C> f_;
  ParameterWay way_;
  std::int64_t next_ = 0, phase_ = 0;  // the element that a tile begins with next, and its place in a period
  If<Op::reads_x, Input<T>, T> x_;
  If<Op::reads_dy, Input<T>, T> dy_;
  If<Set::residual && Op::reads_x, Input<T>, T> residual_;
  If<Set::scale, Parameters, C> scale_;
  If<Set::bias && Op::reads_x, Parameters, C> bias_;
  If<Set::function, Parameters, C> alpha_, threshold_, max_value_;
  MaskTile<T> mask_;
  Written out_;
  If<Set::general && Op::reads_dy, Written, T> dresidual_;
  SumTiles<C, typename K::Sums, K::line> sums_;
};

}  // namespace rectify::detail
