// cuDNN's legacy activation API, from a library that is loaded at run time. To build, only cuDNN's header is needed; without
// the header the peer is absent.
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

  /// The reason why cuDNN cannot be measured; empty if it can.
  const std::string& absent() const { return absent_; }

  /// y = ReLU of n elements, clipped at 6 if `clipped`. Throws std::runtime_error.
  void forward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, void* y);
  /// dx from dy and x. cuDNN also reads y, for which it is given x.
  void backward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, const void* dy, void* dx);

 private:
  struct Functions;
  std::unique_ptr<Functions> cudnn_;
  std::string absent_;
};

}  // namespace rectify::gpu_bench
