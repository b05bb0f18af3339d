// The tools of the CPU, and functions common to both devices.
#include "harness.hpp"

#include <rectify/ops.hpp>

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <new>
#include <stdexcept>
#include <vector>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace rectify::harness {
namespace {

std::string cpu_name() {
  std::ifstream facts("/proc/cpuinfo");
  for (std::string line; std::getline(facts, line);) {
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

std::shared_ptr<void> cpu_allocate(std::size_t bytes) {
  constexpr std::align_val_t alignment{256};
  return {::operator new(bytes, alignment), [](void* p) { ::operator delete(p, alignment); }};
}

void cpu_memcpy(void* to, const void* from, std::size_t bytes) {
  if (bytes > 0) std::memcpy(to, from, bytes);
}

/// A memcpy that stores past the caches (if `stream`) and prefetches each cache line a kilobyte ahead, as rectify's loops do.
/// Without the prefetching a copy is slower than ops that prefetch, and of no use as their ceiling. glibc's memcpy stores past
/// the caches only from a larger size on; with 180 MiB and two threads it reached 0.7 of the speed even of a copy without
/// prefetching.
void copy_share(char* to, const char* from, std::size_t bytes, [[maybe_unused]] bool stream) {
  std::size_t at = 0;
#if defined(__SSE2__)
  if (stream) {
    constexpr std::size_t line = 64, ahead = 1024;
    for (; at + line <= bytes; at += line) {
      _mm_prefetch(from + at + ahead, _MM_HINT_T0);
      for (std::size_t k = at; k < at + line; k += 16)
        _mm_stream_si128(reinterpret_cast<__m128i*>(to + k), _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + k)));
    }
    _mm_sfence();
  }
#endif
  cpu_memcpy(to + at, from + at, bytes - at);
}

/// `to` must come from allocate(); then shares of whole cache lines are aligned.
void cpu_copy(void* to, const void* from, std::size_t bytes) {
  constexpr std::size_t line = 64, parallel_from_bytes = 128 << 10, stream_from_bytes = std::size_t{32} << 20;
#pragma omp parallel if (bytes >= parallel_from_bytes)
  {
    const auto threads = static_cast<std::size_t>(omp_get_num_threads()),
               thread = static_cast<std::size_t>(omp_get_thread_num());
    const std::size_t share = bytes / threads / line * line, begin = share * thread,
                      end = thread + 1 == threads ? bytes : begin + share;
    copy_share(static_cast<char*>(to) + begin, static_cast<const char*>(from) + begin, end - begin, bytes >= stream_from_bytes);
  }
}

double cpu_seconds(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double> all) {
  const auto middle = all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2);
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

}  // namespace

const Tools& cpu_tools() {
  static constexpr Tools all{cpu_name, cpu_allocate, cpu_memcpy, cpu_memcpy, cpu_copy, cpu_seconds};
  return all;
}

const Tools& tools(Device device) {
  if (device.kind == Device::Kind::cpu) return cpu_tools();
  if (const Tools* cuda = cuda_tools()) return *cuda;
  throw std::logic_error("harness: a CUDA device was requested from a build without CUDA");
}

std::string name(DType dtype) {
  constexpr const char* names[] = {"f16", "bf16", "f32", "f64", "u1", "u2"};
  return names[static_cast<int>(dtype)];
}

Device best_device() { return cuda_available() ? Device::cuda(0) : Device::cpu(); }

Paired paired_seconds(const Tools& on, int repetitions, const std::function<void()>& work,
                      const std::function<void()>& baseline) {
  std::vector<double> of_work, of_baseline;
  for (int i = -1; i < repetitions; ++i) {  // the first round warms up
    const double work_seconds = on.seconds(work), baseline_seconds = on.seconds(baseline);
    if (i < 0) continue;
    of_work.push_back(work_seconds);
    of_baseline.push_back(baseline_seconds);
  }
  return {median(of_work), median(of_baseline)};
}

}  // namespace rectify::harness
