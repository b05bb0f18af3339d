// How rectify-gpu-bench takes times: contenders in turn, each sample a CUDA graph of many calls, cold or hot by the buffers that the
// calls rotate over. Every row is one line of JSON on stdout, as soon as it is known.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace rectify::gpu_bench {

/// Throws std::runtime_error with the call's text.
void require(cudaError_t error, const char* call);
#define RECTIFY_REQUIRE_CUDA(call) ::rectify::gpu_bench::require(call, #call)

/// What is known of a row before it is measured.
struct Label {
  std::string part = {};   ///< ceilings, sweep, shapes, host or peers
  std::string op = {};     ///< forward, backward, copy, ...
  std::string who = {};    ///< rectify, or a variant, or a peer
  std::string dtype = {};  ///< empty where bytes are just bytes
  std::string shape = {};  ///< "[n, 1001]"; "flat"
  std::int64_t tensor_bytes = 0;
  double bytes = 0;          ///< that one call must move
  std::string ceiling = {};  ///< the contender of this round that is its ceiling; empty for none
  bool has_result = true;    ///< false: nothing to check (a read)
};

struct Contender {
  Label label;
  std::function<void(cudaStream_t, int)> call;  ///< one call, on the buffers of that rotation
  std::string failed = {};                      ///< why it is not to be timed
};

enum class Mode {
  cold,  ///< buffers rotate, so that a call finds none of its data in the L2 cache
  hot,   ///< one set of buffers
};

struct Run {
  Mode mode = Mode::cold;
  int rotations = 1;     ///< sets of buffers that the contenders have
  int rounds = 15;       ///< samples of each
  double sample_ms = 1;  ///< a sample has at least so many, and one call
};

/// Times them in turn, and prints a row each.
void measure(const std::vector<Contender>& contenders, const Run& run);

/// A row that was not measured here, or not at all: "absent", "failed" or a note.
void print_note(const Label& label, const char* key, const std::string& text);

/// A row of a time that was taken otherwise.
void print_time(const Label& label, const char* mode, double us);

/// Memory of the GPU that frees itself.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes);
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  Buffer(Buffer&& other) noexcept : data_(other.data_), bytes_(other.bytes_) { other.data_ = nullptr; }
  void* data() const { return data_; }
  std::size_t bytes() const { return bytes_; }

  /// Numbers in [-4, 4) of a 2- or 4-byte float type, 1/16 of them exactly 0; never NaN. Reproducible.
  void randomise(const std::string& dtype, std::uint32_t seed);
  /// Every byte 0xff, so that an element that is not written shows.
  void spoil();
  /// The number of 32-bit words that differ. `zeros_equal`: of that many bits each, numbers that are +0 and -0 count as the same.
  std::uint64_t differing_words(const Buffer& other, std::size_t bytes, int zeros_equal = 0) const;

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace rectify::gpu_bench
