// Eigen's array expressions, evaluated by each thread over its share, because Eigen does not divide them among threads.
#include "peers/peer.hpp"

#include <Eigen/Core>

#include <omp.h>

namespace rectify::bench {
namespace {

template <class T>
using Array = Eigen::Array<T, Eigen::Dynamic, 1>;

/// f(first, length) on every thread, for its share of the elements.
template <class F>
void on_shares(std::int64_t n, const F& f) {
#pragma omp parallel if (n >= 32768)
  {
    const std::int64_t threads = omp_get_num_threads(), thread = omp_get_thread_num(), share = n / threads / 64 * 64;
    f(share * thread, thread + 1 == threads ? n - share * thread : share);
  }
}

template <class T>
harness::Work call_of(const Workload& work) {
  const T *x = data<T>(work, "x"), *dy = data<T>(work, "dy");
  const std::int64_t n = elements(work.view(operand("x")));
  const Relu f = work.relu();
  const T alpha(static_cast<float>(f.alpha)), most(static_cast<float>(f.max_value));
  const auto input = [](const T* from, std::int64_t at, std::int64_t length) {
    return Eigen::Map<const Array<T>>(from + at, length);
  };
  if (work.op().direction == Direction::forward) {
    T* const y = data<T>(work, "y");
    return [=](void*) {
      on_shares(n, [=](std::int64_t at, std::int64_t length) {
        const auto in = input(x, at, length);
        // max and min, because Eigen 3.4 does not vectorise select().
        Eigen::Map<Array<T>>(y + at, length) = in.max(T(0)).min(most) + in.min(T(0)) * alpha;
      });
    };
  }
  T* const dx = data<T>(work, "dx");
  return [=](void*) {
    on_shares(n, [=](std::int64_t at, std::int64_t length) {
      const auto in = input(x, at, length), gradient = input(dy, at, length);
      const auto above = (in < most).select(gradient, Array<T>::Constant(length, T(0)));
      Eigen::Map<Array<T>>(dx + at, length) = (in > T(0)).select(above, gradient * alpha);
    });
  };
}

class EigenPeer : public Peer {
 public:
  std::string name() const override { return "Eigen"; }
  std::string version() const override {
    return std::to_string(EIGEN_WORLD_VERSION) + "." + std::to_string(EIGEN_MAJOR_VERSION) + "." +
           std::to_string(EIGEN_MINOR_VERSION);
  }
  PeerCalls prepare(const std::vector<Workload>& sets) override {
    require_op(sets[0], {"forward", "backward"});
    if (sets[0].relu().threshold != 0) throw Absent("is measured with a threshold of 0");
    const bool forwards = sets[0].op().direction == Direction::forward;
    PeerCalls calls{forwards ? "max(0).min(cap) + min(0) * alpha, on each thread's share" : "select(), on each thread's share",
                    {}};
    for (const Workload& work : sets) {
      switch (work.dtype()) {
        case DType::f16: calls.of_set.push_back(call_of<Eigen::half>(work)); break;
        case DType::bf16: calls.of_set.push_back(call_of<Eigen::bfloat16>(work)); break;
        case DType::f32: calls.of_set.push_back(call_of<float>(work)); break;
        default: calls.of_set.push_back(call_of<double>(work));
      }
    }
    return calls;
  }
};

}  // namespace

std::unique_ptr<Peer> make_eigen() { return std::make_unique<EigenPeer>(); }

}  // namespace rectify::bench
