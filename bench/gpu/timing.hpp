// How rectify-gpu-bench measures. Contenders are timed in turn, and a sample is a CUDA graph of many calls. Samples are cold or
// hot, depending on whether the calls rotate over several sets of buffers. Every row is printed at once, as one line of JSON on
// stdout.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rectify::gpu_bench {

/// Throws std::runtime_error, with the text of the call, unless `error` is cudaSuccess.
void require(cudaError_t error, const char* call);
#define RECTIFY_REQUIRE_CUDA(call) ::rectify::gpu_bench::require(call, #call)

/// The fields of a row that are known before it is measured.
struct Label {
  std::string part = {};   ///< ceilings, sweep, shapes, host or peers
  std::string op = {};     ///< forward, backward, copy, ...
  std::string who = {};    ///< rectify, a variant of its kernels, or a peer
  std::string dtype = {};  ///< empty if the bytes have no type
  std::string shape = {};  ///< "[n, 1001]"; "flat"
  std::int64_t tensor_bytes = 0;
  double bytes = 0;          ///< that one call must read and write
  std::string ceiling = {};  ///< the op whose fastest contender is the ceiling of this row; empty for none
  bool has_result = true;    ///< false if there is nothing to check, as for a kernel that only reads
};

struct Contender {
  Label label;
  std::function<void(cudaStream_t, int)> call;  ///< makes one call on the buffers of that rotation
  std::string failed = {};                      ///< the reason not to time it; empty if there is none
};

enum class Mode {
  cold,  ///< calls rotate over several sets of buffers, so that none finds its data in the L2 cache
  hot,   ///< all calls use the same buffers
};

struct Run {
  Mode mode = Mode::cold;
  int rotations = 1;     ///< sets of buffers
  int rounds = 15;       ///< samples of each contender
  double sample_ms = 1;  ///< least duration of a sample, which has at least one call
};

/// Times the contenders in turn, and prints a row for each.
void measure(const std::vector<Contender>& contenders, const Run& run);

/// Prints a row without a time: with the key "absent" or "failed", and the reason.
void print_note(const Label& label, const char* key, const std::string& text);

/// Prints a row with a time that measure() has not taken.
void print_time(const Label& label, const char* mode, double us);

/// Memory on the GPU, freed by the destructor.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  /// Fills it with values in [-4, 4) of f32, bf16 or f16; 1/16 of them are exactly 0, none is NaN. The same seed gives the same
  /// values.
  void randomise(const std::string& dtype, std::uint32_t seed);
  /// Sets every byte to 0xff, so that an element that is not written is noticed.
  void spoil();
  /// The number of 32-bit words that differ. If zeros_equal is 16 or 32, the words hold values of so many bits, and +0 equals
  /// -0.
  std::uint64_t differing_words(const Buffer& other, std::size_t bytes, int zeros_equal = 0) const;

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace rectify::gpu_bench
