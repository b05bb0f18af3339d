// The images and labels, the folds they fall into, and the order in which an epoch takes them.
#pragma once

#include "settings.hpp"

#include <cstdint>
#include <vector>

namespace tune {

constexpr std::int64_t classes = 10;

struct Dataset {
  std::int64_t count = 0, pixels = 0;
  std::vector<unsigned char> images, labels;
  float mean = 0, scale = 1;  ///< (pixel - mean) * scale has mean 0 and standard deviation 1
};

/// The first settings.images of the training files. Throws std::runtime_error naming the file and what is wrong with it.
Dataset load(const Settings& settings);
/// Pixels and labels of one's own: mean and scale are computed, and what does not fit together is refused under `name`.
Dataset dataset(const std::string& name, std::int64_t pixels, std::vector<unsigned char> images,
                std::vector<unsigned char> labels);

/// A checksum of all pixels and labels, by which a later run knows that it sees the same data.
std::uint32_t checksum(const Dataset& data);

/// Numbers of images: [step, run, row of the batch], -1 where a batch is not full. A run is a seed and a fold of it.
struct Order {
  std::int64_t steps = 0;
  std::vector<std::int32_t> images;
};

class Folds {
 public:
  Folds(const Settings& settings, std::int64_t images);

  int runs() const { return folds_ * seeds_; }
  std::int64_t training_steps() const;
  /// Every image outside of the run's fold once, shuffled anew each epoch; the rest that fills no batch is left out.
  Order training(int epoch) const;
  /// Every image of the run's fold once.
  Order validation() const;
  std::int64_t validation_images(int run) const { return begin(fold_of(run) + 1) - begin(fold_of(run)); }

 private:
  int fold_of(int run) const { return run % folds_; }
  std::int64_t begin(int fold) const { return images_ * fold / folds_; }

  int folds_, seeds_;
  std::int64_t batch_, images_;
  std::uint64_t seed_;
  std::vector<std::int32_t> shuffled_;
};

}  // namespace tune
