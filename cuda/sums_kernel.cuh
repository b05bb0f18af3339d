// sums_kernel: backward with sums. A block processes one part of the call (core/sum_plan.hpp): its elements, and its sums,
// which it writes to the workspace. Every term has its place in a fixed order of additions, and no atomics are used. Launched
// by sums_launch.cuh; calls elementwise_item.cuh. The second pass is add_parts_kernel.cuh.
#pragma once

#include "elementwise_kernel.cuh"

#include <cstdint>

namespace rectify::detail {

/// A part has a pack for each thread of a block in a row. 2,048 parts are several blocks for every multiprocessor; more parts
/// would write more sums for the second pass to read. Chosen on an H100: docs/tuning-log.md.
constexpr SumGrain cuda_sum_grain_of(std::int64_t lanes) {
  SumGrain grain{threads_per_block * lanes, threads_per_block * lanes, 1024, 2048};
  grain.min_parts = 264;  // two for every multiprocessor of an H100
  grain.fewest_rows = 4;
  grain.row_alignment = lanes;
  grain.interleaved = true;
  return grain;
}
template <class T>
constexpr SumGrain cuda_sum_grain = cuda_sum_grain_of(Pack<T>::lanes);

/// Rows whose terms are added in registers, in one chain of additions. Its sum is then added to that of the rows before in
/// shared memory, so that no chain is long: the error grows with the length of the chains.
constexpr int rows_in_a_chain = 32;

/// The pack that a thread moves at once. With an alpha tensor or several sums, eight lanes would not fit in the registers.
template <class Set, class Sums, class T>
using SumPack = std::conditional_t<Set::alpha || (Sums::count > 1), SmallPack<T>, Pack<T>>;

/// Where a kernel stores the sums of its parts, in the order of its SumSet. The pointer of a sum that is not requested is null.
template <class C>
struct PartSums {
  C* data[sum_kinds];
  bool over_everything[sum_kinds];  // one sum for each part; else one for each channel that it meets
};

/// The sums of one chain, for each lane of a thread's item.
template <class Sums, class C, int L>
struct LaneSums {
  static constexpr bool sums = true;
  C v[Sums::count][L] = {};

  __device__ void add(int l, const Terms<C>& terms) {
    terms.add_to(Sums{}, [&](int sum) -> C& { return v[sum][l]; });
  }
};

/// Processes `count` rows of an item's positions, with the parameters that they share. add(chain) is called with the sums of
/// each chain.
template <int N, class Op, class Set, class Sums, class Mask, class T, class Space, class Rows, class Parameters, class Add>
__device__ void sum_chains(const Operands<T>& operands, const Space& space, Rows rows, int count, const Parameters& parameters,
                           const Add& add) {
#pragma unroll 1
  for (int row = 0; row < count;) {
    const int end = count - row > rows_in_a_chain ? row + rows_in_a_chain : count;
    LaneSums<Sums, Compute<T>, Space::Item::lanes> chain;
#pragma unroll 1
    for (; row + N <= end; row += N) process_rows<N, Op, Set, Mask>(operands, space, rows, row, parameters, chain);
#pragma unroll 1
    for (; row < end; ++row) process_rows<1, Op, Set, Mask>(operands, space, rows, row, parameters, chain);
    add(chain);
  }
}

/// Processes the item at `position` in every row of a part, except an item that the end of the call cuts. Its lanes have the
/// same channels in every row, so the parameters are loaded once. In a Strided space that has a row step, each place is found
/// from the one before.
template <int N, class Op, class Set, class Sums, class Mask, class T, class Space, class Add>
__device__ void sum_position(const Operands<T>& operands, const Space& space, const SumPart& part, std::int64_t position,
                             const Add& add) {
  constexpr int lanes = Space::Item::lanes;
  const std::int64_t first = part.base + position, last = first + (part.rows - 1) * part.stride;
  const int rows = static_cast<int>(part.rows - (last + lanes > part.end));
  ItemParameters<Set, T, lanes> parameters{};
  if constexpr (has_parameters<Set>) {
    if (rows > 0) parameters.load(operands, space, space.channel_of(space.locate_element(first)));
  }
  const LocatedRows<Space> located{space, first, part.stride};
  if constexpr (Space::is_dense) {
    sum_chains<N, Op, Set, Sums, Mask>(operands, space, located, rows, parameters, add);
  } else if (space.has_row_step) {
    const SteppedRows<Space> stepped{space, space.locate_element(first)};
    sum_chains<N, Op, Set, Sums, Mask>(operands, space, stepped, rows, parameters, add);
  } else {
    sum_chains<2, Op, Set, Sums, Mask>(operands, space, located, rows, parameters, add);  // rare, so two in flight do
  }
}

/// Processes a thread's positions, and stores their sums in shared memory as sums[k][position]. A thread has one pack of 16
/// bytes, two half packs, or every 256th position.
template <class Op, class Set, class Sums, class Mask, class T, class Space, class C, int Width>
__device__ void sum_positions(const Operands<T>& operands, const Space& space, const SumPart& part,
                              C (&sums)[Sums::count][Width]) {
  constexpr int lanes = Space::Item::lanes;
  // Rows in flight. Half packs: four on sm_90, which was measured; on sm_100 and sm_120 four would spill. Single elements: as
  // many as make 16 KiB in flight on a multiprocessor; of f64, more than two would spill on sm_80.
  constexpr bool general_of_16_bits = Set::general && sizeof(T) == 2;
  constexpr int in_flight = lanes > 1            ? (general_of_16_bits && code_architecture == 90 ? 4 : 2)
                            : general_of_16_bits ? 8
                            : sizeof(T) == 8     ? 2
                                                 : 4;
#pragma unroll 1
  for (int position = static_cast<int>(threadIdx.x) * lanes; position < part.width; position += threads_per_block * lanes) {
#pragma unroll
    for (int k = 0; k < Sums::count; ++k) {
#pragma unroll
      for (int l = 0; l < lanes; ++l) sums[k][position + l] = 0;
    }
    sum_position<in_flight, Op, Set, Sums, Mask>(operands, space, part, position, [&](const LaneSums<Sums, C, lanes>& chain) {
#pragma unroll
      for (int k = 0; k < Sums::count; ++k) {
#pragma unroll
        for (int l = 0; l < lanes; ++l) sums[k][position + l] += chain.v[k][l];
      }
    });
    if constexpr (lanes > 1) {  // the elements of a pack that the end of the call cuts, if there is one, one by one
      const std::int64_t element = part.base + (part.rows - 1) * part.stride + position;
#pragma unroll 1
      for (int l = 0; element + l < part.end && element + lanes > part.end; ++l) {
        LaneSums<Sums, C, 1> single;
        Loaded<Single<T>> in{};
        const Place place = space.locate_element(element + l);
        if constexpr (Op::reads_x) in.x = Single<T>::load(operands.x + place.x);
        load_rest<Op, Set, AnyMask>(operands, place, in);
        compute_and_store<Op, Set, Mask>(operands, space, place, in, NotLoaded(), single);
#pragma unroll
        for (int k = 0; k < Sums::count; ++k) sums[k][position + l] += single.v[k][0];
      }
    }
  }
}

/// Adds `rows` rows of `row_size` values in shared memory by halves, so that the first becomes their sum. All threads call it.
/// Bit k of `which` says whether this is done in sums[k].
template <class C, int Count, int Width>
__device__ void halve_rows(C (&sums)[Count][Width], unsigned which, int rows, int row_size) {
  while (rows > 1) {
    const int kept = (rows + 1) / 2, added = (rows - kept) * row_size;
    for (int i = static_cast<int>(threadIdx.x); i < added; i += threads_per_block) {
#pragma unroll
      for (int k = 0; k < Count; ++k) {
        if (which >> k & 1u) sums[k][i] += sums[k][i + kept * row_size];
      }
    }
    rows = kept;
    __syncthreads();
  }
}

/// The positions that a run of a channel has in a row of a part.
struct RunInPart {
  int begin, length;
};
__device__ inline RunInPart run_in_part(const SumPlan& plan, std::int64_t phase, int positions, std::int64_t channel) {
  const std::int64_t begin = channel * plan.inner - phase, end = begin + plan.inner;
  const int first = begin > 0 ? static_cast<int>(begin) : 0, last = end < positions ? static_cast<int>(end) : positions;
  return {first, last - first};
}

/// Adds the positions of each run by halves, so that the first of them becomes the sum of the run. Runs may have any length.
template <class C, int Count, int Width>
__device__ void halve_runs(C (&sums)[Count][Width], unsigned which, const SumPlan& plan, std::int64_t phase, int positions) {
  constexpr int per_thread = Width / threads_per_block;
  int offset[per_thread], length[per_thread];  // offset of each position in its run; positions of the run that are left to add
#pragma unroll
  for (int j = 0; j < per_thread; ++j) {
    const int position = static_cast<int>(threadIdx.x) + j * threads_per_block;
    const RunInPart run = run_in_part(plan, phase, positions, quotient(phase + position, plan.inner));
    offset[j] = position - run.begin;
    length[j] = position < positions ? run.length : 0;
  }
  int longest = plan.inner < positions ? static_cast<int>(plan.inner) : positions;
  while (longest > 1) {
#pragma unroll
    for (int j = 0; j < per_thread; ++j) {
      const int position = static_cast<int>(threadIdx.x) + j * threads_per_block, kept = (length[j] + 1) / 2;
#pragma unroll
      for (int k = 0; k < Count; ++k) {
        if ((which >> k & 1u) && offset[j] < length[j] - kept) sums[k][position] += sums[k][position + kept];
      }
      length[j] = kept;
    }
    longest = (longest + 1) / 2;
    __syncthreads();
  }
}

/// Adds the sums of a part's positions, and stores one sum for the part, or one for each channel that it meets.
template <class Sums, class C, int Width>
__device__ void store_sums(C (&sums)[Sums::count][Width], const SumPlan& plan, const PartSums<C>& out, const SumPart& part,
                           std::int64_t index) {
  const bool one_channel = plan.channels == 1 || plan.is_long;
  unsigned to_one = 0, to_channels = 0;  // bit k: sums[k] becomes one sum, or one for each channel
#pragma unroll
  for (int k = 0; k < Sums::count; ++k) {
    if (out.data[k] == nullptr) continue;
    (one_channel || out.over_everything[k] ? to_one : to_channels) |= 1u << k;
  }
  const int positions = static_cast<int>(part.width);  // those past the end of the call are 0
  if (to_one != 0) halve_rows(sums, to_one, positions, 1);
  int channels_met = 1;
  const std::int64_t channel = plan.first_channel(index);
  if (to_channels != 0) {
    int period = positions;  // or the part of it that is in the strip
    if (plan.strips == 1) {
      period = static_cast<int>(plan.period);
      halve_rows(sums, to_channels, positions / period, period);
    }
    halve_runs(sums, to_channels, plan, part.phase, period);
    channels_met = static_cast<int>(quotient(part.phase + period - 1, plan.inner) - channel) + 1;
  }
#pragma unroll
  for (int k = 0; k < Sums::count; ++k) {
    if (to_one >> k & 1u) {
      if (threadIdx.x == 0) out.data[k][out.over_everything[k] ? index : index * plan.channels_met] = sums[k][0];
    } else if (to_channels >> k & 1u) {
      for (int i = static_cast<int>(threadIdx.x); i < channels_met; i += threads_per_block)
        out.data[k][index * plan.channels_met + i] = sums[k][run_in_part(plan, part.phase, positions, channel + i).begin];
    }
  }
}

/// The blocks that the compiler must leave registers for on a multiprocessor. Four would spill on sm_75, whose multiprocessors
/// have room for 1,024 threads, which is four blocks.
template <class Set>
constexpr int sum_blocks = Set::general             ? 2
                           : code_architecture < 80 ? 3
                                                    : 4;

/// Block (x, y) processes the part y * gridDim.x + x.
template <class Op, class Set, class Sums, class Mask, class T, class Space>
__global__ void __launch_bounds__(threads_per_block, sum_blocks<Set>)
    sums_kernel(const __grid_constant__ Operands<T> operands, const __grid_constant__ Space space,
                const __grid_constant__ SumPlan plan, const __grid_constant__ PartSums<Compute<T>> out) {
  using C = Compute<T>;
  __shared__ C sums[Sums::count][threads_per_block * Pack<T>::lanes];
  const std::int64_t index = std::int64_t{blockIdx.y} * gridDim.x + blockIdx.x;
  if (index >= plan.parts) return;
  const SumPart part = plan.part(index);
  sum_positions<Op, Set, Sums, Mask>(operands, space, part, sums);
  __syncthreads();
  store_sums<Sums>(sums, plan, out, part, index);
}

}  // namespace rectify::detail
