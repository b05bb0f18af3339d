// The movers of the CPU: memcpy if an op reads one stream and writes one of the same size, and the kernels of traffic_body.hpp.
#include "cpu/traffic.hpp"

#include <omp.h>

#include <algorithm>
#include <cstring>
#include <cstdint>

namespace rectify::harness {
namespace {

Traffic best_traffic() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return avx512::traffic;
  if (__builtin_cpu_supports("avx2")) return avx2::traffic;
#endif
  return baseline::traffic;
}

std::size_t largest_of(const std::vector<Stream>& streams) {
  std::size_t largest = 0;
  for (const Stream& stream : streams) largest = std::max(largest, stream.bytes);
  return largest;
}

/// f(begin, end) on each thread, for a share of whole cache lines.
template <class F>
void on_all_threads(std::size_t bytes, const F& f) {
  constexpr std::size_t line = 64, parallel_from_bytes = 128 << 10;
  if (bytes < parallel_from_bytes) return f(std::size_t{0}, bytes);
#pragma omp parallel
  {
    const auto threads = static_cast<std::size_t>(omp_get_num_threads()),
               thread = static_cast<std::size_t>(omp_get_thread_num());
    const std::size_t share = bytes / threads / line * line, begin = share * thread;
    f(begin, thread + 1 == threads ? bytes : begin + share);
  }
}

void move_by_memcpy(const std::vector<Stream>& streams, void*) {
  const bool reads_first = !streams[0].is_written;
  char* const to = static_cast<char*>(streams[reads_first ? 1 : 0].data);
  const char* const from = static_cast<const char*>(streams[reads_first ? 0 : 1].data);
  on_all_threads(streams[0].bytes, [&](std::size_t begin, std::size_t end) {
    if (to != from && end > begin) std::memcpy(to + begin, from + begin, end - begin);
  });
}

Mover by_kernel(const char* name, Way way) {
  return {name, [traffic = best_traffic(), way](const std::vector<Stream>& streams, void*) {
            const std::size_t largest = largest_of(streams);
            on_all_threads(largest, [&](std::size_t begin, std::size_t end) {
              traffic(Share{&streams, largest, begin, end}, way);
            });
          }};
}

/// Stores past the caches need whole vectors at whole multiples of their width.
bool is_aligned(const std::vector<Stream>& streams) {
  return std::all_of(streams.begin(), streams.end(), [](const Stream& stream) {
    return !stream.is_written || reinterpret_cast<std::uintptr_t>(stream.data) % 64 == 0;
  });
}

}  // namespace

std::vector<Mover> cpu_movers(const std::vector<Stream>& streams) {
  std::vector<Mover> all{by_kernel("plain copy", Way::plain), by_kernel("fetching copy", Way::fetching)};
  if (is_aligned(streams)) {
    all.push_back(by_kernel("streaming copy by lines", Way::streaming_lines));
    all.push_back(by_kernel("streaming copy by blocks", Way::streaming_blocks));
  }
  if (is_copy(streams)) all.push_back({"memcpy", move_by_memcpy});
  return all;
}

}  // namespace rectify::harness
