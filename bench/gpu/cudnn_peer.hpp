// cuDNN's legacy activation, by a library that is looked for at run time: nothing here needs it to build but its header, and without
// the header it is absent.
#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>

namespace rectify::gpu_bench {

class CudnnPeer {
 public:
  CudnnPeer();
  ~CudnnPeer();

  /// Why it cannot be measured; empty if it can.
  const std::string& absent() const { return absent_; }

  /// ReLU, or clipped at 6, of n elements. Throws std::runtime_error.
  void forward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, void* y);
  /// dx, from x instead of cuDNN's y too: it reads both.
  void backward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, const void* dy, void* dx);

 private:
  struct Functions;
  std::unique_ptr<Functions> cudnn_;
  std::string absent_;
};

}  // namespace rectify::gpu_bench
