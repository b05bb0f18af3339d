// A plain C++ loop over the elements, for the compiler's vectoriser and OpenMP. Written as one conditional expression, or compiled
// without -fno-trapping-math, it takes ten times as long: GCC 12 then makes a branch of every comparison.
#include "peers/peer.hpp"

namespace rectify::bench {
namespace {

template <class T>
struct Parameters {
  explicit Parameters(const Relu& f)
      : alpha(static_cast<T>(f.alpha)), threshold(static_cast<T>(f.threshold)), most(static_cast<T>(f.max_value)) {}
  T value(T x) const {
    const T above = x < most ? x : most, below = alpha * (x - threshold);
    return x > threshold ? above : below;
  }
  T gradient(T dy, T x) const {
    const T above = x < most ? dy : T{0}, below = alpha * dy;
    return x > threshold ? above : below;
  }

  T alpha, threshold, most;
};

template <class T>
void forward_loop(const Parameters<T> f, const T* x, const T* bias, std::int64_t channels, T* y, std::int64_t n) {
  if (bias == nullptr) {
#pragma omp parallel for simd
    for (std::int64_t i = 0; i < n; ++i) y[i] = f.value(x[i]);
    return;
  }
#pragma omp parallel for
  for (std::int64_t row = 0; row < n / channels; ++row) {
#pragma omp simd
    for (std::int64_t c = 0; c < channels; ++c) y[row * channels + c] = f.value(x[row * channels + c] + bias[c]);
  }
}

template <class T>
void backward_loop(const Parameters<T> f, const T* dy, const T* x, T* dx, std::int64_t n) {
#pragma omp parallel for simd
  for (std::int64_t i = 0; i < n; ++i) dx[i] = f.gradient(dy[i], x[i]);
}

template <class T>
harness::Work call_of(const Workload& work) {
  const T *x = data<T>(work, "x"), *bias = data<T>(work, "bias"), *dy = data<T>(work, "dy");
  const std::int64_t n = elements(work.view(operand("x"))), channels = elements(work.view(operand("bias")));
  if (work.op().direction == Direction::forward)
    return [=, f = Parameters<T>(work.relu()), y = data<T>(work, "y")](void*) { forward_loop(f, x, bias, channels, y, n); };
  return [=, f = Parameters<T>(work.relu()), dx = data<T>(work, "dx")](void*) { backward_loop(f, dy, x, dx, n); };
}

class Loop : public Peer {
 public:
  std::string name() const override { return "loop"; }
  std::string version() const override { return ""; }
  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward", "bias_forward"});
    if (sets[0].dtype() != DType::f32 && sets[0].dtype() != DType::f64) throw Absent("is a loop over float or double");
    PeerCalls calls{"#pragma omp parallel for simd, -O3 -fno-trapping-math", {}};
    for (const Workload& work : sets)
      calls.of_set.push_back(work.dtype() == DType::f32 ? call_of<float>(work) : call_of<double>(work));
    return calls;
  }
};

}  // namespace

std::unique_ptr<Peer> make_loop() { return std::make_unique<Loop>(); }

}  // namespace rectify::bench
