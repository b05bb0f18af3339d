// Measures alternatives to rectify for C++ programs: the transforms of CUB and Thrust with rectify's function objects, and
// cuDNN's activation if its library is found at run time. Each result is compared with rectify's, which the tests compare with
// the reference.
#include "peers.hpp"

#include "ceilings.hpp"
#include "cudnn_peer.hpp"
#include "units.hpp"

#include <rectify/rectify.hpp>

#include <cub/device/device_transform.cuh>
#include <cuda_bf16.h>
#include <thrust/execution_policy.h>
#include <thrust/transform.h>

#include <cuda/std/tuple>

#include <string>

namespace rectify::gpu_bench {
namespace {

const Relu leaky = presets::torch::leaky_relu();

template <class T>
struct TypeName;
template <>
struct TypeName<float> {
  static constexpr const char* text = "f32";
};
template <>
struct TypeName<__nv_bfloat16> {
  static constexpr const char* text = "bf16";
};

/// One op, run by every contender. The first must be rectify; its result is what the others are compared with.
template <class T>
class PeerRun {
 public:
  using Call = std::function<void(cudaStream_t, const T* x, const T* dy, T* out)>;

  PeerRun(const char* op, const Tensors& tensors, bool reads_two)
      : op_(op), tensors_(tensors), expected_(static_cast<std::size_t>(tensors.bytes)), reads_two_(reads_two) {
    all_ = ceilings(tensors, reads_two, "peers");
  }

  void add(const char* who, const Call& call) {
    Label label{"peers",
                op_,
                who,
                TypeName<T>::text,
                "flat",
                tensors_.bytes,
                static_cast<double>(tensors_.bytes) * (reads_two_ ? 3 : 2),
                reads_two_ ? "add" : "copy"};
    Contender one{label, [call, &tensors = tensors_](cudaStream_t stream, int rotation) {
                    const auto r = static_cast<std::size_t>(rotation);
                    call(stream, static_cast<const T*>(tensors.a[r].data()), static_cast<const T*>(tensors.b[r].data()),
                         static_cast<T*>(tensors.y[r].data()));
                  }};
    try {
      one.failed = check(call);
    } catch (const std::exception& error) {
      one.failed = error.what();
      cudaGetLastError();
    }
    all_.push_back(one);
  }

  void measure_all() {
    measure(all_, {Mode::cold, tensors_.rotations()});
    if (tensors_.bytes <= 16 * mebi) measure(all_, {Mode::hot});
  }

 private:
  std::string check(const Call& call) {
    Buffer& out = is_first_ ? expected_ : const_cast<Buffer&>(tensors_.y[0]);
    out.spoil();
    call(nullptr, static_cast<const T*>(tensors_.a[0].data()), static_cast<const T*>(tensors_.b[0].data()),
         static_cast<T*>(out.data()));
    RECTIFY_REQUIRE_CUDA(cudaDeviceSynchronize());
    const bool is_first = is_first_;
    is_first_ = false;
    if (is_first) return "";
    const std::uint64_t wrong = out.differing_words(expected_, static_cast<std::size_t>(tensors_.bytes), 8 * sizeof(T));
    return wrong == 0 ? "" : std::to_string(wrong) + " words differ from rectify's";
  }

  const char* op_;
  const Tensors& tensors_;
  Buffer expected_;
  bool reads_two_, is_first_ = true;
  std::vector<Contender> all_;
};

template <class T>
TensorView view(const T* data, std::int64_t n) {
  return TensorView(const_cast<T*>(data), {n}, Device::cuda(0));
}

template <class T>
void run_forward(const Tensors& tensors) {
  const std::int64_t n = tensors.bytes / static_cast<std::int64_t>(sizeof(T));
  const ReluForward<T> f(leaky);
  PeerRun<T> run("leaky_forward", tensors, false);
  run.add("rectify", [=](cudaStream_t s, const T* x, const T*, T* y) { forward(leaky, view(x, n), view(y, n), s); });
  run.add("cub::DeviceTransform", [=](cudaStream_t s, const T* x, const T*, T* y) {
    RECTIFY_REQUIRE_CUDA(cub::DeviceTransform::Transform(x, y, n, f, s));
  });
  run.add("thrust::transform", [=](cudaStream_t s, const T* x, const T*, T* y) {
    thrust::transform(thrust::cuda::par_nosync.on(s), x, x + n, y, f);
  });
  run.measure_all();
}

template <class T>
void run_backward(const Tensors& tensors) {
  const std::int64_t n = tensors.bytes / static_cast<std::int64_t>(sizeof(T));
  const ReluBackward<T> f(leaky);
  PeerRun<T> run("leaky_backward", tensors, true);
  run.add("rectify",
          [=](cudaStream_t s, const T* x, const T* dy, T* dx) { backward(leaky, view(dy, n), view(x, n), view(dx, n), s); });
  run.add("cub::DeviceTransform", [=](cudaStream_t s, const T* x, const T* dy, T* dx) {
    RECTIFY_REQUIRE_CUDA(cub::DeviceTransform::Transform(::cuda::std::make_tuple(dy, x), dx, n, f, s));
  });
  run.add("thrust::transform", [=](cudaStream_t s, const T* x, const T* dy, T* dx) {
    thrust::transform(thrust::cuda::par_nosync.on(s), dy, dy + n, x, dx, f);
  });
  run.measure_all();
}

/// cuDNN has ReLU and clipped ReLU, but no leaky ReLU.
template <class T>
void run_cudnn(const Tensors& tensors, CudnnPeer& cudnn) {
  const std::int64_t n = tensors.bytes / static_cast<std::int64_t>(sizeof(T));
  const bool bf16 = sizeof(T) == 2;
  for (const bool clipped : {false, true}) {
    const Relu f = clipped ? relu6() : relu();
    PeerRun<T> forwards(clipped ? "relu6_forward" : "relu_forward", tensors, false);
    forwards.add("rectify", [=](cudaStream_t s, const T* x, const T*, T* y) { forward(f, view(x, n), view(y, n), s); });
    forwards.add("cudnnActivationForward",
                 [=, &cudnn](cudaStream_t s, const T* x, const T*, T* y) { cudnn.forward(s, clipped, bf16, n, x, y); });
    forwards.measure_all();
    PeerRun<T> backwards(clipped ? "relu6_backward" : "relu_backward", tensors, true);
    backwards.add("rectify", [=](cudaStream_t s, const T* x, const T* dy, T* dx) {
      backward(f, view(dy, n), view(x, n), view(dx, n), s);
    });
    backwards.add("cudnnActivationBackward", [=, &cudnn](cudaStream_t s, const T* x, const T* dy, T* dx) {
      cudnn.backward(s, clipped, bf16, n, x, dy, dx);
    });
    backwards.measure_all();
  }
}

template <class T>
void run_type(std::int64_t bytes, CudnnPeer& cudnn) {
  const Tensors tensors(bytes, rotations_for(bytes), TypeName<T>::text);
  run_forward<T>(tensors);
  run_backward<T>(tensors);
  if (cudnn.absent().empty()) {
    run_cudnn<T>(tensors, cudnn);
  } else {
    print_note({"peers", "relu_forward", "cudnnActivationForward", TypeName<T>::text}, "absent", cudnn.absent());
  }
}

}  // namespace

void run_peers(std::int64_t bytes) {
  CudnnPeer cudnn;
  for (const std::int64_t size : {bytes, 16 * mebi, mebi}) {
    run_type<float>(size, cudnn);
    run_type<__nv_bfloat16>(size, cudnn);
  }
}

}  // namespace rectify::gpu_bench
