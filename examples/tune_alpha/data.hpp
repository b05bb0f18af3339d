// The images and labels, the folds of the cross-validation, and random numbers.
#pragma once

#include "settings.hpp"

#include "idx.hpp"

#include <random>

namespace tune {

constexpr std::int64_t classes = 10;

struct Dataset {
  std::int64_t pixels = 0;  ///< of an image
  std::vector<unsigned char> images, labels;
  float mean = 0, scale = 1;  ///< (pixel - mean) * scale has mean 0 and standard deviation 1

  std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

/// The first images, at most so many.
Dataset dataset(idx::Labelled images, std::int64_t most);
/// Of all pixels and labels.
std::uint32_t checksum(const Dataset& data);

/// What random numbers are for. Each purpose has its own stream, so a run can be continued at any step.
enum Purpose : std::uint32_t { fold_split = 1, epoch_order = 2, first_weights = 3 };

/// The same bits with every standard library: the standard specifies its engines, but not its distributions.
class Random {
 public:
  Random(std::int64_t seed, std::vector<std::uint32_t> purpose);

  /// In [0, 1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  void shuffle(std::vector<std::int32_t>& values);

 private:
  std::mt19937_64 engine_;
};

/// The images that each run sees in an epoch: their numbers, [run, step, row of the batch], -1 in rows that are not used. A run
/// is a seed and a fold, [seed, fold].
struct Order {
  /// An epoch of training: each image outside the run's fold once, shuffled anew. Images that do not fill a batch are left out.
  /// Epoch -1 is the validation: each image of the run's fold once.
  Order(const Settings& settings, std::int64_t count, std::int64_t epoch);

  std::int64_t steps;
  std::vector<std::int32_t> images;
};

}  // namespace tune
