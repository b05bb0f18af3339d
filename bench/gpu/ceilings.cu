// Plain kernels that copy, add, read or write, with several numbers of packs per thread. rectify_gpu_bench.cpp calls
// run_ceilings; shapes.cu, peers.cu and sweep.cuh call ceilings for the baselines of their rows.
#include "ceilings.hpp"

#include "units.hpp"

#include <algorithm>

namespace rectify::gpu_bench {
namespace {

struct Copy {
  static constexpr int inputs = 1;
  __device__ static uint4 of(uint4 a, uint4) { return a; }
};
struct Add {
  static constexpr int inputs = 2;
  __device__ static uint4 of(uint4 a, uint4 b) { return {a.x ^ b.x, a.y ^ b.y, a.z ^ b.z, a.w ^ b.w}; }
};
struct Read {
  static constexpr int inputs = 1;
};
struct Write {
  static constexpr int inputs = 0;
  __device__ static uint4 of(uint4, uint4) { return {1, 2, 3, 4}; }
};

__device__ void store(uint4* to, uint4 v, bool streaming) {
  if (streaming) {
    __stcs(to, v);
  } else {
    *to = v;
  }
}

/// Each thread moves N packs of 16 bytes of each input. All are loaded before the first is stored.
template <class Op, int N>
__global__ void __launch_bounds__(256)
    stream_kernel(const uint4* a, const uint4* b, uint4* y, std::int64_t packs, bool streaming) {
  const std::int64_t first = std::int64_t{blockIdx.x} * (256 * N) + threadIdx.x;
  uint4 from_a[N] = {}, from_b[N] = {};
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const std::int64_t at = first + n * 256;
    if (at >= packs) continue;
    if constexpr (Op::inputs > 0) from_a[n] = a[at];
    if constexpr (Op::inputs > 1) from_b[n] = b[at];
  }
#pragma unroll
  for (int n = 0; n < N; ++n) {
    const std::int64_t at = first + n * 256;
    if (at >= packs) continue;
    if constexpr (std::is_same_v<Op, Read>) {
      const uint4 v = from_a[n];
      if ((v.x ^ v.y ^ v.z ^ v.w) == 0x9e3779b9u) y[at] = v;  // almost never true, but the compiler cannot know
    } else {
      store(y + at, Op::of(from_a[n], from_b[n]), streaming);
    }
  }
}

template <class Op, int N>
Contender contender(const char* part, const char* op, const Tensors& tensors, bool streaming) {
  constexpr int streams = Op::inputs + !std::is_same_v<Op, Read>;
  Label label{part,
              op,
              "kernel of " + std::to_string(N) + (streaming ? " packs, __stcs" : " packs"),
              "",
              "flat",
              tensors.bytes,
              static_cast<double>(tensors.bytes) * streams};
  label.has_result = false;
  const std::int64_t packs = tensors.bytes / 16;
  return {label, [=, &tensors](cudaStream_t stream, int rotation) {
            const auto r = static_cast<std::size_t>(rotation);
            const auto blocks = static_cast<unsigned>((packs + 256 * N - 1) / (256 * N));
            stream_kernel<Op, N><<<blocks, 256, 0, stream>>>(static_cast<const uint4*>(tensors.a[r].data()),
                                                             static_cast<const uint4*>(tensors.b[r].data()),
                                                             static_cast<uint4*>(tensors.y[r].data()), packs, streaming);
            RECTIFY_REQUIRE_CUDA(cudaGetLastError());
          }};
}

template <class Op>
void append(std::vector<Contender>& all, const char* part, const char* op, const Tensors& tensors, bool both_stores) {
  for (const bool streaming : {false, true}) {
    if (streaming && !both_stores) break;
    all.push_back(contender<Op, 1>(part, op, tensors, streaming));
    all.push_back(contender<Op, 2>(part, op, tensors, streaming));
    all.push_back(contender<Op, 4>(part, op, tensors, streaming));
  }
}

Contender memcpy_of(const char* part, const Tensors& tensors) {
  Label label{part, "copy", "cudaMemcpyAsync", "", "flat", tensors.bytes, 2.0 * static_cast<double>(tensors.bytes)};
  label.has_result = false;
  return {label, [&tensors](cudaStream_t stream, int rotation) {
            const auto r = static_cast<std::size_t>(rotation);
            RECTIFY_REQUIRE_CUDA(cudaMemcpyAsync(tensors.y[r].data(), tensors.a[r].data(),
                                                 static_cast<std::size_t>(tensors.bytes), cudaMemcpyDeviceToDevice, stream));
          }};
}

}  // namespace

Tensors::Tensors(std::int64_t bytes_, int rotations, const std::string& dtype) : bytes(bytes_) {
  for (int r = 0; r < rotations; ++r) {
    for (auto* list : {&a, &b, &y}) list->emplace_back(static_cast<std::size_t>(bytes));
    a.back().randomise(dtype, static_cast<std::uint32_t>(2 * r + 1));
    b.back().randomise(dtype, static_cast<std::uint32_t>(2 * r + 2));
    y.back().spoil();
  }
}

int rotations_for(std::int64_t tensor_bytes) {
  constexpr std::int64_t enough = 256 * mebi;  // between two uses of a buffer: several times the L2 cache
  return static_cast<int>(std::clamp<std::int64_t>(enough / (2 * tensor_bytes), 1, 2048));
}

std::vector<Contender> ceilings(const Tensors& tensors, bool add, const char* part) {
  std::vector<Contender> all{memcpy_of(part, tensors)};
  append<Copy>(all, part, "copy", tensors, true);
  if (add) append<Add>(all, part, "add", tensors, true);
  return all;
}

void run_ceilings() {
  constexpr const char* part = "ceilings";
  for (const std::int64_t bytes : {gibi, 256 * mebi, 16 * mebi, mebi, 64 * kibi}) {
    const Tensors tensors(bytes, rotations_for(bytes), "f32");
    std::vector<Contender> all = ceilings(tensors, true, part);
    append<Read>(all, part, "read", tensors, false);
    append<Write>(all, part, "write", tensors, true);
    measure(all, {Mode::cold, tensors.rotations()});
    if (bytes <= 16 * mebi) measure(ceilings(tensors, true, part), {Mode::hot});
  }
}

}  // namespace rectify::gpu_bench
