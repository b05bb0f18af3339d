// A CPU or a GPU as training needs it: memory, matrix products (OpenBLAS, cuBLAS), and functions of a row and a column, so that
// both run the same source. Sums are in a fixed order. rectify is called beside it, on the same stream.
#pragma once

#include <rectify/detail/host_device.hpp>
#include <rectify/ops.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>

namespace tune {

/// A row-major matrix for each unit of a batch; `stride` elements lie between the matrices of two units.
struct Matrix {
  const float* data;
  std::int64_t row_stride, stride;
  bool transposed = false;

  Matrix transpose() const { return {data, row_stride, stride, !transposed}; }
};

/// For every unit: c = a * b, where a (after transposing) is m x k and b is k x n.
struct Gemm {
  std::int64_t units, m, n, k;
  Matrix a, b;
  float* c;
  std::int64_t c_row_stride, c_stride;
};

/// The images of one step: a batch for each run, numbers of images, -1 in rows that are not used.
struct Batch {
  const std::int32_t* images;  ///< of the first row of the first run
  std::int64_t rows, stride;   ///< of a run; elements between two runs

  RECTIFY_HD std::int64_t image(std::int64_t run, std::int64_t row) const { return images[run * stride + row]; }
};

/// Fills x = [run, row, pixel] with standardised pixels, with 0 in rows that are not used. Columns are pixels.
struct Gather {
  std::int64_t rows, cols;
  Batch batch;
  const unsigned char* pixels;
  float mean, scale;
  float* x;

  RECTIFY_HD void operator()(std::int64_t row, std::int64_t col) const {
    const std::int64_t image = batch.image(row / batch.rows, row % batch.rows);
    x[row * cols + col] = image < 0 ? 0.0f : (static_cast<float>(pixels[image * cols + col]) - mean) * scale;
  }
};

/// Softmax and cross-entropy: logits = [row, network, class] become the gradient of the mean loss of the batch. Losses and hits
/// (the largest logit is that of the label) are added to the totals of each network. Rows are networks; there is one column.
struct SoftmaxCrossEntropy {
  std::int64_t rows, cols;
  Batch batch;
  const unsigned char* labels;
  std::int64_t networks_per_run, classes;
  float* logits;
  double *losses, *hits;

  RECTIFY_HD void operator()(std::int64_t network, std::int64_t) const {
    const float each = 1 / static_cast<float>(batch.rows);
    double loss = 0, hit = 0;
    for (std::int64_t row = 0; row < batch.rows; ++row) {
      const std::int64_t image = batch.image(network / networks_per_run, row);
      const int label = image < 0 ? -1 : labels[image];
      float* const z = logits + (row * rows + network) * classes;
      std::int64_t largest = 0;
      for (std::int64_t c = 1; c < classes; ++c) largest = z[c] > z[largest] ? c : largest;
      const float top = z[largest];
      float sum = 0;
      for (std::int64_t c = 0; c < classes; ++c) sum += expf(z[c] - top);
      loss += label < 0 ? 0.0f : logf(sum) + top - z[label];
      hit += label == largest ? 1 : 0;
      for (std::int64_t c = 0; c < classes; ++c)
        z[c] = label < 0 ? 0.0f : (expf(z[c] - top) / sum - (c == label ? 1.0f : 0.0f)) * each;
    }
    losses[network] += loss;
    hits[network] += hit;
  }
};

/// One alpha for a layer is stored as an equal alpha for each channel: each gets the sum of all their gradients. Rows are runs;
/// there is one column.
struct TieAlphas {
  std::int64_t rows, cols;
  std::int64_t stride, channels;  ///< elements between two runs, and of a run
  float* gradient;                ///< of the first channel of the first run

  RECTIFY_HD void operator()(std::int64_t run, std::int64_t) const {
    float* const mine = gradient + run * stride;
    float sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) sum += mine[c];
    for (std::int64_t c = 0; c < channels; ++c) mine[c] = sum;
  }
};

/// Gradient descent with momentum as in PyTorch: v = momentum * v + gradient, p = p - rate * v.
struct Descend {
  std::int64_t rows, cols;
  float rate, momentum;
  const float* gradient;
  float *velocity, *parameter;

  RECTIFY_HD void operator()(std::int64_t row, std::int64_t col) const {
    const std::int64_t i = row * cols + col;
    const float v = momentum * velocity[i] + gradient[i];
    velocity[i] = v;
    parameter[i] -= rate * v;
  }
};

using Work = std::variant<Gather, SoftmaxCrossEntropy, TieAlphas, Descend>;

struct Machine {
  rectify::Device device;
  rectify::Stream stream;
  std::string libraries;  ///< what multiplies matrices here
  /// Memory that the host can use too, after wait().
  std::function<std::shared_ptr<void>(std::size_t bytes)> allocate;
  std::function<void(const Gemm&)> multiply;
  std::function<void(const Work&)> run;
  std::function<void()> wait;  ///< until all work is done
};

Machine cpu_machine();
/// Throws std::runtime_error if rectify is built without CUDA.
Machine cuda_machine();

/// Memory of a machine, filled with 0. Copies share it.
template <class T>
class Array {
 public:
  Array() = default;
  Array(const Machine& machine, std::int64_t count)
      : count_(count), memory_(machine.allocate(static_cast<std::size_t>(count) * sizeof(T))) {
    std::fill(begin(), end(), T{});
  }

  T* begin() const { return static_cast<T*>(memory_.get()); }
  T* end() const { return begin() + count_; }

 private:
  std::int64_t count_ = 0;
  std::shared_ptr<void> memory_;
};

}  // namespace tune
