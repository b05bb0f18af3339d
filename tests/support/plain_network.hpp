// What tune_alpha computes, for one network, as a textbook writes it.
#pragma once

#include "data.hpp"
#include "training.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace tune {

using Vector = std::vector<double>;

/// One network as a textbook writes it: an image at a time, in double precision.
class PlainNetwork {
 public:
  PlainNetwork(const Settings& s, const Dataset& data, const Variant& variant, int run)
      : s_(s), data_(data), variant_(variant) {
    std::vector<std::int64_t> widths = {data.pixels};
    widths.insert(widths.end(), s.hidden.begin(), s.hidden.end());
    widths.push_back(classes);
    for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
      Layer layer;
      layer.in = static_cast<std::size_t>(widths[l]);
      layer.out = static_cast<std::size_t>(widths[l + 1]);
      Random random(s.seed, {3, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(run)});
      const double bound = std::sqrt(6.0 / static_cast<double>(layer.in));
      for (std::size_t i = 0; i < layer.in * layer.out; ++i)
        layer.w.push_back(static_cast<double>(static_cast<float>((2 * random.uniform() - 1) * bound)));
      const bool last = l + 2 == widths.size();
      layer.b.assign(layer.out, 0);
      layer.alpha.assign(layer.out, last ? 1 : static_cast<double>(static_cast<float>(variant.alpha)));
      layer.dw = layer.vw = Vector(layer.w.size());
      layer.db = layer.vb = layer.da = layer.va = Vector(layer.out);
      layers_.push_back(layer);
    }
  }

  /// The image's loss; whether it hit.
  double forward(std::int32_t image, bool& hit) {
    Vector x(static_cast<std::size_t>(data_.pixels));
    for (std::size_t p = 0; p < x.size(); ++p)
      x[p] = (data_.images[static_cast<std::size_t>(image) * x.size() + p] - static_cast<double>(data_.mean)) *
             static_cast<double>(data_.scale);
    for (Layer& layer : layers_) {
      layer.x = x;
      layer.z = layer.b;
      for (std::size_t i = 0; i < layer.in; ++i)
        for (std::size_t o = 0; o < layer.out; ++o) layer.z[o] += x[i] * layer.w[i * layer.out + o];
      x.resize(layer.out);
      for (std::size_t o = 0; o < layer.out; ++o) x[o] = layer.z[o] > 0 ? layer.z[o] : layer.alpha[o] * layer.z[o];
    }
    double sum = 0;
    for (const double z : x) sum += std::exp(z);
    const std::size_t label = data_.labels[static_cast<std::size_t>(image)];
    hit = static_cast<std::size_t>(std::max_element(x.begin(), x.end()) - x.begin()) == label;
    probabilities_.clear();
    for (const double z : x) probabilities_.push_back(std::exp(z) / sum);
    return -std::log(probabilities_[label]);
  }

  void backward(std::int32_t image, double weight) {
    Vector dy = probabilities_;
    dy[data_.labels[static_cast<std::size_t>(image)]] -= 1;
    for (double& d : dy) d *= weight;
    for (std::size_t l = layers_.size(); l-- > 0;) {
      Layer& layer = layers_[l];
      Vector dx(layer.in);
      for (std::size_t o = 0; o < layer.out; ++o) {
        const bool below = !(layer.z[o] > 0);
        if (below) layer.da[o] += dy[o] * layer.z[o];
        const double dz = below ? layer.alpha[o] * dy[o] : dy[o];
        layer.db[o] += dz;
        for (std::size_t i = 0; i < layer.in; ++i) {
          layer.dw[i * layer.out + o] += layer.x[i] * dz;
          dx[i] += layer.w[i * layer.out + o] * dz;
        }
      }
      dy = dx;
    }
  }

  void descend(double rate) {
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      Layer& layer = layers_[l];
      move(layer.w, layer.vw, layer.dw, rate);
      move(layer.b, layer.vb, layer.db, rate);
      if (!variant_.learned || l + 1 == layers_.size()) continue;
      if (variant_.name == "learned, per layer") {
        double sum = 0;
        for (const double d : layer.da) sum += d;
        layer.da.assign(layer.out, sum);
      }
      move(layer.alpha, layer.va, layer.da, rate);
    }
  }

  const Vector& alphas(std::size_t layer) const { return layers_[layer].alpha; }

 private:
  struct Layer {
    std::size_t in, out;
    Vector w, b, alpha, vw, vb, va, dw, db, da, x, z;
  };

  void move(Vector& parameter, Vector& velocity, Vector& gradient, double rate) const {
    for (std::size_t i = 0; i < parameter.size(); ++i) {
      velocity[i] = s_.momentum * velocity[i] + gradient[i];
      parameter[i] -= rate * velocity[i];
      gradient[i] = 0;
    }
  }

  const Settings& s_;
  const Dataset& data_;
  Variant variant_;
  std::vector<Layer> layers_;
  Vector probabilities_;
};

/// The scores of every epoch.
inline std::vector<Score> plain_training(PlainNetwork& network, const Settings& s, const Dataset& data, int run) {
  std::vector<Score> scores;
  double step = 0;
  for (std::int64_t epoch = 0; epoch < s.epochs; ++epoch) {
    Score score;
    bool hit = false;
    const Order trained(s, data.count(), epoch), held_out(s, data.count(), -1);
    const double steps = static_cast<double>(s.epochs * trained.steps);
    const std::int64_t rows = trained.steps * s.batch, held_out_rows = held_out.steps * s.batch;
    for (std::int64_t row = 0; row < rows; ++row) {
      const std::int32_t image = trained.images[static_cast<std::size_t>(run * rows + row)];
      score.training_loss += network.forward(image, hit) / static_cast<double>(rows);
      network.backward(image, 1 / static_cast<double>(s.batch));
      if ((row + 1) % s.batch == 0) network.descend(s.rate * (1 - step++ / steps));
    }
    double count = 0;
    for (std::int64_t row = 0; row < held_out_rows; ++row) {
      const std::int32_t image = held_out.images[static_cast<std::size_t>(run * held_out_rows + row)];
      if (image < 0) continue;
      score.loss += network.forward(image, hit);
      score.accuracy += hit ? 1 : 0;
      ++count;
    }
    score.loss /= count;
    score.accuracy /= count;
    scores.push_back(score);
  }
  return scores;
}

}  // namespace tune
