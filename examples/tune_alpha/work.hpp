// What a step does that is neither a matrix product nor rectify's: each a function of a row and a column, so that a CPU and a GPU
// run the same source. Sums go in a fixed order.
#pragma once

#include <rectify/detail/host_device.hpp>

#include <cmath>
#include <cstdint>

namespace tune {

/// Which images are in the batch: order[*position], [run, row]. The position is in memory of the device, so that a captured step
/// can be replayed for every batch.
struct Batch {
  const std::int32_t* order;
  const std::int64_t* position;
  std::int64_t runs, rows;

  RECTIFY_HD std::int32_t image(std::int64_t run, std::int64_t row) const {
    return order[(*position * runs + run) * rows + row];
  }
};

/// x = [run, row, pixel], standardised; 0 where a batch is not full.
struct Gather {
  Batch batch;
  const unsigned char* images;
  std::int64_t pixels;
  float mean, scale;
  float* x;

  std::int64_t rows() const { return batch.runs * batch.rows; }
  std::int64_t cols() const { return pixels; }
  RECTIFY_HD void operator()(std::int64_t row, std::int64_t pixel) const {
    const std::int32_t image = batch.image(row / batch.rows, row % batch.rows);
    const std::int64_t from = image < 0 ? 0 : image * pixels;
    x[row * pixels + pixel] = image < 0 ? 0.0f : (static_cast<float>(images[from + pixel]) - mean) * scale;
  }
};

/// Softmax and cross-entropy of [row, network, class]: the loss and whether it hit, [row, network], and in place of the logits their
/// gradient of the batch's mean loss.
struct SoftmaxCrossEntropy {
  Batch batch;
  const unsigned char* labels;
  std::int64_t networks, networks_of_a_run, classes;
  float* logits;
  float *loss, *hit;

  std::int64_t rows() const { return batch.rows; }
  std::int64_t cols() const { return networks; }
  RECTIFY_HD void operator()(std::int64_t row, std::int64_t network) const {
    const std::int64_t at = row * networks + network;
    float* const z = logits + at * classes;
    const std::int32_t image = batch.image(network / networks_of_a_run, row);
    const int label = image < 0 ? -1 : labels[image];
    std::int64_t largest = 0;
    for (std::int64_t c = 1; c < classes; ++c) largest = z[c] > z[largest] ? c : largest;
    const float top = z[largest];
    float sum = 0;
    for (std::int64_t c = 0; c < classes; ++c) sum += expf(z[c] - top);
    loss[at] = label < 0 ? 0.0f : logf(sum) + top - z[label];
    hit[at] = label >= 0 && largest == label ? 1.0f : 0.0f;
    const float each = 1 / static_cast<float>(batch.rows);
    for (std::int64_t c = 0; c < classes; ++c)
      z[c] = label < 0 ? 0.0f : (expf(z[c] - top) / sum - (c == label ? 1.0f : 0.0f)) * each;
  }
};

/// Adds a batch's losses and hits, [row, network], to each network's totals.
struct Tally {
  std::int64_t batch, networks;
  const float *loss, *hit;
  double *total_loss, *total_hits;

  std::int64_t rows() const { return 1; }
  std::int64_t cols() const { return networks; }
  RECTIFY_HD void operator()(std::int64_t, std::int64_t network) const {
    double losses = 0, hits = 0;
    for (std::int64_t row = 0; row < batch; ++row) {
      losses += loss[row * networks + network];
      hits += hit[row * networks + network];
    }
    total_loss[network] += losses;
    total_hits[network] += hits;
  }
};

/// One alpha for a layer is as many alphas as it has channels that stay equal: each of them gets the sum of all their gradients.
/// A layer's gradients are [run, variant, channel], and this points at the first of a variant with one alpha.
struct TieAlphas {
  std::int64_t runs, stride, channels;
  float* gradient;

  std::int64_t rows() const { return 1; }
  std::int64_t cols() const { return runs; }
  RECTIFY_HD void operator()(std::int64_t, std::int64_t run) const {
    float* const mine = gradient + run * stride;
    float sum = 0;
    for (std::int64_t c = 0; c < channels; ++c) sum += mine[c];
    for (std::int64_t c = 0; c < channels; ++c) mine[c] = sum;
  }
};

/// Stochastic gradient descent with momentum, PyTorch's form: v = momentum * v + gradient, p = p - rate * v. Buffers are whole
/// chunks, the last filled up with zeros.
struct Descend {
  static constexpr std::int64_t chunk = 1024;
  std::int64_t count;
  const float* rates;  ///< one for each step of the epoch
  const std::int64_t* position;
  float momentum;
  const float* gradient;
  float *velocity, *parameter;

  std::int64_t rows() const { return (count + chunk - 1) / chunk; }
  std::int64_t cols() const { return chunk; }
  RECTIFY_HD void operator()(std::int64_t row, std::int64_t col) const {
    const std::int64_t i = row * chunk + col;
    const float v = momentum * velocity[i] + gradient[i];
    velocity[i] = v;
    parameter[i] -= rates[*position] * v;
  }
};

/// On to the next batch.
struct Advance {
  std::int64_t* position;

  std::int64_t rows() const { return 1; }
  std::int64_t cols() const { return 1; }
  RECTIFY_HD void operator()(std::int64_t, std::int64_t) const { ++*position; }
};

}  // namespace tune
