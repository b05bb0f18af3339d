// The second pass of the sums: what the parts left in the workspace becomes one sum for each channel, or one of everything.
#pragma once

#include "sums_kernel.cuh"

#include <cstdint>

namespace rectify::detail {

/// Terms that a thread of the second pass adds in one chain, all loaded before the first is added: the error grows with the longest chain.
constexpr int terms_in_a_chain = 16;

/// Channels that a block of the second pass takes side by side: as many as fill a sector of memory, or more where a channel has few
/// terms. The rest of its threads share the terms of each, a chain or more for each thread.
inline int channels_at_once(const SumPlan& plan, std::int64_t length) {
  const std::int64_t terms = length == 1 ? plan.parts : quotient(plan.parts * plan.channels_met, plan.channels);
  int channels = 1;
  while (channels < length && channels < threads_per_block &&
         (channels < 8 || 2 * channels * terms <= threads_per_block * terms_in_a_chain))
    channels *= 2;
  return channels;
}

/// An output, and the sums of the parts that it is of.
template <class C>
struct FinalSum {
  const C* parts;
  C* out;
  std::int64_t length, stride;
  int side;  // channels at once
};

/// Those that a call asks for.
template <class C>
struct FinalSums {
  FinalSum<C> of[sum_kinds];
  bool accumulate;  // to what is in out
};

/// Where the parts' sums of one channel lie, by rows of parts; counted without divisions, which would take longer than the sums.
struct PartsOfChannel {
  std::int64_t rows, in_a_row;  // terms
  std::int64_t row_stride;      // numbers from a row of parts to the next
  std::int64_t first, slots;    // of the first row: its first part, and the numbers of each part
  std::int64_t channel;

  __device__ static PartsOfChannel of(const SumPlan& plan, std::int64_t channel) {
    const SumPlan::Range range = plan.parts_in_a_row(channel);
    const std::int64_t rows = plan.rows_of_parts();
    return {rows,        range.last - range.first, quotient(plan.parts, rows) * plan.channels_met,
            range.first, plan.channels_met,        channel};
  }
  /// Of everything: one number a part.
  __device__ static PartsOfChannel of_all(const SumPlan& plan) { return {1, plan.parts, 0, 0, 1, 0}; }

  /// The place of the j-th term of the first row.
  __device__ std::int64_t place(const SumPlan& plan, std::int64_t j) const {
    return (first + j) * slots + (slots == 1 ? 0 : channel - plan.first_channel(first + j));
  }
};

/// Terms share, share + sharers, ..., in chains.
template <class C>
__device__ C sum_of_terms(const SumPlan& plan, const PartsOfChannel& terms, const C* parts, int share, int sharers) {
  const std::int64_t rows_on = quotient(sharers, terms.in_a_row), on = sharers - rows_on * terms.in_a_row;
  std::int64_t row = quotient(share, terms.in_a_row), j = share - row * terms.in_a_row, place = terms.place(plan, j);
  C total = 0;
  while (row < terms.rows) {
    C term[terms_in_a_chain];
#pragma unroll
    for (int n = 0; n < terms_in_a_chain; ++n) {
      term[n] = row < terms.rows ? parts[row * terms.row_stride + place] : C(0);
      row += rows_on;
      if (on == 0) continue;
      j += on;
      if (j >= terms.in_a_row) {
        j -= terms.in_a_row;
        ++row;
      }
      place = terms.place(plan, j);
    }
    C chain = 0;
#pragma unroll
    for (int n = 0; n < terms_in_a_chain; ++n) chain += term[n];
    total += chain;
  }
  return total;
}

/// blockIdx.y is the sum.
template <class C>
__global__ void __launch_bounds__(threads_per_block)
    add_parts_kernel(const __grid_constant__ SumPlan plan, const __grid_constant__ FinalSums<C> sums) {
  __shared__ C shares[1][threads_per_block];
  FinalSum<C> sum{};
#pragma unroll
  for (int k = 0; k < sum_kinds; ++k) {  // not by index: the array would go to local memory
    if (k == static_cast<int>(blockIdx.y)) sum = sums.of[k];
  }
  const int side = sum.side, sharers = threads_per_block / side;
  const int mine = static_cast<int>(threadIdx.x) % side, share = static_cast<int>(threadIdx.x) / side;
  const std::int64_t channel = std::int64_t{side} * blockIdx.x + mine;
  if (channel - mine >= sum.length) return;
  C total = 0;
  if (channel < sum.length && plan.parts > 0) {
    if (sum.length == 1) total = sum_of_terms(plan, PartsOfChannel::of_all(plan), sum.parts, share, sharers);
    for (std::int64_t copy = channel; sum.length > 1 && copy < plan.channels; copy += sum.length)
      total += sum_of_terms(plan, PartsOfChannel::of(plan, copy), sum.parts, share, sharers);
  }
  shares[0][threadIdx.x] = total;
  __syncthreads();
  halve_rows(shares, 1u, sharers, side);
  if (share == 0 && channel < sum.length) {
    C& out = sum.out[channel * sum.stride];
    out = sums.accumulate ? out + shares[0][mine] : shares[0][mine];
  }
}

}  // namespace rectify::detail
