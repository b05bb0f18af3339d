// What one thread does for a call on the CPU. run_call (backend.cpp) makes a SpanRunner in each thread and gives it a share of
// the elements (process_share) or parts of the sums (SpanRunner::process_part). Both divide their elements into spans
// (SpanRunner::process_span), collect what a loop needs for a span (tensors.hpp, parameters.hpp, sums.hpp), and call the loop
// (compute_span in loop_body.hpp).
#pragma once

#include "parameters.hpp"
#include "sums.hpp"

#include <algorithm>
#include <cstdint>

namespace rectify::detail {

/// Elements of the smallest share: whole tiles of every type, and whole bytes of every mask.
constexpr std::int64_t grain = 4096;
/// If one x is read under many tensors, a smaller x is still in the cache when it is read again (process_share).
constexpr std::int64_t sweep_from_bytes = 256 << 10;

/// What all threads of a call share. Constant while they run.
template <class T>
struct SharedCall {
  using C = Compute<T>;
  const Elementwise& call;
  Scalars<C> scalars;
  Loop<C> loop;
  SumPlan plan;  ///< without parts if there are no sums
  SumOffsets offsets;
  int threads;

  SumChains<C> sum_chains(C* memory) const { return {plan, __builtin_popcount(loop.sums), memory}; }
  /// Values of memory that each thread needs, beside its SpanRunner.
  std::int64_t values_per_thread() const {
    return sum_chains(nullptr).values_needed() + SpanParameters<T>::values_needed(call.layout, loop, threads);
  }
};

/// Runs the loop of a call over spans, for one thread. It has the thread's tiles, parameters and sums.
template <class T>
class SpanRunner {
  using C = Compute<T>;

 public:
  SpanRunner(const SharedCall<T>& shared, C* memory)
      : shared_(shared),
        chains_(shared.sum_chains(memory)),
        parameters_(call_, shared.scalars, shared.loop, shared.threads, memory + chains_.values_needed(), span_) {
    span_.mask_bits = call_.mask_bits;
  }

  /// Calls the loop once, for as many of the `count` elements from `element` on as one span can have: whole groups, or a single
  /// partial group. Returns how many. `rows` rows, `row_stride` elements apart, share the first row's parameters; several rows
  /// must be in place.
  std::int64_t process_span(std::int64_t element, std::int64_t count, std::int64_t rows, std::int64_t row_stride) {
    for (const TiledTensor<T>* tensor : {&x_, &dy_, &residual_, &out_, &dresidual_})
      count = tensor->longest_span(element, count);
    if (!mask_.is_in_place(element)) count = std::min(count, tile_elements<T>);
    count = parameters_.limit_by_channel(element, count);
    count = count < group ? count : count / group * group;
    parameters_.set_parameters(element, count);
    span_.count = std::max(count, group);
    span_.rows = rows, span_.row_stride = row_stride;
    span_.x = x_.span_input(element, count);
    span_.dy = dy_.span_input(element, count);
    span_.residual = residual_.span_input(element, count);
    span_.out = out_.span_output(element, count);
    span_.dresidual = dresidual_.span_output(element, count);
    span_.out_streams = out_.may_stream(call_, span_.out, row_stride);
    span_.dresidual_streams = dresidual_.may_stream(call_, span_.dresidual, row_stride);
    span_.mask = mask_.span_bits(element, count);
    if (shared_.loop.sums != 0) chains_.set_sums(count, span_);
    shared_.loop.process(span_);
    if (count < group && call_.dy == nullptr) mask_.store_tail(element, count);
    out_.scatter(span_.out, element, count);
    dresidual_.scatter(span_.dresidual, element, count);
    return count;
  }

  /// Processes the elements of a part of the sums, and writes the part's sums to the workspace. If the sums are not folded, one
  /// row of each band is taken at a time: additions wait less for each other, and each sum is loaded once for four rows.
  void process_part(std::int64_t part_index) {
    const SumPart part = shared_.plan.part(part_index);
    chains_.start_part(part);
    const std::int64_t band_rows = chains_.folds() ? 0 : part.rows / band_count, row_stride = band_rows * part.stride;
    for (std::int64_t row = 0, rows; row < part.rows; row += rows) {
      rows = row < band_count * band_rows ? band_count : 1;
      const std::int64_t begin = part.base + row / rows * part.stride;
      const bool goes_together = rows > 1 && bands_are_in_place(part, begin, row_stride);
      const std::int64_t together = goes_together ? part.width / group * group : 0;
      process_positions(begin, 0, together, rows, row_stride);
      for (std::int64_t k = 0, element = begin; k < rows; ++k, element += row_stride) {
        process_positions(element, together, std::min(part.width, part.end - element), 1, 0);
        chains_.end_row();
      }
    }
    store_part(part, part_index);
  }

 private:
  /// True if the rows that begin at `begin` in each band are complete, and in place in all tensors.
  bool bands_are_in_place(const SumPart& part, std::int64_t begin, std::int64_t row_stride) const {
    const bool* const contiguous = call_.layout.contiguous;
    bool all = begin + (band_count - 1) * row_stride + part.width <= part.end &&
               std::find(contiguous, contiguous + slot_count, false) == contiguous + slot_count;
    for (std::int64_t k = 0; k < band_count; ++k) all = all && mask_.is_in_place(begin + k * row_stride);
    return all;
  }

  /// Processes the positions from `position` to `end` - 1 of a row whose position 0 is the element `row_begin`, or of several
  /// rows.
  void process_positions(std::int64_t row_begin, std::int64_t position, std::int64_t end, std::int64_t rows,
                         std::int64_t row_stride) {
    chains_.start_row(position);
    for (std::int64_t n; position < end; position += n) {
      n = process_span(row_begin + position, chains_.limit_by_segment(end - position), rows, row_stride);
      chains_.advance(n);
    }
  }

  /// Writes the sums of a part to its place in the workspace (SumOffsets).
  void store_part(const SumPart& part, std::int64_t part_index) {
    std::int64_t sum_of_loop = 0;
    for (int kind = 0; kind < sum_kinds; ++kind) {
      if ((shared_.loop.sums >> kind & 1) == 0) continue;
      const std::int64_t length = call_.sums[kind].length, values = length == 1 ? 1 : shared_.plan.channels_met;
      C* const to = static_cast<C*>(call_.workspace) + shared_.offsets.first[kind] + part_index * values;
      if (length == 1) chains_.total_of_part(sum_of_loop, to);
      if (length > 1) chains_.channels_of_part(part, shared_.plan.first_channel(part_index), sum_of_loop, to);
      ++sum_of_loop;
    }
  }

  const SharedCall<T>& shared_;
  const Elementwise& call_ = shared_.call;
  Span<C> span_;
  TiledTensor<T> x_{call_.x, call_.layout, slot_x}, dy_{call_.dy, call_.layout, slot_dy};
  TiledTensor<T> residual_{call_.residual, call_.layout, slot_residual};
  TiledTensor<T> out_{call_.out, call_.layout, slot_out}, dresidual_{call_.dresidual, call_.layout, slot_dresidual};
  TiledMask<T> mask_{call_};
  SumChains<C> chains_;
  SpanParameters<T> parameters_;
};

/// Processes a thread's share of the elements. If x is one tensor under many (Layout::repeats) and so large that it would have
/// left the cache before its next repeat, the share is a grain of x at a time under all of its repeats, so that x comes from
/// memory once.
template <class T>
void process_share(const Elementwise& call, SpanRunner<T>& runner, std::int64_t thread, std::int64_t threads) {
  const Layout& layout = call.layout;
  const bool sweeps = layout.repeats > 1 && layout.repeat_length * static_cast<std::int64_t>(sizeof(T)) >= sweep_from_bytes &&
                      (call.mask == nullptr || layout.repeat_length % 8 == 0);
  const std::int64_t repeats = sweeps ? layout.repeats : 1, length = sweeps ? layout.repeat_length : layout.elements;
  const std::int64_t grains = (length + grain - 1) / grain, all_grains = layout.elements / (length * repeats) * grains;
  const std::int64_t begin = all_grains * thread / threads, end = all_grains * (thread + 1) / threads;
  const std::int64_t grains_at_a_time = sweeps ? 1 : end - begin;
  for (std::int64_t i = begin; i < end; i += grains_at_a_time) {
    const std::int64_t offset = i % grains * grain, count = std::min(grains_at_a_time * grain, length - offset);
    for (std::int64_t repeat = 0; repeat < repeats; ++repeat) {
      std::int64_t element = (i / grains * repeats + repeat) * length + offset;  // at a whole byte of the mask
      for (const std::int64_t last = element + count; element < last;)
        element += runner.process_span(element, last - element, 1, 0);
    }
  }
}

}  // namespace rectify::detail
