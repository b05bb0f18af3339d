// A CPU or a GPU as training needs it: memory, matrix products (OpenBLAS, cuBLAS), the work of work.hpp, and a step that is
// captured once and replayed. rectify itself is called beside it, on the same stream.
#pragma once

#include "work.hpp"

#include "harness.hpp"

#include <rectify/ops.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace tune {

/// A row-major matrix of each unit of a batch; `stride` elements lie between one unit's and the next one's.
struct Matrix {
  const float* data;
  std::int64_t row_stride, stride;
  bool transposed = false;
};

/// For every unit: c = a * b, where a (after transposing) is m x k and b is k x n.
struct Gemm {
  std::int64_t units, m, n, k;
  Matrix a, b;
  float* c;
  std::int64_t c_row_stride, c_stride;
};

class Machine {
 public:
  virtual ~Machine() = default;

  virtual rectify::Device device() const = 0;
  virtual rectify::Stream stream() const = 0;
  virtual std::string libraries() const = 0;  ///< what multiplies matrices here

  virtual void run(const Gemm&) = 0;
  virtual void run(const Gather&) = 0;
  virtual void run(const SoftmaxCrossEntropy&) = 0;
  virtual void run(const Tally&) = 0;
  virtual void run(const TieAlphas&) = 0;
  virtual void run(const Descend&) = 0;
  virtual void run(const Advance&) = 0;

  /// A step of fixed operands as something to call. On a GPU it is run once, captured, and replayed from then on.
  virtual std::function<void()> repeatable(std::function<void()> step) = 0;
  /// Until all work is done.
  virtual void wait() = 0;
};

std::unique_ptr<Machine> cpu_machine();
/// Throws std::runtime_error where rectify is built without CUDA.
std::unique_ptr<Machine> cuda_machine();
/// "auto", "cpu" or "cuda".
std::unique_ptr<Machine> machine_called(const std::string& name);

/// Memory of a machine, zero at first.
template <class T>
class Buffer {
 public:
  Buffer() = default;
  Buffer(const Machine& machine, std::int64_t count)
      : tools_(&rectify::harness::tools(machine.device())),
        count_(static_cast<std::size_t>(count)),
        memory_(tools_->allocate(count_ * sizeof(T))) {
    upload(std::vector<T>(count_));
  }

  T* data() const { return static_cast<T*>(memory_.get()); }
  void upload(const std::vector<T>& from) { tools_->upload(data(), from.data(), from.size() * sizeof(T)); }
  std::vector<T> download() const {
    std::vector<T> all(count_);
    tools_->download(all.data(), data(), count_ * sizeof(T));
    return all;
  }

 private:
  const rectify::harness::Tools* tools_ = nullptr;
  std::size_t count_ = 0;
  std::shared_ptr<void> memory_;
};

}  // namespace tune
