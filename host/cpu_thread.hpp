// One thread of a call on the CPU: its operands, and its way through a stretch of the elements or a part of the sums.
#pragma once

#include "cpu_loops.hpp"
#include "cpu_parameters.hpp"
#include "cpu_sum_tiles.hpp"
#include "cpu_tiles.hpp"

#include <rectify/detail/backend.hpp>
#include <rectify/detail/sums.hpp>

#include <algorithm>
#include <cstdint>
#include <type_traits>

namespace rectify::detail {

constexpr std::int64_t stream_from_bytes = 8 << 20;  // of output; below, the output still fits a cache and is read soon

/// The operands of one thread and the way through its elements.
template <class K, class Isa>
class Loop {
  using T = typename K::T;
  using C = typename K::C;
  static constexpr std::int64_t tile = tile_elements<T>;

 public:
  Loop(const Elementwise& call, const Rectifier<C>& f)
      : f_(f),
        parameter_step_(is_by_stretches(call.layout) ? 0 : K::line),
        x_(call.x, call.layout, slot_x, 0),
        dy_(call.dy, call.layout, slot_dy, 0),
        residual_(call.residual, call.layout, slot_residual, Neutral<C>::residual),
        scale_(call.scale, Neutral<C>::scale, call.layout),
        bias_(call.bias, Neutral<C>::bias, call.layout),
        alpha_(call.alpha, f.alpha, call.layout),
        threshold_(call.threshold, f.threshold, call.layout),
        max_value_(call.max_value, f.max_value, call.layout),
        mask_(call),
        out_(call.out, call.layout, slot_out, streams(call, call.out), true),
        dresidual_(call.dresidual, call.layout, slot_dresidual, streams(call, call.dresidual), false) {}

  /// `first` is at a whole byte of the mask.
  void run(std::int64_t first, std::int64_t count) {
    for (std::int64_t done = 0; done < count;) {
      const std::int64_t n = std::min(longest(first + done), count - done);
      run_tile(first + done, n, 0);
      done += n;
    }
  }

  /// A part of the sums, its elements with it. Slots of the parts begin at workspace + offsets.
  void run_part(const SumPlan& plan, const SumOffsets& offsets, const Elementwise& call, std::int64_t index) {
    const SumPart part = plan.part(index);
    sums_.start(Fold::of<C>(plan, K::line), plan, part);
    for (std::int64_t r = 0; r < part.rows; ++r) {
      const std::int64_t first = part.base + r * part.stride, count = std::min(part.width, part.end - first);
      sums_.start_row();
      for (std::int64_t at = 0; at < count;) {
        const std::int64_t n = sums_.run_length(at, longest(first + at), count);
        run_tile(first + at, n, at);
        sums_.advance(n);
        at += n;
      }
      sums_.end_row();
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
  /// In place the lines are in the cache anyway.
  static bool streams(const Elementwise& call, const void* out) {
    const bool in_place = out == call.x || out == call.dy || out == call.residual;
    return !in_place && call.layout.elements >= stream_from_bytes / static_cast<std::int64_t>(sizeof(T));
  }

  /// Elements from `first` on that may be one tile: where every operand is in place, as many as the parameters allow.
  std::int64_t longest(std::int64_t first) {
    const bool is_direct = x_.is_direct() && dy_.is_direct() && residual_.is_direct() && out_.is_direct(first) &&
                           dresidual_.is_direct(first) && mask_.is_direct(first);
    const std::int64_t n = std::min({scale_.longest(first), bias_.longest(first), alpha_.longest(first),
                                     threshold_.longest(first), max_value_.longest(first)});
    return is_direct ? n : std::min(n, tile);
  }

  void run_tile(std::int64_t first, std::int64_t count, std::int64_t position) {
    const T *const x = x_.at(first, count), *const dy = dy_.at(first, count), *const residual = residual_.at(first, count);
    const C *const scale = scale_.at(first, count), *const bias = bias_.at(first, count);
    const C *const alpha = alpha_.at(first, count), *const threshold = threshold_.at(first, count),
                   *const max_value = max_value_.at(first, count);
    T *const out = out_.at(first), *const dresidual = dresidual_.at(first);
    const TileWay way = {count, parameter_step_, out_.streams(out), mask_.at(first, count)};
    vector_loop<K>(Isa{}, f_, way, out, sums_.at(position), x, dy, residual, scale, bias, alpha, threshold, max_value,
                   dresidual);
    out_.finish(out, first, count);
    dresidual_.finish(dresidual, first, count);
  }

  template <bool Present, class Tile, class Pointee>
  using If = std::conditional_t<Present, Tile, Absent<Pointee>>;
  using Set = typename K::Set;
  using Op = typename K::Op;

  using Parameters = ParameterTile<T, K::line>;

  Rectifier<C> f_;
  std::int64_t parameter_step_;
  If<Op::reads_x, Input<T>, T> x_;
  If<Op::reads_dy, Input<T>, T> dy_;
  If<Set::residual && Op::reads_x, Input<T>, T> residual_;
  If<Set::scale, Parameters, C> scale_;
  If<Set::bias && Op::reads_x, Parameters, C> bias_;
  If<Set::function, Parameters, C> alpha_, threshold_, max_value_;
  MaskTile<T> mask_;
  Output<T> out_;
  If<Set::general && Op::reads_dy, Output<T>, T> dresidual_;
  SumTiles<C, typename K::Sums, K::line> sums_;
};

}  // namespace rectify::detail
