// OpenBLAS and OpenMP. A product is one thread's from end to end, so its bits do not depend on how many there are.
#include "machine.hpp"

#include <cblas.h>

#include <algorithm>

namespace tune {
namespace {

template <class Work>
void for_each_element(const Work& work) {
  const std::int64_t rows = work.rows(), cols = work.cols();
#pragma omp parallel for schedule(static) if (rows * cols > 8192)
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t col = 0; col < cols; ++col) work(row, col);
}

class Cpu : public Machine {
 public:
  Cpu() { openblas_set_num_threads(1); }

  rectify::Device device() const override { return rectify::Device::cpu(); }
  rectify::Stream stream() const override { return {}; }
  std::string libraries() const override { return openblas_get_config(); }

  void run(const Gemm& g) override {
    // Few units of many columns are cut up, or some threads would have nothing to do. How many there are does not matter to the cuts.
    constexpr std::int64_t most_columns = 256;
    const std::int64_t cuts = (g.n + most_columns - 1) / most_columns;
#pragma omp parallel for schedule(dynamic) if (g.units * g.m * g.n * g.k > 1 << 18)
    for (std::int64_t task = 0; task < g.units * cuts; ++task) {
      const std::int64_t unit = task / cuts, first = task % cuts * most_columns;
      multiply(g, unit, first, std::min(most_columns, g.n - first));
    }
  }
  void run(const Gather& work) override { for_each_element(work); }
  void run(const SoftmaxCrossEntropy& work) override { for_each_element(work); }
  void run(const Tally& work) override { for_each_element(work); }
  void run(const TieAlphas& work) override { for_each_element(work); }
  void run(const Descend& work) override { for_each_element(work); }
  void run(const Advance& work) override { for_each_element(work); }

  std::function<void()> repeatable(std::function<void()> step) override { return step; }
  void wait() override {}

 private:
  static void multiply(const Gemm& g, std::int64_t unit, std::int64_t first_column, std::int64_t columns) {
    const auto transpose = [](const Matrix& matrix) { return matrix.transposed ? CblasTrans : CblasNoTrans; };
    const float* const a = g.a.data + unit * g.a.stride;
    const float* const b = g.b.data + unit * g.b.stride + first_column * (g.b.transposed ? g.b.row_stride : 1);
    cblas_sgemm(CblasRowMajor, transpose(g.a), transpose(g.b), static_cast<blasint>(g.m), static_cast<blasint>(columns),
                static_cast<blasint>(g.k), 1, a, static_cast<blasint>(g.a.row_stride), b, static_cast<blasint>(g.b.row_stride),
                0, g.c + unit * g.c_stride + first_column, static_cast<blasint>(g.c_row_stride));
  }
};

}  // namespace

std::unique_ptr<Machine> cpu_machine() { return std::make_unique<Cpu>(); }

std::unique_ptr<Machine> machine_called(const std::string& name) {
  if (name == "cuda" || (name == "auto" && rectify::cuda_available())) return cuda_machine();
  return cpu_machine();
}

}  // namespace tune
