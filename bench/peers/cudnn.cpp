// cuDNN's legacy activation API, from a library that is loaded at run time. To build, only cuDNN's header is needed; without the
// header the peer is absent.
#include "peers/peer.hpp"

#if !__has_include(<cudnn.h>)

std::unique_ptr<rectify::bench::Peer> rectify::bench::make_cudnn() { throw Absent("built without cudnn.h"); }

#else

#include <cudnn.h>
#include <dlfcn.h>

#include <cstdlib>

namespace rectify::bench {
namespace {

void require(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS) throw std::runtime_error(std::string(call) + ": status " + std::to_string(status));
}

/// The functions of the library that RECTIFY_CUDNN names, or else of the one that the loader finds.
struct Functions {
  decltype(&cudnnGetVersion) version;
  decltype(&cudnnCreate) create;
  decltype(&cudnnSetStream) set_stream;
  decltype(&cudnnCreateTensorDescriptor) create_tensor;
  decltype(&cudnnSetTensorNdDescriptor) set_tensor;
  decltype(&cudnnCreateActivationDescriptor) create_activation;
  decltype(&cudnnSetActivationDescriptor) set_activation;
  decltype(&cudnnActivationForward) forward;
  decltype(&cudnnActivationBackward) backward;

  Functions() {
    const char* const named = std::getenv("RECTIFY_CUDNN");
    void* const library = dlopen(named != nullptr && *named != '\0' ? named : "libcudnn.so.9", RTLD_NOW | RTLD_GLOBAL);
    if (library == nullptr) throw Absent("libcudnn.so.9 cannot be loaded; RECTIFY_CUDNN may name the file");
    const auto find = [&](auto& function, const char* name) {
      function = reinterpret_cast<std::decay_t<decltype(function)> >(dlsym(library, name));
      if (function == nullptr) throw Absent(std::string("libcudnn.so.9 has no ") + name);
    };
    find(version, "cudnnGetVersion");
    find(create, "cudnnCreate");
    find(set_stream, "cudnnSetStream");
    find(create_tensor, "cudnnCreateTensorDescriptor");
    find(set_tensor, "cudnnSetTensorNdDescriptor");
    find(create_activation, "cudnnCreateActivationDescriptor");
    find(set_activation, "cudnnSetActivationDescriptor");
    find(forward, "cudnnActivationForward");
    find(backward, "cudnnActivationBackward");
  }
};

cudnnDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f16: return CUDNN_DATA_HALF;
    case DType::bf16: return CUDNN_DATA_BFLOAT16;
    case DType::f32: return CUDNN_DATA_FLOAT;
    default: throw Absent("is measured in f16, bf16 and f32");
  }
}

/// Its descriptors are those of the last case that was prepared.
class Cudnn : public Peer {
 public:
  Cudnn() {
    try {
      require(cudnn_.create(&handle_), "cudnnCreate");
      require(cudnn_.create_tensor(&tensor_), "cudnnCreateTensorDescriptor");
      require(cudnn_.create_activation(&activation_), "cudnnCreateActivationDescriptor");
    } catch (const std::runtime_error& error) {
      throw Absent(error.what());
    }
  }
  std::string name() const override { return "cuDNN"; }
  std::string version() const override {
    const std::size_t all = cudnn_.version();
    return std::to_string(all / 10000) + "." + std::to_string(all / 100 % 100) + "." + std::to_string(all % 100);
  }

  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward"});
    const bool forwards = sets[0].op().direction == Direction::forward;
    describe(sets[0]);
    PeerCalls calls{forwards ? "cudnnActivationForward" : "cudnnActivationBackward", {}};
    for (const Workload& work : sets) calls.of_set.push_back(forwards ? forward_call(work) : backward_call(work));
    return calls;
  }

 private:
  void describe(const Workload& work) {
    const Relu& relu = work.relu();
    if (relu.alpha != 0 || relu.threshold != 0) throw Absent("has ReLU and clipped ReLU alone");
    const bool clipped = relu.max_value < Relu{}.max_value;
    // Extents are ints; a tensor of four axes may have more elements than an int counts.
    constexpr int line = 1024;
    const std::int64_t n = elements(work.view(operand("x"))), lines = n / line;
    if (n % line != 0 || lines % (lines > line ? line : 1) != 0) throw Absent("is measured on sizes that 2^20 elements divide");
    const int columns = static_cast<int>(lines > line ? line : lines), planes = static_cast<int>(lines / columns);
    const int extents[] = {planes, columns, line, 1}, strides[] = {columns * line, line, 1, 1};
    require(cudnn_.set_tensor(tensor_, type_of(work.dtype()), 4, extents, strides), "cudnnSetTensorNdDescriptor");
    require(cudnn_.set_activation(activation_, clipped ? CUDNN_ACTIVATION_CLIPPED_RELU : CUDNN_ACTIVATION_RELU,
                                  CUDNN_PROPAGATE_NAN, clipped ? relu.max_value : 0),
            "cudnnSetActivationDescriptor");
  }

  harness::Work forward_call(const Workload& work) const {
    return [this, x = data<void>(work, "x"), y = data<void>(work, "y")](void* stream) {
      const float one = 1, zero = 0;
      require(cudnn_.set_stream(handle_, static_cast<cudaStream_t>(stream)), "cudnnSetStream");
      require(cudnn_.forward(handle_, activation_, &one, tensor_, x, &zero, tensor_, y), "cudnnActivationForward");
    };
  }
  /// cuDNN also reads y, for which it is given x.
  harness::Work backward_call(const Workload& work) const {
    return [this, x = data<void>(work, "x"), dy = data<void>(work, "dy"), dx = data<void>(work, "dx")](void* stream) {
      const float one = 1, zero = 0;
      require(cudnn_.set_stream(handle_, static_cast<cudaStream_t>(stream)), "cudnnSetStream");
      require(cudnn_.backward(handle_, activation_, &one, tensor_, x, tensor_, dy, tensor_, x, &zero, tensor_, dx),
              "cudnnActivationBackward");
    };
  }

  Functions cudnn_;
  cudnnHandle_t handle_ = nullptr;
  cudnnTensorDescriptor_t tensor_ = nullptr;
  cudnnActivationDescriptor_t activation_ = nullptr;
};

}  // namespace

std::unique_ptr<Peer> make_cudnn() { return std::make_unique<Cudnn>(); }

}  // namespace rectify::bench

#endif
