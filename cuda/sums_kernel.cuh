// The kernels of the sums: elementwise backward over a part of a call (core/sum_plan.hpp) with its sums, and the second pass over the
// parts. Every sum is formed in an order that the shape alone decides; nothing is added by atomics.
#pragma once

#include "elementwise_kernel.cuh"

#include <cstdint>

namespace rectify::detail {

/// Positions of a part: a pack for each thread of a block. 2,048 parts are several blocks for every multiprocessor; more of them write more
/// sums for the second pass to read. Parts take turns row by row. Chosen on an H100: docs/tuning-log.md.
constexpr SumGrain cuda_sum_grain_of(std::int64_t lanes) {
  SumGrain grain{threads_per_block * lanes, threads_per_block * lanes, 1024, 2048};
  grain.least_parts = 264;  // two for every multiprocessor of an H100
  grain.fewest_rows = 4;
  grain.multiple = lanes;
  grain.interleaved = true;
  return grain;
}
template <class T>
constexpr SumGrain cuda_sum_grain = cuda_sum_grain_of(Pack<T>::lanes);

/// Rows that are added up in registers; then they are added to what a part's earlier rows came to, so that no chain of additions is long.
constexpr int rows_in_a_chain = 32;

/// What a thread of the kernels of sums moves at once.
template <class Set, class Sums, class T>
using SumPack = std::conditional_t<Set::alpha || (Sums::count > 1), SmallPack<T>, Pack<T>>;

/// Where the sums of the parts go, in the order in which a set has them. A sum that is not requested has a null pointer.
template <class C>
struct PartSums {
  C* of[sum_kinds];
  bool of_all[sum_kinds];
};

/// What a thread has summed so far in each of its lanes.
template <class Sums, class C, int L>
struct LaneSums {
  static constexpr bool sums = true;
  C v[Sums::count][L] = {};

  __device__ void add(int l, const Terms<C>& terms) {
    terms.add_to(Sums{}, [&](int sum) -> C& { return v[sum][l]; });
  }
};

/// `count` rows of a position, with the parameters that they share. `add` takes the sums of a chain of them.
template <int N, class Op, class Set, class Sums, class Mask, class T, class Space, class Rows, class Known, class Add>
__device__ void sum_chains(const Operands<T>& operands, const Space& space, Rows rows, int count, const Known& known,
                           const Add& add) {
#pragma unroll 1
  for (int row = 0; row < count;) {
    const int end = count - row > rows_in_a_chain ? row + rows_in_a_chain : count;
    LaneSums<Sums, Compute<T>, Space::Item::lanes> chain;
#pragma unroll 1
    for (; row + N <= end; row += N) process_rows<N, Op, Set, Mask>(operands, space, rows, row, known, chain);
#pragma unroll 1
    for (; row < end; ++row) process_rows<1, Op, Set, Mask>(operands, space, rows, row, known, chain);
    add(chain);
  }
}

/// A position's items in all rows of a part, but for an item that the end of the call cuts. An item's lanes have the same channels in
/// every row, so their parameters are loaded once; and in most views each row is as far from the last as that from the one before.
template <int N, class Op, class Set, class Sums, class Mask, class T, class Space, class Add>
__device__ void sum_position(const Operands<T>& operands, const Space& space, const SumPart& part, std::int64_t position,
                             const Add& add) {
  constexpr int lanes = Space::Item::lanes;
  const std::int64_t first = part.base + position, last = first + (part.rows - 1) * part.stride;
  const int rows = static_cast<int>(part.rows - (last + lanes > part.end));
  ItemParameters<Set, T, lanes> known{};
  if constexpr (has_parameters<Set>) {
    if (rows > 0) known.load(operands, space, space.channel_of(space.locate_element(first)));
  }
  const LocatedRows<Space> located{space, first, part.stride};
  if constexpr (Space::is_dense) {
    sum_chains<N, Op, Set, Sums, Mask>(operands, space, located, rows, known, add);
  } else if (space.steps) {
    const SteppedRows<Space> stepped{space, space.locate_element(first)};
    sum_chains<N, Op, Set, Sums, Mask>(operands, space, stepped, rows, known, add);
  } else {
    sum_chains<2, Op, Set, Sums, Mask>(operands, space, located, rows, known, add);  // more were long code for a rare case
  }
}

/// Sums a thread's positions into shared memory, `sums[k][position]`: those of its packs, or every 256th.
template <class Op, class Set, class Sums, class Mask, class T, class Space, class C, int Width>
__device__ void sum_positions(const Operands<T>& operands, const Space& space, const SumPart& part,
                              C (&sums)[Sums::count][Width]) {
  constexpr int lanes = Space::Item::lanes;
  // Rows. Of half packs four where they have been measured (on sm_100 and sm_120 they would spill), of single elements as many as make 16
  // KiB in flight on a multiprocessor; of f64 more would spill on sm_80.
  constexpr bool many = Set::general && sizeof(T) == 2;
  constexpr int in_flight = lanes > 1 ? (many && code_architecture == 90 ? 4 : 2) : many ? 8 : sizeof(T) == 8 ? 2 : 4;
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
    if constexpr (lanes > 1) {  // the elements of a pack that the end cuts, one by one; there is one pack at most
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

/// In shared memory, by all threads: of `rows` rows of `size` numbers the first becomes the sum, by halves, in each of the sums that
/// `which` names.
template <class C, int Count, int Width>
__device__ void halve_rows(C (&sums)[Count][Width], unsigned which, int rows, int size) {
  while (rows > 1) {
    const int kept = (rows + 1) / 2, added = (rows - kept) * size;
    for (int i = static_cast<int>(threadIdx.x); i < added; i += threads_per_block) {
#pragma unroll
      for (int k = 0; k < Count; ++k) {
        if (which >> k & 1u) sums[k][i] += sums[k][i + kept * size];
      }
    }
    rows = kept;
    __syncthreads();
  }
}

/// The stretch of positions that a position's channel has in a part.
struct ChannelRun {
  int begin, length;
};
__device__ inline ChannelRun channel_run_at(const SumPlan& plan, std::int64_t phase, int positions, std::int64_t channel) {
  const std::int64_t begin = channel * plan.inner - phase, end = begin + plan.inner;
  const int first = begin > 0 ? static_cast<int>(begin) : 0, last = end < positions ? static_cast<int>(end) : positions;
  return {first, last - first};
}

/// The same within each channel's stretch, of any length.
template <class C, int Count, int Width>
__device__ void halve_channel_runs(C (&sums)[Count][Width], unsigned which, const SumPlan& plan, std::int64_t phase,
                                   int positions) {
  constexpr int mine = Width / threads_per_block;
  int left[mine], length[mine];  // of a stretch: the number of numbers behind its first, and what is left to sum
#pragma unroll
  for (int j = 0; j < mine; ++j) {
    const int position = static_cast<int>(threadIdx.x) + j * threads_per_block;
    const ChannelRun stretch = channel_run_at(plan, phase, positions, quotient(phase + position, plan.inner));
    left[j] = position - stretch.begin;
    length[j] = position < positions ? stretch.length : 0;
  }
  int longest = plan.inner < positions ? static_cast<int>(plan.inner) : positions;
  while (longest > 1) {
#pragma unroll
    for (int j = 0; j < mine; ++j) {
      const int position = static_cast<int>(threadIdx.x) + j * threads_per_block, kept = (length[j] + 1) / 2;
#pragma unroll
      for (int k = 0; k < Count; ++k) {
        if ((which >> k & 1u) && left[j] < length[j] - kept) sums[k][position] += sums[k][position + kept];
      }
      length[j] = kept;
    }
    longest = (longest + 1) / 2;
    __syncthreads();
  }
}

/// A part's sums, out of its positions: one, or one for each channel that it meets.
template <class Sums, class C, int Width>
__device__ void store_sums(C (&sums)[Sums::count][Width], const SumPlan& plan, const PartSums<C>& out, const SumPart& part,
                           std::int64_t index) {
  const bool one_channel = plan.channels == 1 || plan.is_long;
  unsigned whole = 0, apart = 0;
#pragma unroll
  for (int k = 0; k < Sums::count; ++k) {
    if (out.of[k] == nullptr) continue;
    (one_channel || out.of_all[k] ? whole : apart) |= 1u << k;
  }
  const int positions = static_cast<int>(part.width);  // those past the end of the call are 0
  if (whole != 0) halve_rows(sums, whole, positions, 1);
  int slots_met = 1;
  const std::int64_t channel = plan.first_channel(index);
  if (apart != 0) {
    int row = positions;
    if (plan.strips == 1) {
      row = static_cast<int>(plan.period);
      halve_rows(sums, apart, positions / row, row);
    }
    halve_channel_runs(sums, apart, plan, part.phase, row);
    slots_met = static_cast<int>(quotient(part.phase + row - 1, plan.inner) - channel) + 1;
  }
#pragma unroll
  for (int k = 0; k < Sums::count; ++k) {
    if (whole >> k & 1u) {
      if (threadIdx.x == 0) out.of[k][out.of_all[k] ? index : index * plan.channels_met] = sums[k][0];
    } else if (apart >> k & 1u) {
      for (int i = static_cast<int>(threadIdx.x); i < slots_met; i += threads_per_block)
        out.of[k][index * plan.channels_met + i] = sums[k][channel_run_at(plan, part.phase, positions, channel + i).begin];
    }
  }
}

/// Blocks for which a multiprocessor shall have registers. Four spill on sm_75, whose multiprocessors hold no more threads than that.
template <class Set>
constexpr int sum_blocks = Set::general             ? 2
                           : code_architecture < 80 ? 3
                                                    : 4;

/// A block to a part.
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
