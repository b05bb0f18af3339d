// One thread of a call on the CPU: its operands, and its way through a stretch of the elements or a part of the sums.
#pragma once

#include "outputs.hpp"
#include "parameters.hpp"
#include "sums.hpp"

namespace rectify::detail {

/// What all threads of a call share.
template <class T>
struct Work {
  using C = Compute<T>;
  const Elementwise& call;
  Rectifier<C> f;
  LoopKind kind;
  Loop<C> loop, loop_in_bands;  ///< the second where there are sums
  void (*widen)(const T*, std::int64_t, C*);
  SumPlan plan;  ///< no parts where there are no sums
  SumOffsets offsets;
  int threads;

  /// Numbers of memory that a thread needs beside itself.
  std::int64_t memory() const { return Parameters<T>::memory(call, threads) + SumChains<C>::memory(plan, kind.sum_count()); }
};

template <class T>
class Thread {
  using C = Compute<T>;

 public:
  Thread(const Work<T>& work, C* memory)
      : work_(work),
        call_(work.call),
        sums_(work.kind.sum_count()),
        x_(call_.x, call_.layout, slot_x),
        dy_(call_.dy, call_.layout, slot_dy),
        residual_(call_.residual, call_.layout, slot_residual),
        mask_(call_),
        chains_(work.plan, sums_, memory),
        parameters_(call_, work.f, work.widen, work.threads, memory + SumChains<C>::memory(work.plan, sums_), span_),
        out_(call_.out, call_, slot_out),
        dresidual_(call_.dresidual, call_, slot_dresidual) {
    std::fill_n(neutral_, group, T(Neutral<C>::residual));
    span_.f = work.f;
    span_.sums = span_.sums_begin = span_.sums_end = nullptr;
    span_.residual_mask = call_.residual == nullptr ? 0 : -1;
    span_.mask_bits = call_.mask_bits;
  }

  /// `first` is at a whole byte of the mask.
  void run(std::int64_t first, std::int64_t count) {
    for (const std::int64_t end = first + count; first < end;) first += run_stretch({}, first, end - first, 0);
  }

  /// A part of the sums, its elements with it.
  void run_part(std::int64_t index) {
    const SumPart part = work_.plan.part(index);
    chains_.start(part);
    const std::int64_t band = chains_.is_folded() ? 0 : part.rows / bands;
    for (std::int64_t row = 0; row < part.rows;) {
      const bool in_bands = row < bands * band;
      const std::int64_t first = in_bands ? row / bands : row;
      const int rows = in_bands ? bands : 1;
      const std::int64_t done = in_bands && side_by_side(part, first, band) ? run_rows(part, first, band) : 0;
      for (int k = 0; k < rows; ++k) run_row(k, part, first + k * band, done);
      row += rows;
    }
    for (int slot = 0, sum = 0; slot < sum_slots; ++slot) {
      if (!work_.kind.adds(slot)) continue;
      const std::int64_t length = call_.sums[slot].length, numbers = length == 1 ? 1 : work_.plan.slots;
      C* const into = static_cast<C*>(call_.workspace) + work_.offsets.of[slot] + index * numbers;
      if (length > 0) chains_.finish(part, work_.plan.first_channel(index), sum, length == 1, into);
      ++sum;
    }
  }

 private:
  /// A row's positions from `at` on; it has this number of those side by side.
  void run_row(int number, const SumPart& part, std::int64_t row, std::int64_t at) {
    const std::int64_t first = part.base + row * part.stride, count = std::min(part.width, part.end - first);
    chains_.start_row();
    while (at < count) {
      const std::int64_t n = run_stretch({number, 1, 0}, first + at, chains_.longest(count - at), at);
      chains_.advance(n);
      at += n;
    }
    chains_.end_row();
  }

  /// Whether row `row` of each of a part's bands is whole, and its inputs, masks and dresidual in place.
  bool side_by_side(const SumPart& part, std::int64_t row, std::int64_t band) const {
    const std::int64_t first = part.base + row * part.stride, stride = band * part.stride;
    bool in_place = x_.is_direct() && dy_.is_direct() && residual_.is_direct() && dresidual_.is_direct() &&
                    first + (bands - 1) * stride + part.width <= part.end;
    for (int k = 0; k < bands; ++k) in_place = in_place && mask_.is_direct(first + k * stride);
    return in_place;
  }

  /// Gives the positions that are done: whole groups. The rest are left to run_row.
  std::int64_t run_rows(const SumPart& part, std::int64_t row, std::int64_t band) {
    const std::int64_t first = part.base + row * part.stride, whole = part.width / group * group;
    for (std::int64_t at = 0; at < whole;) at += run_stretch({0, bands, band * part.stride}, first + at, whole - at, at);
    return whole;
  }

  /// Of the `count` elements from `first` on, in each of the rows, as many as may be one stretch, which is whole groups or less than one:
  /// gives their number. `position`: of the sums. All rows have the first one's parameters.
  std::int64_t run_stretch(const Rows& rows, std::int64_t first, std::int64_t count, std::int64_t position) {
    const bool cuts = call_.mask == nullptr && sums_ == 0;
    count = residual_.longest(first, dy_.longest(first, x_.longest(first, count)));
    count = parameters_.longest(first, mask_.is_direct(first) ? count : std::min(count, tile_elements<T>));
    count = dresidual_.longest(rows, first, out_.longest(rows, first, count, cuts), false);
    count = count < group ? count : count / group * group;

    parameters_.lay_out(first, count);
    const Place<T> out = out_.at(rows, first, count), dresidual = dresidual_.at(rows, first, count);
    span_.count = std::max(count, group);
    span_.x = x_.at(first, count);
    span_.dy = dy_.at(first, count);
    span_.residual = call_.residual == nullptr ? neutral_ : residual_.at(first, count);
    span_.out = out.data, span_.out_stride = out.stride, span_.streams = out.streams;
    span_.dresidual = dresidual.data, span_.dresidual_streams = dresidual.streams;
    span_.mask = mask_.at(first, count);
    span_.row_stride = rows.stride;
    if (sums_ > 0) chains_.place(position, count, span_);
    (rows.count == 1 ? work_.loop : work_.loop_in_bands)(span_);
    if (count < group && sums_ > 0) chains_.take_rest(position, count);
    if (count < group && work_.kind.op == LoopKind::forward_mask) mask_.finish_rest(first, count);
    out_.finish(rows, out.data, first, count);
    dresidual_.finish(rows, dresidual.data, first, count);
    return count;
  }

  const Work<T>& work_;
  const Elementwise& call_;
  std::int64_t sums_;
  Span<C> span_;
  Input<T> x_, dy_, residual_;
  MaskBits<T> mask_;
  SumChains<C> chains_;
  Parameters<T> parameters_;
  Output<T> out_, dresidual_;
  alignas(line_bytes) T neutral_[group];
};

}  // namespace rectify::detail
