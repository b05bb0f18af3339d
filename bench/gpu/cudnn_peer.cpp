// Loads cuDNN with dlopen, so that the program builds and runs without it.
#include "cudnn_peer.hpp"

#include <stdexcept>

#if __has_include(<cudnn.h>)
#include <cudnn.h>
#include <dlfcn.h>

#include <cstdlib>

namespace rectify::gpu_bench {
namespace {

void require(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) throw std::runtime_error(std::string(call) + ": status " + std::to_string(status));
}

/// Loads the library that RECTIFY_CUDNN names, or else the one that the loader finds.
void* open_library() {
  const char* named = std::getenv("RECTIFY_CUDNN");
  return dlopen(named != nullptr && *named != '\0' ? named : "libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL);
}

}  // namespace

struct CudnnPeer::Functions {
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnCreateTensorDescriptor) create_tensor;
  decltype(&cudnnSetTensorNdDescriptor) set_tensor;
  decltype(&cudnnCreateActivationDescriptor) create_activation;
  decltype(&cudnnSetActivationDescriptor) set_activation;
  decltype(&cudnnActivationForward) forward;
  decltype(&cudnnActivationBackward) backward;
  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t tensor = nullptr;
  cudnnActivationDescriptor_t activation = nullptr;

  void prepare(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n) const {
    require(set_stream(handle, stream), "cudnnSetStream");
    constexpr int line = 1024;
    const int extents[] = {static_cast<int>(n / (line * line)) > 0 ? static_cast<int>(n / (line * line)) : 1,
                           static_cast<int>(n / (line * line)) > 0 ? line : static_cast<int>(n / line), line, 1};
    const int strides[] = {extents[1] * line, line, 1, 1};
    require(set_tensor(tensor, bf16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT, 4, extents, strides),
            "cudnnSetTensorNdDescriptor");
    require(
        set_activation(activation, clipped ? CUDNN_ACTIVATION_CLIPPED_RELU : CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 6.0),
        "cudnnSetActivationDescriptor");
  }
};

CudnnPeer::CudnnPeer() {
  void* const library = open_library();
  if (library == nullptr) {
    absent_ = "libcudnn.so.9 cannot be loaded";
    return;
  }
  auto functions = std::make_unique<Functions>();
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::decay_t<decltype(function)>>(dlsym(library, name));
    if (function == nullptr && absent_.empty()) absent_ = std::string("libcudnn.so.9 has no ") + name;
  };
  find(functions->create, "cudnnCreate");
  find(functions->set_stream, "cudnnSetStream");
  find(functions->create_tensor, "cudnnCreateTensorDescriptor");
  find(functions->set_tensor, "cudnnSetTensorNdDescriptor");
  find(functions->create_activation, "cudnnCreateActivationDescriptor");
  find(functions->set_activation, "cudnnSetActivationDescriptor");
  find(functions->forward, "cudnnActivationForward");
  find(functions->backward, "cudnnActivationBackward");
  if (!absent_.empty()) return;
  try {
    require(functions->create(&functions->handle), "cudnnCreate");
    require(functions->create_tensor(&functions->tensor), "cudnnCreateTensorDescriptor");
    require(functions->create_activation(&functions->activation), "cudnnCreateActivationDescriptor");
  } catch (const std::runtime_error& error) {
    absent_ = error.what();
    return;
  }
  cudnn_ = std::move(functions);
}

void CudnnPeer::forward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, void* y) {
  const float one = 1, zero = 0;
  cudnn_->prepare(stream, clipped, bf16, n);
  require(cudnn_->forward(cudnn_->handle, cudnn_->activation, &one, cudnn_->tensor, x, &zero, cudnn_->tensor, y),
          "cudnnActivationForward");
}

void CudnnPeer::backward(cudaStream_t stream, bool clipped, bool bf16, std::int64_t n, const void* x, const void* dy,
                         void* dx) {
  const float one = 1, zero = 0;
  cudnn_->prepare(stream, clipped, bf16, n);
  require(cudnn_->backward(cudnn_->handle, cudnn_->activation, &one, cudnn_->tensor, x, cudnn_->tensor, dy, cudnn_->tensor, x,
                           &zero, cudnn_->tensor, dx),
          "cudnnActivationBackward");
}

}  // namespace rectify::gpu_bench

#else

namespace rectify::gpu_bench {

struct CudnnPeer::Functions {};
CudnnPeer::CudnnPeer() : absent_("built without cudnn.h") {}
void CudnnPeer::forward(cudaStream_t, bool, bool, std::int64_t, const void*, void*) { throw std::logic_error(absent_); }
void CudnnPeer::backward(cudaStream_t, bool, bool, std::int64_t, const void*, const void*, void*) {
  throw std::logic_error(absent_);
}

}  // namespace rectify::gpu_bench

#endif

namespace rectify::gpu_bench {
CudnnPeer::~CudnnPeer() = default;
}  // namespace rectify::gpu_bench
