// The loop that one writes first: a plain C++ loop over the elements, for the compiler's vectoriser and OpenMP.
#include "peers/peer.hpp"

#include <algorithm>

namespace rectify::bench {
namespace {

template <class T>
void forward_loop(const Relu& f, const T* x, const T* bias, std::int64_t channels, T* y, std::int64_t n) {
  const T alpha = static_cast<T>(f.alpha), threshold = static_cast<T>(f.threshold), most = static_cast<T>(f.max_value);
  if (bias == nullptr) {
#pragma omp parallel for simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = x[i] > threshold ? std::min(x[i], most) : alpha * (x[i] - threshold);
    return;
  }
#pragma omp parallel for
  for (std::int64_t row = 0; row < n / channels; ++row) {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) {
      const T z = x[row * channels + c] + bias[c];
      y[row * channels + c] = z > threshold ? std::min(z, most) : alpha * (z - threshold);
    }
  }
}

template <class T>
void backward_loop(const Relu& f, const T* dy, const T* x, T* dx, std::int64_t n) {
  const T alpha = static_cast<T>(f.alpha), threshold = static_cast<T>(f.threshold), most = static_cast<T>(f.max_value);
#pragma omp parallel for simd
  for (std::int64_t i = 0; i < n; ++i) dx[i] = x[i] > threshold ? (x[i] < most ? dy[i] : T{0}) : alpha * dy[i];
}

template <class T>
harness::Work call_of(const Workload& work) {
  const T *x = data<T>(work, "x"), *bias = data<T>(work, "bias"), *dy = data<T>(work, "dy");
  const std::int64_t n = elements(work.view(operand("x"))), channels = elements(work.view(operand("bias")));
  if (work.op().direction == Direction::forward)
    return [=, f = work.relu(), y = data<T>(work, "y")](void*) { forward_loop(f, x, bias, channels, y, n); };
  return [=, f = work.relu(), dx = data<T>(work, "dx")](void*) { backward_loop(f, dy, x, dx, n); };
}

class Loop : public Peer {
 public:
  std::string name() const override { return "loop"; }
  std::string version() const override { return ""; }
  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward", "bias_forward"});
    if (sets[0].dtype() != DType::f32 && sets[0].dtype() != DType::f64) throw Absent("is a loop over float or double");
    PeerCalls calls{"#pragma omp parallel for simd", {}};
    for (const Workload& work : sets)
      calls.of_set.push_back(work.dtype() == DType::f32 ? call_of<float>(work) : call_of<double>(work));
    return calls;
  }
};

}  // namespace

std::unique_ptr<Peer> make_loop() { return std::make_unique<Loop>(); }

}  // namespace rectify::bench
