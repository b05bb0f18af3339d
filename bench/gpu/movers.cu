// The movers of a GPU: cudaMemcpyAsync if an op reads one stream and writes one of the same size, and kernels that differ in the
// packs of a thread and in the kind of store.
#include "devices.hpp"
#include "gpu/require_cuda.hpp"

#include <algorithm>

namespace rectify::harness {
namespace {

constexpr int most_inputs = 4, most_outputs = 2, threads = 256;
using Pack = uint4;

/// Packs of 16 bytes. The first `full_inputs` and `full_outputs` streams have `packs` of them; the others, such as masks, fewer.
struct Traffic {
  const Pack* from[most_inputs];
  Pack* to[most_outputs];
  std::int64_t from_packs[most_inputs], to_packs[most_outputs];
  int inputs, full_inputs, outputs, full_outputs;
  std::int64_t packs;
};

__device__ Pack mixed(Pack a, Pack b) { return {a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w}; }

template <bool Streaming>
__device__ void store(Pack* to, Pack v) {
  if (Streaming) {
    __stcs(to, v);
  } else {
    *to = v;
  }
}

/// Each thread moves N packs of every stream of full size; all are loaded before the first is stored. Smaller streams are moved by
/// the first blocks.
template <int N, int Inputs, int Outputs, bool Streaming>
__global__ void __launch_bounds__(threads) move_kernel(const __grid_constant__ Traffic all) {
  const std::int64_t first = std::int64_t{blockIdx.x} * (threads * N) + threadIdx.x;
  Pack values[N] = {};
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const std::int64_t at = first + n * threads;
    if (at >= all.packs) continue;
#pragma unroll
    for (int i = 0; i < Inputs; ++i) values[n] = mixed(values[n], all.from[i][at]);
    for (int i = Inputs; i < all.inputs; ++i) {
      if (at < all.from_packs[i]) values[n] = mixed(values[n], all.from[i][at]);
    }
  }
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const std::int64_t at = first + n * threads;
    if (at >= all.packs) continue;
#pragma unroll
    for (int o = 0; o < Outputs; ++o) store<Streaming>(all.to[o] + at, values[n]);
    for (int o = Outputs; o < all.outputs; ++o) {
      if (at < all.to_packs[o]) store<Streaming>(all.to[o] + at, values[n]);
    }
  }
}

template <int N, int Inputs, bool Streaming>
void launch(const Traffic& all, cudaStream_t stream) {
  if (all.packs == 0) return;
  const auto blocks = static_cast<unsigned>((all.packs + threads * N - 1) / (threads * N));
  if (all.full_outputs == 2) {
    move_kernel<N, Inputs, 2, Streaming><<<blocks, threads, 0, stream>>>(all);
  } else {
    move_kernel<N, Inputs, 1, Streaming><<<blocks, threads, 0, stream>>>(all);
  }
  RECTIFY_REQUIRE_CUDA(cudaGetLastError());
}

template <int N, bool Streaming>
void launch(const Traffic& all, cudaStream_t stream) {
  switch (all.full_inputs) {
    case 0: return launch<N, 0, Streaming>(all, stream);
    case 1: return launch<N, 1, Streaming>(all, stream);
    case 2: return launch<N, 2, Streaming>(all, stream);
    default: return launch<N, 3, Streaming>(all, stream);
  }
}

/// Streams of full size come first. The bytes that do not fill a pack are not moved: fewer than 16 of each stream.
Traffic traffic_of(std::vector<Stream> streams) {
  std::stable_sort(streams.begin(), streams.end(), [](const Stream& a, const Stream& b) { return a.bytes > b.bytes; });
  Traffic all{};
  all.packs = static_cast<std::int64_t>(streams.front().bytes / sizeof(Pack));
  for (const Stream& stream : streams) {
    const auto packs = static_cast<std::int64_t>(stream.bytes / sizeof(Pack));
    if (stream.is_written) {
      all.to[all.outputs] = static_cast<Pack*>(stream.data);
      all.to_packs[all.outputs++] = packs;
      all.full_outputs += packs == all.packs;
    } else {
      all.from[all.inputs] = static_cast<const Pack*>(stream.data);
      all.from_packs[all.inputs++] = packs;
      all.full_inputs += packs == all.packs;
    }
  }
  return all;
}

template <int N, bool Streaming>
Mover by_kernel() {
  return {std::to_string(N) + (Streaming ? " packs, __stcs" : " packs"), [](const std::vector<Stream>& streams, void* stream) {
            launch<N, Streaming>(traffic_of(streams), static_cast<cudaStream_t>(stream));
          }};
}

Mover by_memcpy() {
  return {
      "cudaMemcpyAsync", [](const std::vector<Stream>& streams, void* stream) {
        const bool reads_first = !streams[0].is_written;
        RECTIFY_REQUIRE_CUDA(cudaMemcpyAsync(streams[reads_first ? 1 : 0].data, streams[reads_first ? 0 : 1].data,
                                             streams[0].bytes, cudaMemcpyDeviceToDevice, static_cast<cudaStream_t>(stream)));
      }};
}

}  // namespace

std::vector<Mover> cuda_movers(const std::vector<Stream>& streams) {
  std::vector<Mover> all{by_kernel<1, false>(), by_kernel<2, false>(), by_kernel<4, false>(),
                         by_kernel<1, true>(),  by_kernel<2, true>(),  by_kernel<4, true>()};
  if (is_copy(streams)) all.push_back(by_memcpy());
  return all;
}

}  // namespace rectify::harness
