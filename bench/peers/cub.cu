// The transforms of CUB and Thrust, with rectify's function objects.
#include "gpu/require_cuda.hpp"
#include "peers/peer.hpp"

#include <rectify/relu.hpp>

#include <cuda_bf16.h>
#include <thrust/execution_policy.h>
#include <thrust/transform.h>
#include <thrust/version.h>

#if __has_include(<cub/device/device_transform.cuh>)
#include <cub/device/device_transform.cuh>
#include <cuda/std/tuple>
#endif

namespace rectify::bench {
namespace {

std::string version_of(int major, int minor, int patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

struct WithThrust {
  static constexpr const char *name = "Thrust", *how = "thrust::transform, par_nosync";

  template <class T>
  static void forward(const Relu& relu, const T* x, T* y, std::int64_t n, cudaStream_t stream) {
    thrust::transform(thrust::cuda::par_nosync.on(stream), x, x + n, y, ReluForward<T>(relu));
  }
  template <class T>
  static void backward(const Relu& relu, const T* dy, const T* x, T* dx, std::int64_t n, cudaStream_t stream) {
    thrust::transform(thrust::cuda::par_nosync.on(stream), dy, dy + n, x, dx, ReluBackward<T>(relu));
  }
};

#if __has_include(<cub/device/device_transform.cuh>)
struct WithCub {
  static constexpr const char *name = "CUB", *how = "cub::DeviceTransform::Transform";

  template <class T>
  static void forward(const Relu& relu, const T* x, T* y, std::int64_t n, cudaStream_t stream) {
    RECTIFY_REQUIRE_CUDA(cub::DeviceTransform::Transform(::cuda::std::make_tuple(x), y, n, ReluForward<T>(relu), stream));
  }
  template <class T>
  static void backward(const Relu& relu, const T* dy, const T* x, T* dx, std::int64_t n, cudaStream_t stream) {
    RECTIFY_REQUIRE_CUDA(cub::DeviceTransform::Transform(::cuda::std::make_tuple(dy, x), dx, n, ReluBackward<T>(relu), stream));
  }
};
#endif

template <class Library>
class Transform : public Peer {
 public:
  explicit Transform(std::string version) : version_(std::move(version)) {}
  std::string name() const override { return Library::name; }
  std::string version() const override { return version_; }

  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward"});
    PeerCalls calls{Library::how, {}};
    for (const Workload& work : sets) {
      switch (work.dtype()) {
        case DType::bf16: calls.of_set.push_back(call_of<__nv_bfloat16>(work)); break;
        case DType::f32: calls.of_set.push_back(call_of<float>(work)); break;
        default: throw Absent("is measured in f32 and bf16, because each type takes ten seconds to compile");
      }
    }
    return calls;
  }

 private:
  template <class T>
  static harness::Work call_of(const Workload& work) {
    const T *x = data<T>(work, "x"), *dy = data<T>(work, "dy");
    const std::int64_t n = elements(work.view(operand("x")));
    if (work.op().direction == Direction::forward) {
      return [=, relu = work.relu(), y = data<T>(work, "y")](void* stream) {
        Library::forward(relu, x, y, n, static_cast<cudaStream_t>(stream));
      };
    }
    return [=, relu = work.relu(), dx = data<T>(work, "dx")](void* stream) {
      Library::backward(relu, dy, x, dx, n, static_cast<cudaStream_t>(stream));
    };
  }

  std::string version_;
};

}  // namespace

std::unique_ptr<Peer> make_thrust() {
  return std::make_unique<Transform<WithThrust>>(
      version_of(THRUST_MAJOR_VERSION, THRUST_MINOR_VERSION, THRUST_SUBMINOR_VERSION));
}

std::unique_ptr<Peer> make_cub() {
#if __has_include(<cub/device/device_transform.cuh>)
  return std::make_unique<Transform<WithCub>>(version_of(CUB_MAJOR_VERSION, CUB_MINOR_VERSION, CUB_SUBMINOR_VERSION));
#else
  throw Absent("built with a CUB that has no DeviceTransform (CUDA 12.8 has it)");
#endif
}

}  // namespace rectify::bench
