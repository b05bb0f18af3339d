// Takes the times, prints the rows, and fills and compares buffers on the GPU.
#include "timing.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <stdexcept>

namespace rectify::gpu_bench {
namespace {

/// A stream and two events.
struct Clock {
  cudaStream_t stream = nullptr;
  cudaEvent_t start = nullptr, stop = nullptr;

  Clock() {
    RECTIFY_REQUIRE_CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
    RECTIFY_REQUIRE_CUDA(cudaEventCreate(&start));
    RECTIFY_REQUIRE_CUDA(cudaEventCreate(&stop));
  }
  ~Clock() {
    cudaEventDestroy(start);
    cudaEventDestroy(stop);
    cudaStreamDestroy(stream);
  }
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;

  /// Ends the capture in which a call failed, if any, and clears the error.
  void recover() {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(stream, &graph);
    if (graph != nullptr) cudaGraphDestroy(graph);
    cudaGetLastError();
  }

  template <class F>
  double microseconds(const F& work) {
    RECTIFY_REQUIRE_CUDA(cudaEventRecord(start, stream));
    work();
    RECTIFY_REQUIRE_CUDA(cudaEventRecord(stop, stream));
    RECTIFY_REQUIRE_CUDA(cudaEventSynchronize(stop));
    float milliseconds = 0;
    RECTIFY_REQUIRE_CUDA(cudaEventElapsedTime(&milliseconds, start, stop));
    return 1e3 * milliseconds;
  }
};

/// A contender that is ready to be timed: a graph of so many calls, and the times so far.
struct Sampled {
  const Contender* contender;
  int calls;
  cudaGraphExec_t graph;
  std::vector<double> us;

  double quantile(double q) const {
    const auto at = static_cast<std::size_t>(std::llround(q * static_cast<double>(us.size() - 1)));
    return us[at];
  }
};

cudaGraphExec_t capture(const Contender& contender, cudaStream_t stream, int calls, int rotations) {
  cudaGraph_t graph;
  cudaGraphExec_t replay;
  RECTIFY_REQUIRE_CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < calls; ++i) contender.call(stream, i % rotations);
  RECTIFY_REQUIRE_CUDA(cudaStreamEndCapture(stream, &graph));
  RECTIFY_REQUIRE_CUDA(cudaGraphInstantiate(&replay, graph, 0));
  RECTIFY_REQUIRE_CUDA(cudaGraphDestroy(graph));
  return replay;
}

double replay_microseconds(cudaGraphExec_t graph, Clock& clock) {
  return clock.microseconds([&] { RECTIFY_REQUIRE_CUDA(cudaGraphLaunch(graph, clock.stream)); });
}

Sampled prepare(const Contender& contender, Clock& clock, const Run& run) {
  const int rotations = run.mode == Mode::hot ? 1 : run.rotations;
  contender.call(clock.stream, 0);
  RECTIFY_REQUIRE_CUDA(cudaStreamSynchronize(clock.stream));
  const double one_call = clock.microseconds([&] { contender.call(clock.stream, 0); });
  int calls = 1;
  if (one_call < 1e3 * run.sample_ms) {  // most of that may be host time, so the GPU's time is measured with a graph
    constexpr int probed = 32;
    const cudaGraphExec_t probe = capture(contender, clock.stream, probed, rotations);
    replay_microseconds(probe, clock);
    const double once = replay_microseconds(probe, clock) / probed;
    RECTIFY_REQUIRE_CUDA(cudaGraphExecDestroy(probe));
    calls = static_cast<int>(std::clamp(std::ceil(1e3 * run.sample_ms / once), 1.0, 400.0));
  }
  // Whole rotations: otherwise a sample would not use all buffers, and those that it uses might stay in the cache.
  calls = (calls + rotations - 1) / rotations * rotations;
  Sampled sampled{&contender, calls, capture(contender, clock.stream, calls, rotations), {}};
  replay_microseconds(sampled.graph, clock);
  return sampled;
}

std::string number(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

std::string quoted(const std::string& text) {
  std::string all = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') all += '\\';
    all += c == '\n' ? ' ' : c;
  }
  return all + "\"";
}

std::string json_of(const Label& label) {
  std::string all = "\"part\": " + quoted(label.part) + ", \"op\": " + quoted(label.op) + ", \"who\": " + quoted(label.who);
  if (!label.dtype.empty()) all += ", \"dtype\": " + quoted(label.dtype);
  if (!label.shape.empty()) all += ", \"shape\": " + quoted(label.shape);
  if (label.tensor_bytes > 0) all += ", \"tensor_bytes\": " + std::to_string(label.tensor_bytes);
  if (label.bytes > 0) all += ", \"bytes\": " + number(label.bytes);
  return all;
}

void print_line(const std::string& fields) {
  std::printf("{%s}\n", fields.c_str());
  std::fflush(stdout);
}

void print(const Sampled& sampled, const Run& run, const std::map<std::string, double>& us_of) {
  const Label& label = sampled.contender->label;
  const double us = sampled.quantile(0.5);
  std::string all = json_of(label) + ", \"mode\": " + quoted(run.mode == Mode::hot ? "hot" : "cold");
  all += ", \"us\": " + number(us) + ", \"us_p10\": " + number(sampled.quantile(0.1)) +
         ", \"us_p90\": " + number(sampled.quantile(0.9)) + ", \"runs\": " + std::to_string(sampled.us.size()) +
         ", \"calls\": " + std::to_string(sampled.calls);
  if (label.bytes > 0) all += ", \"gbps\": " + number(label.bytes / us / 1e3);
  const auto ceiling = us_of.find(label.ceiling);
  if (ceiling != us_of.end()) all += ", \"of_ceiling\": " + number(ceiling->second / us);
  if (label.has_result) all += ", \"checked\": true";
  print_line(all);
}

__device__ std::uint32_t mixed(std::uint64_t n) {
  n = (n ^ (n >> 33)) * 0xff51afd7ed558ccdull;
  n = (n ^ (n >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return static_cast<std::uint32_t>(n >> 32);
}

__device__ float random_float(std::uint64_t n) {
  const std::uint32_t bits = mixed(n);
  return bits % 16 == 0 ? 0.0f : static_cast<float>(static_cast<int>(bits)) * 0x1p-29f;
}

/// A bf16 is the upper half of a float. The bits of an f16 are put together from a sign, an exponent below 2^2, and a fraction.
__device__ std::uint32_t random_half(std::uint64_t n, bool bf16) {
  if (bf16) return __float_as_uint(random_float(n)) >> 16;
  const std::uint32_t bits = mixed(n);
  return bits % 16 == 0 ? 0u : (bits >> 16 & 0x8000u) | ((bits >> 20) % 17 << 10) | (bits & 0x3ffu);
}

enum class Kind { f32, bf16, f16 };

__global__ void randomise_kernel(std::uint32_t* words, std::uint64_t count, std::uint32_t seed, Kind kind) {
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += std::uint64_t{gridDim.x} * blockDim.x) {
    const std::uint64_t n = i + (std::uint64_t{seed} << 40);
    const std::uint32_t low = kind == Kind::f32 ? 0 : random_half(2 * n, kind == Kind::bf16);
    words[i] = kind == Kind::f32 ? __float_as_uint(random_float(n)) : low | random_half(2 * n + 1, kind == Kind::bf16) << 16;
  }
}

__device__ bool both_zero(std::uint32_t a, std::uint32_t b, std::uint32_t magnitude) { return ((a | b) & magnitude) == 0; }

__device__ bool same(std::uint32_t a, std::uint32_t b, int zeros_equal) {
  if (a == b) return true;
  if (zeros_equal == 32) return both_zero(a, b, 0x7fffffffu);
  if (zeros_equal != 16) return false;
  const bool low = (a & 0xffffu) == (b & 0xffffu) || both_zero(a, b, 0x7fffu);
  const bool high = a >> 16 == b >> 16 || both_zero(a, b, 0x7fff0000u);
  return low && high;
}

__global__ void differing_kernel(const std::uint32_t* a, const std::uint32_t* b, std::uint64_t count, int zeros_equal,
                                 unsigned long long* result) {
  unsigned long long mine = 0;
  for (std::uint64_t i = std::uint64_t{blockIdx.x} * blockDim.x + threadIdx.x; i < count;
       i += std::uint64_t{gridDim.x} * blockDim.x)
    mine += !same(a[i], b[i], zeros_equal);
  if (mine > 0) atomicAdd(result, mine);
}

}  // namespace

void require(cudaError_t error, const char* call) {
  if (error != cudaSuccess) throw std::runtime_error(std::string(call) + ": " + cudaGetErrorString(error));
}

void measure(const std::vector<Contender>& contenders, const Run& run) {
  Clock clock;
  std::vector<Sampled> all;
  for (const Contender& contender : contenders) {
    if (!contender.failed.empty()) {
      print_note(contender.label, "failed", contender.failed);
      continue;
    }
    try {
      all.push_back(prepare(contender, clock, run));
    } catch (const std::exception& error) {
      print_note(contender.label, "failed", error.what());
      clock.recover();
    }
  }
  for (int round = 0; round < run.rounds; ++round) {
    for (Sampled& each : all) each.us.push_back(replay_microseconds(each.graph, clock) / each.calls);
  }
  std::map<std::string, double> us_of;  // the fastest contender of each op, for ceilings
  for (Sampled& each : all) {
    std::sort(each.us.begin(), each.us.end());
    const auto known = us_of.emplace(each.contender->label.op, each.quantile(0.5)).first;
    known->second = std::min(known->second, each.quantile(0.5));
  }
  for (Sampled& each : all) {
    print(each, run, us_of);
    cudaGraphExecDestroy(each.graph);
  }
}

void print_note(const Label& label, const char* key, const std::string& text) {
  print_line(json_of(label) + ", " + quoted(key) + ": " + quoted(text));
}

void print_time(const Label& label, const char* mode, double us) {
  print_line(json_of(label) + ", \"mode\": " + quoted(mode) + ", \"us\": " + number(us));
}

Buffer::Buffer(std::size_t bytes) : bytes_(bytes) { RECTIFY_REQUIRE_CUDA(cudaMalloc(&data_, bytes)); }
Buffer::~Buffer() { cudaFree(data_); }

void Buffer::randomise(const std::string& dtype, std::uint32_t seed) {
  const Kind kind = dtype == "f32" ? Kind::f32 : dtype == "bf16" ? Kind::bf16 : Kind::f16;
  randomise_kernel<<<4096, 256>>>(static_cast<std::uint32_t*>(data_), bytes_ / 4, seed, kind);
  RECTIFY_REQUIRE_CUDA(cudaGetLastError());
  RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
}

void Buffer::spoil() {
  RECTIFY_REQUIRE_CUDA(cudaMemset(data_, 0xff, bytes_));
  RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
}

std::uint64_t Buffer::differing_words(const Buffer& other, std::size_t bytes, int zeros_equal) const {
  Buffer result(8);
  RECTIFY_REQUIRE_CUDA(cudaMemset(result.data(), 0, 8));
  differing_kernel<<<4096, 256>>>(static_cast<const std::uint32_t*>(data_), static_cast<const std::uint32_t*>(other.data_),
                                  bytes / 4, zeros_equal, static_cast<unsigned long long*>(result.data()));
  RECTIFY_REQUIRE_CUDA(cudaGetLastError());
  std::uint64_t count = 0;
  RECTIFY_REQUIRE_CUDA(cudaMemcpy(&count, result.data(), 8, cudaMemcpyDeviceToHost));
  return count;
}

}  // namespace rectify::gpu_bench
