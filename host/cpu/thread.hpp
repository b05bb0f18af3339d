// A thread of a CPU call: it cuts its share of the elements, or its parts of the sums, into spans and gives each to the loop.
#pragma once

#include "parameters.hpp"
#include "sums.hpp"

#include <algorithm>
#include <cstdint>

namespace rectify::detail {

constexpr std::int64_t sweep_from_bytes = 256 << 10;  // of a row of x; below, x is still in the cache for the next repeat
constexpr std::int64_t grain = 4096;                  // elements; whole tiles of every type, and whole bytes of every mask

/// What all threads of a call share.
template <class T>
struct Work {
  using C = Compute<T>;
  const Elementwise& call;
  Rectifier<C> f;
  Loop<C> loop;
  SumPlan plan;  ///< no parts where there are no sums
  SumOffsets offsets;
  int threads;

  SumChains<C> chains(C* memory) const { return {plan, __builtin_popcount(loop.sums), memory}; }
  /// Numbers of memory that a thread needs beside itself.
  std::int64_t memory() const { return chains(nullptr).memory() + SpanParameters<T>::memory(call.layout, loop, threads); }
};

template <class T>
class Thread {
  using C = Compute<T>;

 public:
  Thread(const Work<T>& work, C* memory)
      : work_(work),
        chains_(work.chains(memory)),
        parameters_(call_, work.f, work.loop, work.threads, memory + chains_.memory(), span_) {
    span_.f = work.f;
    span_.gain = round_to<C>(call_.gain);
    span_.mask_bits = call_.mask_bits;
  }

  /// Runs the loop once, on as many of the next `count` elements as one span can hold: whole groups, or a single partial group. Returns
  /// their number. `rows` rows, `stride` elements apart, share the first row's parameters; several rows must be in place.
  std::int64_t process_span(std::int64_t first, std::int64_t count, std::int64_t rows, std::int64_t stride) {
    for (const TiledTensor<T>* operand : {&x_, &dy_, &residual_, &out_, &dresidual_}) count = operand->longest(first, count);
    count = parameters_.longest(first, mask_.is_direct(first) ? count : std::min(count, tile_elements<T>));
    count = count < group ? count : count / group * group;
    parameters_.start(first, count);
    span_.count = std::max(count, group);
    span_.rows = rows, span_.row_stride = stride;
    span_.x = x_.to_read(first, count);
    span_.dy = dy_.to_read(first, count);
    span_.residual = residual_.to_read(first, count);
    span_.out = out_.to_write(first, count);
    span_.dresidual = dresidual_.to_write(first, count);
    span_.streams = out_.streams(call_, span_.out, stride);
    span_.dresidual_streams = dresidual_.streams(call_, span_.dresidual, stride);
    span_.mask = mask_.at(first, count);
    if (work_.loop.sums != 0) chains_.place(count, span_);
    work_.loop.process(span_);
    if (count < group && call_.dy == nullptr) mask_.store_tail(first, count);
    out_.scatter(span_.out, first, count);
    dresidual_.scatter(span_.dresidual, first, count);
    return count;
  }

  /// A part of the sums, its elements with it. Where rows are not folded, one row of each of four bands is taken at a time: additions wait
  /// less for each other, and sums are fetched once for all of them.
  void process_part(std::int64_t index) {
    const SumPart part = work_.plan.part(index);
    chains_.start(part);
    const std::int64_t band = chains_.folds() ? 0 : part.rows / bands, stride = band * part.stride;
    for (std::int64_t row = 0, rows; row < part.rows; row += rows) {
      rows = row < bands * band ? bands : 1;
      const std::int64_t first = part.base + row / rows * part.stride;
      const std::int64_t whole = rows > 1 && in_place(part, first, stride) ? part.width / group * group : 0;
      process_positions(first, 0, whole, rows, stride);
      for (std::int64_t k = 0, from = first; k < rows; ++k, from += stride) {
        process_positions(from, whole, std::min(part.width, part.end - from), 1, 0);
        chains_.end_row();
      }
    }
    for (int slot = 0, sum = 0; slot < sum_kinds; ++slot) {
      if ((work_.loop.sums >> slot & 1) == 0) continue;
      const std::int64_t length = call_.sums[slot].length, numbers = length == 1 ? 1 : work_.plan.channels_met;
      C* const into = static_cast<C*>(call_.workspace) + work_.offsets.first[slot] + index * numbers;
      if (length > 0) chains_.sum_part(part, work_.plan.first_channel(index), sum, length == 1, into);
      ++sum;
    }
  }

 private:
  /// Whether rows side by side, the first of which begins at `first`, are whole and in place in all tensors.
  bool in_place(const SumPart& part, std::int64_t first, std::int64_t stride) const {
    const bool whole = first + (bands - 1) * stride + part.width <= part.end;
    bool all = whole && std::find(call_.layout.contiguous, call_.layout.contiguous + slot_count, false) ==
                            call_.layout.contiguous + slot_count;
    for (std::int64_t k = 0; k < bands; ++k) all = all && mask_.is_direct(first + k * stride);
    return all;
  }

  /// The positions from `at` to `end` of a row whose first element is `first`, or of several rows.
  void process_positions(std::int64_t first, std::int64_t at, std::int64_t end, std::int64_t rows, std::int64_t stride) {
    chains_.start_row(at);
    for (std::int64_t n; at < end; at += n) {
      n = process_span(first + at, chains_.longest(end - at), rows, stride);
      chains_.advance(n);
    }
  }

  const Work<T>& work_;
  const Elementwise& call_ = work_.call;
  Span<C> span_;
  TiledTensor<T> x_{call_.x, call_.layout, slot_x}, dy_{call_.dy, call_.layout, slot_dy};
  TiledTensor<T> residual_{call_.residual, call_.layout, slot_residual};
  TiledTensor<T> out_{call_.out, call_.layout, slot_out}, dresidual_{call_.dresidual, call_.layout, slot_dresidual};
  TiledMask<T> mask_{call_};
  SumChains<C> chains_;
  SpanParameters<T> parameters_;
};

/// A thread's share of the elements. Where x is one tensor under many, and its row would have left the cache by the next of its repeats, a
/// grain of a row at a time is taken under all of them, so that x comes from memory once.
template <class T>
void process_share(const Elementwise& call, Thread<T>& of_thread, std::int64_t thread, std::int64_t threads) {
  const Layout& layout = call.layout;
  const bool sweeps = layout.repeats > 1 && layout.repeat_length * static_cast<std::int64_t>(sizeof(T)) >= sweep_from_bytes &&
                      (call.mask == nullptr || layout.repeat_length % 8 == 0);
  const std::int64_t repeats = sweeps ? layout.repeats : 1, row = sweeps ? layout.repeat_length : layout.elements;
  const std::int64_t grains = (row + grain - 1) / grain, all = layout.elements / (row * repeats) * grains;
  const std::int64_t begin = all * thread / threads, end = all * (thread + 1) / threads, taken = sweeps ? 1 : end - begin;
  for (std::int64_t i = begin; i < end; i += taken) {
    const std::int64_t at = i % grains * grain, count = std::min(taken * grain, row - at);
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      std::int64_t first = (i / grains * repeats + repeat) * row + at;  // at a whole byte of the mask
      for (const std::int64_t last = first + count; first < last;) first += of_thread.process_span(first, last - first, 1, 0);
    }
  }
}

}  // namespace rectify::detail
