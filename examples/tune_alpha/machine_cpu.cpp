// OpenBLAS and OpenMP. One thread computes a product from end to end, so its bits do not depend on the number of threads.
#include "machine.hpp"

#include "harness.hpp"

#include <cblas.h>
#include <omp.h>

#include <new>
#include <vector>

namespace tune {
namespace {

/// OpenBLAS takes 128 MiB of addresses for each thread that multiplies, and waits without end if there are none.
void require_room_for_products() {
  std::vector<std::shared_ptr<void>> room;
  try {
    for (int thread = 0; thread < omp_get_max_threads(); ++thread)
      room.push_back(rectify::harness::cpu_tools().allocate(std::size_t{128} << 20));
  } catch (const std::bad_alloc&) {
    throw std::runtime_error("out of memory: OpenBLAS needs 128 MiB for each of " + std::to_string(omp_get_max_threads()) +
                             " threads; OMP_NUM_THREADS=1 starts one");
  }
}

void multiply_columns(const Gemm& g, std::int64_t unit, std::int64_t first, std::int64_t columns) {
  const auto transpose = [](const Matrix& matrix) { return matrix.transposed ? CblasTrans : CblasNoTrans; };
  const float* const a = g.a.data + unit * g.a.stride;
  const float* const b = g.b.data + unit * g.b.stride + first * (g.b.transposed ? g.b.row_stride : 1);
  cblas_sgemm(CblasRowMajor, transpose(g.a), transpose(g.b), static_cast<blasint>(g.m), static_cast<blasint>(columns),
              static_cast<blasint>(g.k), 1, a, static_cast<blasint>(g.a.row_stride), b, static_cast<blasint>(g.b.row_stride), 0,
              g.c + unit * g.c_stride + first, static_cast<blasint>(g.c_row_stride));
}

/// Wide products are cut, so that a few units keep all threads busy. The cuts do not depend on the number of threads.
void multiply(const Gemm& g) {
  static const bool checked = (require_room_for_products(), true);
  static_cast<void>(checked);
  constexpr std::int64_t most_columns = 256;
  const std::int64_t cuts = (g.n + most_columns - 1) / most_columns;
#pragma omp parallel for schedule(dynamic)
  for (std::int64_t task = 0; task < g.units * cuts; ++task) {
    const std::int64_t first = task % cuts * most_columns;
    multiply_columns(g, task / cuts, first, std::min(most_columns, g.n - first));
  }
}

template <class Function>
void run_each(const Function& work) {
#pragma omp parallel for schedule(static)
  for (std::int64_t row = 0; row < work.rows; ++row)
    for (std::int64_t col = 0; col < work.cols; ++col) work(row, col);
}

}  // namespace

Machine cpu_machine() {
  openblas_set_num_threads(1);
  const auto run = [](const Work& any) { std::visit([](const auto& work) { run_each(work); }, any); };
  const auto allocate = rectify::harness::cpu_tools().allocate;
  return {rectify::Device::cpu(), {}, openblas_get_config(), allocate, multiply, run, [] {}};
}

#ifndef TUNE_ALPHA_CUDA
Machine cuda_machine() { throw std::runtime_error("--device cuda: rectify was built without CUDA"); }
#endif

}  // namespace tune
