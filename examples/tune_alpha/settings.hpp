// What is trained, and how: all that decides the figures, and nothing else. The same settings give the same bits.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace tune {

struct Settings {
  std::string data = "/usr/share/datasets/fashion-mnist";
  std::vector<double> alphas = {0, 0.01, 0.1, 0.2, 0.3, 0.5, 1};
  bool learned = true;          ///< also alphas that are trained: one per layer, and one per channel
  std::int64_t images = 30000;  ///< of the training file, from its start
  int folds = 3, seeds = 2;     ///< every alpha is trained folds * seeds times
  std::vector<std::int64_t> hidden = {64, 64};
  int epochs = 5;
  std::int64_t batch = 128;
  double rate = 0.02, momentum = 0.9;  ///< the rate falls to 0 along a straight line
  std::uint64_t seed = 1;
};

/// One function that is tried: a fixed alpha, or where a learned one begins.
struct Variant {
  enum class Kind { fixed, learned_per_layer, learned_per_channel };
  Kind kind = Kind::fixed;
  double alpha = 0;

  std::string name() const;
};

/// The fixed alphas in their order, then the learned ones.
std::vector<Variant> variants(const Settings& settings);

}  // namespace tune
