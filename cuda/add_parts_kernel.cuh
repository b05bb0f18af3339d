// add_parts_kernel: the second pass of backward with sums. It adds the sums that the parts have stored in the workspace
// (sums_kernel.cuh) to one sum for each channel, or one over everything, in an order that depends on the plan alone. Launched
// by sums_launch.cuh.
#pragma once

#include "sums_kernel.cuh"

#include <cstdint>

namespace rectify::detail {

/// Terms that a thread adds in one chain of additions; it loads all of them before it adds the first. Here a term is the sum of
/// a part.
constexpr int terms_in_a_chain = 16;

/// Channels that a block adds. Eight fill a sector of memory (32 bytes of float); there are more if channels have so few terms
/// that a thread would have less than a chain. The threads of a block are divided evenly among its channels and share the terms
/// of each.
inline int channels_of_a_block(const SumPlan& plan, std::int64_t length) {
  const std::int64_t terms = length == 1 ? plan.parts : quotient(plan.parts * plan.channels_met, plan.channels);
  int channels = 1;
  while (channels < length && channels < threads_per_block &&
         (channels < 8 || 2 * channels * terms <= threads_per_block * terms_in_a_chain))
    channels *= 2;
  return channels;
}

/// One output of the call, and the sums of the parts that are added to it.
template <class C>
struct FinalSum {
  const C* parts;  // an array of SumOffsets (core/sum_plan.hpp)
  C* out;
  std::int64_t length, stride;
  int channels_of_a_block;
};

/// The outputs that a call requests.
template <class C>
struct FinalSums {
  FinalSum<C> outputs[sum_kinds];
  bool accumulate;  // add to what the outputs hold
};

/// Where the terms of one channel lie in the sums of the parts. They are found without a division for each, which would take
/// longer than the additions: the j-th term of a round (SumPlan::rounds) is at the same offset in every round.
struct ChannelTerms {
  std::int64_t rounds, in_a_round;          // terms in each round
  std::int64_t round_stride;                // from a round to the next, in sums
  std::int64_t first_part, sums_of_a_part;  // the first part of a round that has a term; how many sums each part has stored
  std::int64_t channel;

  __device__ static ChannelTerms of_channel(const SumPlan& plan, std::int64_t channel) {
    const SumPlan::Range range = plan.parts_of_first_round(channel);
    const std::int64_t rounds = plan.rounds();
    return {rounds,      range.last - range.first, quotient(plan.parts, rounds) * plan.channels_met,
            range.first, plan.channels_met,        channel};
  }
  /// For a sum over everything: each part has stored one sum.
  __device__ static ChannelTerms of_everything(const SumPlan& plan) { return {1, plan.parts, 0, 0, 1, 0}; }

  /// The offset of the j-th term in the first round.
  __device__ std::int64_t offset(const SumPlan& plan, std::int64_t j) const {
    const std::int64_t part = first_part + j;
    return part * sums_of_a_part + (sums_of_a_part == 1 ? 0 : channel - plan.first_channel(part));
  }
};

/// The sum of the terms share, share + sharers, share + 2 * sharers, ..., in chains.
template <class C>
__device__ C sum_of_terms(const SumPlan& plan, const ChannelTerms& terms, const C* parts, int share, int sharers) {
  const std::int64_t round_step = quotient(sharers, terms.in_a_round), term_step = sharers - round_step * terms.in_a_round;
  std::int64_t round = quotient(share, terms.in_a_round), j = share - round * terms.in_a_round, offset = terms.offset(plan, j);
  C total = 0;
  while (round < terms.rounds) {
    C term[terms_in_a_chain];
#pragma unroll
    for (int n = 0; n < terms_in_a_chain; ++n) {
      term[n] = round < terms.rounds ? parts[round * terms.round_stride + offset] : C(0);
      round += round_step;
      if (term_step == 0) continue;
      j += term_step;
      if (j >= terms.in_a_round) {
        j -= terms.in_a_round;
        ++round;
      }
      offset = terms.offset(plan, j);
    }
    C chain = 0;
#pragma unroll
    for (int n = 0; n < terms_in_a_chain; ++n) chain += term[n];
    total += chain;
  }
  return total;
}

/// blockIdx.y is the output, blockIdx.x the block of its channels.
template <class C>
__global__ void __launch_bounds__(threads_per_block)
    add_parts_kernel(const __grid_constant__ SumPlan plan, const __grid_constant__ FinalSums<C> sums) {
  __shared__ C shares[1][threads_per_block];
  FinalSum<C> sum{};
#pragma unroll
  for (int k = 0; k < sum_kinds; ++k) {  // an array that is read by a variable index would go to local memory
    if (k == static_cast<int>(blockIdx.y)) sum = sums.outputs[k];
  }
  const int channels = sum.channels_of_a_block, sharers = threads_per_block / channels;
  const int column = static_cast<int>(threadIdx.x) % channels, share = static_cast<int>(threadIdx.x) / channels;
  const std::int64_t channel = std::int64_t{channels} * blockIdx.x + column;
  if (channel - column >= sum.length) return;
  C total = 0;
  if (channel < sum.length && plan.parts > 0) {
    if (sum.length == 1) total = sum_of_terms(plan, ChannelTerms::of_everything(plan), sum.parts, share, sharers);
    for (std::int64_t copy = channel; sum.length > 1 && copy < plan.channels; copy += sum.length)
      total += sum_of_terms(plan, ChannelTerms::of_channel(plan, copy), sum.parts, share, sharers);
  }
  shares[0][threadIdx.x] = total;
  __syncthreads();
  halve_rows(shares, 1u, sharers, channels);
  if (share == 0 && channel < sum.length) {
    C& out = sum.out[channel * sum.stride];
    out = sums.accumulate ? out + shares[0][column] : shares[0][column];
  }
}

}  // namespace rectify::detail
